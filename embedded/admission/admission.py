"""Creating and deleting: what the API server decides before the store is written."""

import copy

from embedded.admission import defaults, validation
from embedded.store import errors
from embedded.store.objects import Object, is_finished, is_terminating, namespace_of, random_suffix
from embedded.store.resources import JOBS, NAMESPACES, PODS, Resource
from embedded.store.store import Store

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


def create(store: Store, resource: Resource, obj: Object, *, dry_run: bool = False) -> Object:
    """Validate, complete and store a new object; not stored with `dry_run`."""
    obj = copy.deepcopy(obj)
    if resource.namespaced:
        _check_namespace(store, resource, obj)
    validation.check_new(resource, obj)
    metadata = obj["metadata"]
    if not metadata.get("name"):
        metadata["name"] = metadata["generateName"] + random_suffix()
    defaults.fill(store, resource, obj)
    return store.create(resource, obj, dry_run=dry_run)


def _check_namespace(store: Store, resource: Resource, obj: Object) -> None:
    name = namespace_of(obj)
    if is_terminating(store.get(NAMESPACES, "", name)):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        why = f"unable to create new content in namespace {name} because it is being terminated"
        raise errors.forbidden(resource, obj["metadata"].get("name", ""), why, [cause])


def delete(
    store: Store,
    resource: Resource,
    obj: Object,
    grace: int | None = None,
    propagation: str | None = None,
) -> Object:
    """Ask for the deletion of an object; grace in seconds, None for the pod's own.

    Propagation is Background, Foreground or Orphan; by default Background, but Orphan for
    Jobs (pkg/registry/batch/job/strategy.go: "for back compatibility").
    """
    if propagation is None:
        propagation = "Orphan" if resource is JOBS else "Background"
    finalizer = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(propagation)
    if finalizer and not is_terminating(obj) and resource is not PODS:
        obj = store.change(resource, obj, lambda new: _add_finalizer(new, finalizer))
    return store.delete(resource, obj, _grace(obj, grace) if resource is PODS else 0)


def _add_finalizer(obj: Object, finalizer: str) -> None:
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        finalizers.append(finalizer)


def remove_finalizer(obj: Object, finalizer: str) -> None:
    """Take a finalizer off, in place."""
    finalizers = obj["metadata"].get("finalizers") or []
    obj["metadata"]["finalizers"] = [name for name in finalizers if name != finalizer]


def _grace(pod: Object, asked: int | None) -> int:
    if not pod["spec"].get("nodeName") or is_finished(pod):
        return 0  # nothing runs: no kubelet has to end anything
    return asked if asked is not None else int(pod["spec"]["terminationGracePeriodSeconds"])
