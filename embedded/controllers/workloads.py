"""The controllers of Deployments and ReplicaSets, and what they share with that of Jobs.

Each reconciles one object to what its spec says, whenever it or one of its children changes.
"""

import hashlib
import json

from embedded.admission import admission
from embedded.node.recorder import record
from embedded.store.objects import (
    Object,
    is_finished,
    is_ready,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    owner_uids,
    set_condition,
    uid_of,
)
from embedded.store.resources import DEPLOYMENTS, PODS, REPLICA_SETS, Resource
from embedded.store.store import Store

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


def reconcile(store: Store, resource: Resource, seen: Object) -> None:
    """Bring what an object owns to what its spec says, if it still exists."""
    current = store.current(resource, seen)
    if current and resource is DEPLOYMENTS:
        reconcile_deployment(store, current)
    elif current:
        reconcile_replica_set(store, current)


# ---------------------------------------------------------------- an owner and its pods


def children(store: Store, resource: Resource, owner: Object) -> list[Object]:
    """The objects of a resource that an owner controls."""
    uid = uid_of(owner)
    return [obj for obj in store.items(resource, namespace_of(owner)) if uid in owner_uids(obj)]


def active(pods: list[Object]) -> list[Object]:
    """The pods that have neither ended nor been told to."""
    return [pod for pod in pods if not is_finished(pod) and not is_terminating(pod)]


def owner_reference(owner: Object) -> Object:
    """The ownerReference by which a controller's child names its owner."""
    of = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    which = {"name": name_of(owner), "uid": uid_of(owner)}
    return of | which | {"controller": True, "blockOwnerDeletion": True}


def create_pod(
    store: Store, resource: Resource, owner: Object, by: str, finalizers: tuple[str, ...] = ()
) -> None:
    """Create a pod from the owner's template and say so."""
    template = owner["spec"]["template"]
    given = template.get("metadata") or {}
    metadata = {
        **{key: given[key] for key in ("labels", "annotations") if key in given},
        "generateName": f"{name_of(owner)}-",
        "namespace": namespace_of(owner),
        "ownerReferences": [owner_reference(owner)],
        "finalizers": list(finalizers),
    }
    pod = admission.create(store, PODS, {"metadata": metadata, "spec": template["spec"]})
    message = f"Created pod: {name_of(pod)}"
    record(store, resource, owner, "SuccessfulCreate", message, component=by)


def delete_pod(store: Store, resource: Resource, owner: Object, pod: Object, by: str) -> None:
    """Delete an owner's pod and say so."""
    admission.delete(store, PODS, pod)
    message = f"Deleted pod: {name_of(pod)}"
    record(store, resource, owner, "SuccessfulDelete", message, component=by)


# ---------------------------------------------------------------- ReplicaSets


def reconcile_replica_set(store: Store, owner: Object) -> None:
    """Keep spec.replicas pods that are neither finished nor terminating."""
    pods, wanted = active(children(store, PODS, owner)), owner["spec"]["replicas"]
    if not is_terminating(owner):
        by = "replicaset-controller"
        for _ in range(wanted - len(pods)):
            create_pod(store, REPLICA_SETS, owner, by)
        for pod in sorted(pods, key=is_ready)[: max(0, len(pods) - wanted)]:
            delete_pod(store, REPLICA_SETS, owner, pod, by)
    pods = active(children(store, PODS, owner))
    ready = sum(map(is_ready, pods))
    status = {
        "replicas": len(pods),
        "observedGeneration": owner["metadata"]["generation"],
        **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
    }
    store.change(REPLICA_SETS, owner, lambda new: new.update(status=status))


# ---------------------------------------------------------------- Deployments


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
        recreate = deployment["spec"]["strategy"].get("type") == "Recreate"
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
    """The ReplicaSet of the Deployment's present template, with no replicas yet."""
    digest = {"pod-template-hash": template_hash(deployment)}
    template, selector = deployment["spec"]["template"], deployment["spec"]["selector"]
    labels = labels_of({"metadata": template["metadata"]}) | digest
    spec = {
        "replicas": 0,
        "selector": selector | {"matchLabels": (selector.get("matchLabels") or {}) | digest},
        "template": template | {"metadata": template["metadata"] | {"labels": labels}},
    }
    metadata = {
        "name": name,
        "namespace": namespace_of(deployment),
        "labels": labels,
        "ownerReferences": [owner_reference(deployment)],
    }
    return admission.create(store, REPLICA_SETS, {"metadata": metadata, "spec": spec})


def _scale_all(store: Store, deployment: Object, sets: list[Object], replicas: int) -> None:
    for replica_set in sets:
        before = replica_set["spec"]["replicas"]
        if before == replicas:
            continue
        store.change(REPLICA_SETS, replica_set, lambda new: new["spec"].update(replicas=replicas))
        direction = "up" if replicas > before else "down"
        what = f"replica set {name_of(replica_set)} from {before} to {replicas}"
        message = f"Scaled {direction} {what}"
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
    reason = f"MinimumReplicas{'Available' if available else 'Unavailable'}"

    def report(new: Object) -> None:
        conditions = new["status"].get("conditions") or []
        status = {key: count for key, count in counts.items() if count}
        status |= {"observedGeneration": new["metadata"]["generation"], "conditions": conditions}
        condition = {"type": "Available", "status": str(available), "reason": reason}
        set_condition(status, condition)
        new["status"] = status

    store.change(DEPLOYMENTS, deployment, report)
