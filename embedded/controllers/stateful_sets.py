"""The controller of StatefulSets with one replica: a pod of always the same name.

The next one is made only when the one before is gone, whatever became of it.
"""

from embedded.admission import admission
from embedded.controllers.workloads import children, owner_reference
from embedded.node.recorder import record
from embedded.store.objects import (
    Object,
    is_finished,
    is_ready,
    is_terminating,
    name_of,
    namespace_of,
    owner_uids,
    uid_of,
)
from embedded.store.resources import PODS, STATEFUL_SETS
from embedded.store.store import Store

CONTROLLER = "statefulset-controller"


async def run(store: Store) -> None:
    """Reconcile StatefulSets for ever."""
    with store.watch() as events:
        while True:
            event = await events.get()
            if event.resource is STATEFUL_SETS:
                reconcile(store, event.object)
            if event.resource is PODS:
                for owner in store.items(STATEFUL_SETS, namespace_of(event.object)):
                    if uid_of(owner) in owner_uids(event.object):
                        reconcile(store, owner)


def reconcile(store: Store, seen: Object) -> None:
    """Keep pod NAME-0; one that has ended is deleted first, one that is going is waited for."""
    owner = store.current(STATEFUL_SETS, seen)
    if owner is None:
        return
    name = f"{name_of(owner)}-0"
    if not is_terminating(owner):
        pod = store.find(PODS, namespace_of(owner), name)
        if pod is None:
            _create_pod(store, owner, name)
        elif is_finished(pod) and not is_terminating(pod):
            admission.delete(store, PODS, pod)
    _report(store, owner)


def _create_pod(store: Store, owner: Object, name: str) -> None:
    template = owner["spec"]["template"]
    given = template.get("metadata") or {}
    of_pod = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": "0"}
    metadata = {
        "name": name,
        "namespace": namespace_of(owner),
        "labels": (given.get("labels") or {}) | of_pod,
        "annotations": given.get("annotations") or {},
        "ownerReferences": [owner_reference(owner)],
    }
    admission.create(store, PODS, {"metadata": metadata, "spec": template["spec"]})
    message = f"create Pod {name} in StatefulSet {name_of(owner)} successful"
    record(store, STATEFUL_SETS, owner, "SuccessfulCreate", message, component=CONTROLLER)


def _report(store: Store, owner: Object) -> None:
    pods = children(store, PODS, owner)
    ready = sum(map(is_ready, pods))
    status = {
        "replicas": len(pods),
        "currentReplicas": len(pods),
        "observedGeneration": owner["metadata"]["generation"],
        **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
    }
    store.change(STATEFUL_SETS, owner, lambda new: new.update(status=status))
