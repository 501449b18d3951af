"""Garbage collection by ownerReferences, and the emptying of deleted namespaces."""

from embedded.admission import admission
from embedded.admission.admission import FOREGROUND, ORPHAN
from embedded.store.objects import Object, is_terminating, name_of, namespace_of, owner_uids, uid_of
from embedded.store.resources import NAMESPACES, SERVED, Resource
from embedded.store.store import Event, Store

Found = list[tuple[Resource, Object]]


async def run(store: Store) -> None:
    """Collect for ever what has no owner or no namespace any more."""
    with store.watch() as events:
        while True:
            collect(store, await events.get())


def collect(store: Store, event: Event) -> None:
    """Do what a change asks for: at the object, its dependents, its owners, its namespace."""
    obj = event.object
    if event.type == "DELETED":
        for resource, dependent in dependents(store, obj):
            delete_if_unowned(store, resource, dependent)
        for resource, owner in owners(store, obj):
            finish_deletion(store, resource, owner)
    else:
        delete_if_unowned(store, event.resource, obj)
        finish_deletion(store, event.resource, obj)
    name = name_of(obj) if event.resource is NAMESPACES else namespace_of(obj)
    if (namespace := store.find(NAMESPACES, "", name)) and is_terminating(namespace):
        empty_namespace(store, namespace)


def everything(store: Store, namespace: str = "") -> Found:
    """All objects, or those in one namespace, with their resources."""
    kinds = [resource for resource in SERVED if resource.namespaced or not namespace]
    return [(resource, obj) for resource in kinds for obj in store.items(resource, namespace)]


def dependents(store: Store, owner: Object) -> Found:
    """The objects that name this one as an owner; those of a namespaced owner live beside it."""
    found = everything(store, namespace_of(owner))
    return [(resource, obj) for resource, obj in found if uid_of(owner) in owner_uids(obj)]


def owners(store: Store, obj: Object) -> Found:
    """The owners of an object that exist."""
    if not (uids := owner_uids(obj)):
        return []
    return [(resource, owner) for resource, owner in everything(store) if uid_of(owner) in uids]


def delete_if_unowned(store: Store, resource: Resource, seen: Object) -> None:
    """Delete an object that had owners and has none left."""
    obj = store.current(resource, seen)
    if obj and owner_uids(obj) and not is_terminating(obj) and not owners(store, obj):
        admission.delete(store, resource, obj, propagation="Background")


def finish_deletion(store: Store, resource: Resource, seen: Object) -> None:
    """Go on with a foreground or an orphaning deletion of an owner."""
    owner = store.current(resource, seen)
    if owner is None or not is_terminating(owner):
        return
    finalizers = owner["metadata"].get("finalizers") or []
    if ORPHAN in finalizers:
        for kind, dependent in dependents(store, owner):
            store.change(kind, dependent, lambda new: _disown(new, uid_of(owner)))
        store.change(resource, owner, lambda new: admission.remove_finalizer(new, ORPHAN))
    elif FOREGROUND in finalizers:
        for kind, dependent in dependents(store, owner):
            if not is_terminating(dependent):
                admission.delete(store, kind, dependent, propagation="Foreground")
        if not dependents(store, owner):
            store.change(resource, owner, lambda new: admission.remove_finalizer(new, FOREGROUND))


def _disown(obj: Object, uid: str) -> None:
    references = obj["metadata"].get("ownerReferences") or []
    obj["metadata"]["ownerReferences"] = [r for r in references if r["uid"] != uid]


def empty_namespace(store: Store, namespace: Object) -> None:
    """Delete what is in a namespace; let the namespace go when nothing is."""
    for resource, obj in everything(store, name_of(namespace)):
        if not is_terminating(obj):
            admission.delete(store, resource, obj, propagation="Background")
    left = everything(store, name_of(namespace))

    def progress(new: Object) -> None:
        new["status"]["phase"] = "Terminating"
        if not left:
            new["spec"]["finalizers"] = []

    store.change(NAMESPACES, namespace, progress)
