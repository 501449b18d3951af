"""Garbage collection by ownerReferences, and the emptying of deleted namespaces."""

from . import admission
from .admission import FOREGROUND, ORPHAN
from .objects import Object, is_terminating, name_of, namespace_of, owner_uids, uid_of
from .resources import NAMESPACES, READ_ONLY, SERVED, Resource
from .store import Event, Store


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
    namespace = name_of(obj) if event.resource is NAMESPACES else namespace_of(obj)
    if (found := store.find(NAMESPACES, "", namespace)) and is_terminating(found):
        empty_namespace(store, found)


def everything(store: Store, namespace: str = "") -> list[tuple[Resource, Object]]:
    """All objects, or those in one namespace, with their resources."""
    kinds = [r for r in SERVED if r not in READ_ONLY and (r.namespaced or not namespace)]
    return [(resource, obj) for resource in kinds for obj in store.items(resource, namespace)]


def dependents(store: Store, owner: Object) -> list[tuple[Resource, Object]]:
    """The objects that name this one as an owner; those of a namespaced owner live beside it."""
    uid = uid_of(owner)
    found = everything(store, namespace_of(owner))
    return [(resource, obj) for resource, obj in found if uid in owner_uids(obj)]


def owners(store: Store, obj: Object) -> list[tuple[Resource, Object]]:
    """The owners of an object that exist."""
    uids = owner_uids(obj)
    if not uids:
        return []
    return [(resource, owner) for resource, owner in everything(store) if uid_of(owner) in uids]


def delete_if_unowned(store: Store, resource: Resource, obj: Object) -> None:
    """Delete an object that had owners and has none left."""
    current = store.current(resource, obj)
    if current is None or not owner_uids(current) or is_terminating(current):
        return
    if not owners(store, current):
        admission.delete(store, resource, current, propagation="Background")


def finish_deletion(store: Store, resource: Resource, owner: Object) -> None:
    """Go on with a foreground or an orphaning deletion of an owner."""
    current = store.current(resource, owner)
    if current is None or not is_terminating(current):
        return
    owner = current
    finalizers = owner["metadata"].get("finalizers") or []
    if ORPHAN in finalizers:
        for kind, dependent in dependents(store, owner):
            store.change(kind, dependent, lambda new: _disown(new, uid_of(owner)))
        store.change(resource, owner, lambda new: admission.remove_finalizer(new, ORPHAN))
    elif FOREGROUND in finalizers:
        left = dependents(store, owner)
        for kind, dependent in left:
            if not is_terminating(dependent):
                admission.delete(store, kind, dependent, propagation="Foreground")
        if not dependents(store, owner):
            store.change(resource, owner, lambda new: admission.remove_finalizer(new, FOREGROUND))


def _disown(obj: Object, uid: str) -> None:
    references = obj["metadata"].get("ownerReferences") or []
    obj["metadata"]["ownerReferences"] = [r for r in references if r["uid"] != uid]


def empty_namespace(store: Store, namespace: Object) -> None:
    """Delete what is in a namespace; let the namespace go when nothing is."""
    name = name_of(namespace)
    for resource, obj in everything(store, name):
        if not is_terminating(obj):
            admission.delete(store, resource, obj, propagation="Background")
    if store.find(NAMESPACES, "", name) is None:
        return
    if everything(store, name):
        if namespace["status"]["phase"] != "Terminating":
            terminating = {"phase": "Terminating"}
            store.change(NAMESPACES, namespace, lambda new: new["status"].update(terminating))
    else:
        store.change(NAMESPACES, namespace, lambda new: new["spec"].update(finalizers=[]))
