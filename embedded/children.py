"""What the controllers of pods share: an owner's children, and how they come and go."""

from . import admission
from .objects import (
    Object,
    condition_of,
    controller_reference,
    name_of,
    namespace_of,
    owner_uids,
    uid_of,
)
from .recorder import record
from .resources import PODS, Resource
from .store import Store


def children(store: Store, resource: Resource, owner: Object) -> list[Object]:
    """The objects of a resource that an owner controls."""
    uid = uid_of(owner)
    return [obj for obj in store.items(resource, namespace_of(owner)) if uid in owner_uids(obj)]


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    ready = condition_of(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def new_pod(owner: Object) -> Object:
    """A pod from the owner's template."""
    template = owner["spec"]["template"]
    metadata = {
        **(template.get("metadata") or {}),
        "generateName": f"{name_of(owner)}-",
        "namespace": namespace_of(owner),
        "ownerReferences": [controller_reference(owner)],
    }
    return {"metadata": metadata, "spec": template["spec"]}


def create_pod(
    store: Store, resource: Resource, owner: Object, by: str, finalizers: tuple[str, ...] = ()
) -> None:
    """Create a pod from the owner's template and say so."""
    pod = new_pod(owner)
    pod["metadata"]["finalizers"] = list(finalizers)
    pod = admission.create(store, PODS, pod)
    message = f"Created pod: {name_of(pod)}"
    record(store, resource, owner, "SuccessfulCreate", message, component=by)


def delete_pod(store: Store, resource: Resource, owner: Object, pod: Object, by: str) -> None:
    """Delete an owner's pod and say so."""
    admission.delete(store, PODS, pod)
    message = f"Deleted pod: {name_of(pod)}"
    record(store, resource, owner, "SuccessfulDelete", message, component=by)
