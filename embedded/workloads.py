"""The controllers of Deployments and ReplicaSets.

Each reconciles one object to what its spec says, whenever it or one of its children changes.
"""

import hashlib
import json

from . import admission
from .children import children, create_pod, delete_pod, is_ready
from .objects import (
    Object,
    controller_reference,
    is_finished,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    owner_uids,
    set_condition,
    uid_of,
)
from .recorder import record
from .resources import DEPLOYMENTS, PODS, REPLICA_SETS, Resource
from .store import Store

RECONCILED = (DEPLOYMENTS, REPLICA_SETS)


async def run(store: Store) -> None:
    """Reconcile Deployments and ReplicaSets for ever."""
    with store.watch() as events:
        while True:
            event = await events.get()
            if event.resource in RECONCILED:
                reconcile(store, event.resource, event.object)
            if event.resource in {PODS, REPLICA_SETS}:
                reconcile_owners(store, event.object)


def reconcile_owners(store: Store, obj: Object) -> None:
    """Reconcile what owns an object, and what owns that."""
    for resource in RECONCILED:
        for owner in store.items(resource, namespace_of(obj)):
            if uid_of(owner) in owner_uids(obj):
                reconcile(store, resource, owner)
                reconcile_owners(store, owner)


def reconcile(store: Store, resource: Resource, obj: Object) -> None:
    """Bring what an object owns to what its spec says, if it still exists."""
    current = store.current(resource, obj)
    if current is None:
        return
    if resource is DEPLOYMENTS:
        reconcile_deployment(store, current)
    else:
        reconcile_replica_set(store, current)


def reconcile_replica_set(store: Store, owner: Object) -> None:
    """Keep spec.replicas pods that are neither finished nor terminating."""
    pods = [p for p in children(store, PODS, owner) if not is_finished(p) and not is_terminating(p)]
    if not is_terminating(owner):
        by = "replicaset-controller"
        for _ in range(owner["spec"]["replicas"] - len(pods)):
            create_pod(store, REPLICA_SETS, owner, by)
        not_ready_first = sorted(pods, key=is_ready)
        for pod in not_ready_first[: max(0, len(pods) - owner["spec"]["replicas"])]:
            delete_pod(store, REPLICA_SETS, owner, pod, by)
    pods = [p for p in children(store, PODS, owner) if not is_finished(p) and not is_terminating(p)]
    ready = sum(map(is_ready, pods))
    status = {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(pods),
        "observedGeneration": owner["metadata"]["generation"],
        **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
    }
    store.change(REPLICA_SETS, owner, lambda new: new.update(status=status))


def template_hash(deployment: Object) -> str:
    """Ten hex digits that stand for the pod template."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def reconcile_deployment(store: Store, deployment: Object) -> None:
    """One ReplicaSet for the present template with all replicas, older ones with none.

    A rollout surges: the old pods go when the new ones are ready; Recreate ends them first.
    """
    replica_sets = children(store, REPLICA_SETS, deployment)
    if not is_terminating(deployment):
        current = f"{name_of(deployment)}-{template_hash(deployment)}"
        older = [rs for rs in replica_sets if name_of(rs) != current]
        newest = next((rs for rs in replica_sets if name_of(rs) == current), None)
        recreate = deployment["spec"]["strategy"]["type"] == "Recreate"
        wanted = deployment["spec"]["replicas"]
        if recreate:
            _scale_all(store, deployment, older, 0)
        if not (recreate and any(children(store, PODS, rs) for rs in older)):
            newest = newest or create_replica_set(store, deployment, current)
            _scale_all(store, deployment, [newest], wanted)
            if newest["status"].get("readyReplicas", 0) >= wanted:
                _scale_all(store, deployment, older, 0)
    report_deployment(store, deployment)


def create_replica_set(store: Store, deployment: Object, name: str) -> Object:
    """The ReplicaSet of the Deployment's present template."""
    digest = {"pod-template-hash": template_hash(deployment)}
    template = deployment["spec"]["template"]
    labels = labels_of({"metadata": template["metadata"]}) | digest
    selector = deployment["spec"]["selector"]
    spec = {
        "replicas": deployment["spec"]["replicas"],
        "selector": selector | {"matchLabels": (selector.get("matchLabels") or {}) | digest},
        "template": template | {"metadata": template["metadata"] | {"labels": labels}},
    }
    metadata = {
        "name": name,
        "namespace": namespace_of(deployment),
        "labels": labels,
        "annotations": {"deployment.kubernetes.io/desired-replicas": str(spec["replicas"])},
        "ownerReferences": [controller_reference(deployment)],
    }
    created = admission.create(store, REPLICA_SETS, {"metadata": metadata, "spec": spec})
    _record_scaling(store, deployment, created, 0, spec["replicas"])
    return created


def _scale_all(store: Store, deployment: Object, sets: list[Object], replicas: int) -> None:
    for replica_set in sets:
        before = replica_set["spec"]["replicas"]
        if before == replicas:
            continue
        store.change(REPLICA_SETS, replica_set, lambda new: new["spec"].update(replicas=replicas))
        _record_scaling(store, deployment, replica_set, before, replicas)


def _record_scaling(
    store: Store, deployment: Object, replica_set: Object, before: int, after: int
) -> None:
    direction = "up" if after > before else "down"
    message = f"Scaled {direction} replica set {name_of(replica_set)} from {before} to {after}"
    by = "deployment-controller"
    record(store, DEPLOYMENTS, deployment, "ScalingReplicaSet", message, component=by)


def report_deployment(store: Store, deployment: Object) -> None:
    """Write the Deployment's status from its ReplicaSets'."""
    sets = children(store, REPLICA_SETS, deployment)
    current = f"{name_of(deployment)}-{template_hash(deployment)}"
    total = sum(rs["status"].get("replicas", 0) for rs in sets)
    ready = sum(rs["status"].get("readyReplicas", 0) for rs in sets)
    updated = sum(rs["status"].get("replicas", 0) for rs in sets if name_of(rs) == current)
    wanted = deployment["spec"]["replicas"]
    counts = {
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, max(wanted, total) - ready),
    }
    available = ready >= max(0, wanted - wanted // 4)

    def report(new: Object) -> None:
        conditions = new["status"].get("conditions") or []
        status = {key: count for key, count in counts.items() if count}
        status |= {"observedGeneration": new["metadata"]["generation"], "conditions": conditions}
        set_condition(status, _available(available))
        set_condition(status, _progressing(current, done=ready >= wanted == updated == total))
        new["status"] = status

    store.change(DEPLOYMENTS, deployment, report)


def _available(available: bool) -> Object:
    prefix, does = ("Minimum", "has") if available else ("MinimumReplicasUn", "does not have")
    reason = "MinimumReplicasAvailable" if available else f"{prefix}available"
    message = f"Deployment {does} minimum availability."
    return {"type": "Available", "status": str(available), "reason": reason, "message": message}


def _progressing(replica_set: str, done: bool) -> Object:
    reason = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
    does = "has successfully progressed" if done else "is progressing"
    message = f'ReplicaSet "{replica_set}" {does}.'
    return {"type": "Progressing", "status": "True", "reason": reason, "message": message}
