"""Undoes a run: cordons, objects, PVs and folders on nodes, from labels and annotations alone."""

import secrets
from collections.abc import Mapping
from typing import Any

from tasks import cluster as k8s
from tasks import labels, node_faults, nodes
from tasks.cluster import Cluster, ClusterError, Obj
from tasks.plan import NodeFault, Plan, Toleration
from tasks.script_job import run_script

GONE_LIMIT_SECONDS = 120.0
# What a run creates itself, in the order of its release; pods go with their owners, PVs with PVCs.
CREATED = ("Deployment", "Job", "Pod", "PersistentVolumeClaim")
HOST_ROOT = "/var/tmp"  # noqa: S108 - on the nodes, where every distribution has it


def release(cluster: Cluster, run_id: str, plan: Plan) -> None:
    """Undo all that a run did, from labels and annotations alone, and wait until it is gone.

    Nodes first, since others wait for them: cordons, then what the plan's commands have
    broken; then what is in the namespace and its PVs; then folders on nodes; last the ConfigMap
    that says which. Commands, image and limits are those of `plan`, the caller's own: what a
    ConfigMap of the cluster says is never run. Safe to call again. Raises ClusterError that says
    what remains and how to remove it.
    """
    _mend(cluster, run_id, plan.node_faults)
    selector = labels.selector(run_id)
    volumes = _volumes_of(cluster, selector)
    for kind in CREATED:
        for item in k8s.find(cluster, kind, label=selector):
            k8s.delete(cluster, kind, item["metadata"]["name"])
    for kind in CREATED:
        _wait_gone(cluster, kind, selector)
    for volume in k8s.find(cluster, "PersistentVolume", label=selector):
        if not is_of(cluster, volume):
            continue
        k8s.delete(cluster, "PersistentVolume", volume["metadata"]["name"])
        volumes.append(volume["metadata"]["name"])
    for name in volumes:
        _wait_gone(cluster, "PersistentVolume", "", name=name)
    for owner in k8s.find(cluster, "ConfigMap", label=selector):
        _remove_host_folders(cluster, plan, owner)
        k8s.delete(cluster, "ConfigMap", owner["metadata"]["name"])
    for kind in (*CREATED, "ConfigMap"):
        _wait_gone(cluster, kind, selector)


def _mend(cluster: Cluster, run_id: str, faults: Mapping[str, NodeFault]) -> None:
    """Uncordon, and mend what was broken: one node that stays down keeps no other from it.

    Then the rest is not tried: what was on that node would not go.
    """
    broken, errors = nodes.uncordon_all(cluster, run_id)
    for node, storm in broken:
        try:
            node_faults.mend(cluster, node, storm, faults)
        except ClusterError as error:
            errors.append(str(error))
    if errors:
        again = f"`stormark reap {cluster.options} --plan PLAN`"
        errors.append(f"What run {run_id} made is still there until {again} has mended the nodes")
        raise ClusterError("; ".join(errors))


def host_folder(namespace: str, run_id: str) -> str:
    """The name of a run's folder on a node, below HOST_ROOT; no other namespace can name it."""
    return f"stormark-{namespace}-{run_id}"


def make_host_folders(
    cluster: Cluster, plan: Plan, meta: dict[str, Any], names: list[str]
) -> dict[str, ClusterError]:
    """Make the run's folder on each node, once the run's ConfigMap says that it will be there.

    Returns why it could not be made, by node; on the others it is there.
    """
    change = {"metadata": {"annotations": {labels.HOST_FOLDERS: ",".join(names)}}}
    try:
        k8s.patch(cluster, "ConfigMap", meta["owner"][0]["name"], change)
    except ClusterError as error:
        return dict.fromkeys(names, error)
    path, refused = f"{HOST_ROOT}/{host_folder(cluster.namespace, meta['run_id'])}", {}
    for name in names:
        try:
            _host_folder(cluster, plan, meta, "make", name)
        except ClusterError as error:
            refused[name] = ClusterError(f"making folder {path} on node {name}: {error}")
    return refused


def _remove_host_folders(cluster: Cluster, plan: Plan, configmap: Obj) -> None:
    """Remove a run's folders: one that remains keeps no other from it.

    The ConfigMap says on which nodes, and nothing else: anybody may have written it. The pod is
    tied to its node, whatever its taints are by now.
    """
    annotations = configmap["metadata"].get("annotations") or {}
    folders = [name for name in annotations.get(labels.HOST_FOLDERS, "").split(",") if name]
    if not folders:
        return
    plan = plan.model_copy(update={"tolerations": [Toleration(operator="Exists")]})
    run_id = configmap["metadata"]["labels"][labels.RUN]
    if not labels.RUN_ID.fullmatch(run_id):
        raise ClusterError(
            f"cleaning up: ConfigMap {configmap['metadata']['name']} names folders on nodes, and "
            f"its run {run_id!r} is none of stormark's. Look at it, then delete it"
        )
    meta = {
        "run_id": run_id,
        "labels": labels.of_run(run_id),
        "deadline": annotations.get(labels.DEADLINE, ""),
        "owner": [labels.reference(configmap)],
    }
    path, errors = f"{HOST_ROOT}/{host_folder(cluster.namespace, run_id)}", []
    there = {node["metadata"]["name"] for node in k8s.find(cluster, "Node")}
    for name in folders:
        if name not in there:  # it has left the cluster, and its folder with it
            continue
        try:
            _host_folder(cluster, plan, meta, "remove", name)
        except ClusterError as error:
            errors.append(f"cleaning up: folder {path} on node {name} remains: {error}")
    if errors:
        errors.append(
            f"Remove it there with `rm -rf {path}`, then delete ConfigMap "
            f"{configmap['metadata']['name']}"
        )
        raise ClusterError("; ".join(errors))


def _host_folder(
    cluster: Cluster, plan: Plan, meta: dict[str, Any], action: str, node: str
) -> None:
    run_script(
        cluster,
        plan,
        meta,
        name=f"stormark-{meta['run_id']}-{action}-{secrets.token_hex(3)}",
        file="host-folder.sh",
        arguments=(action,),
        source={"hostPath": {"path": HOST_ROOT, "type": "DirectoryOrCreate"}},
        mount_path="/host",
        nodes=[node],
        user=0,
        env={"STORMARK_FOLDER": host_folder(cluster.namespace, meta["run_id"])},
    )


def is_of(cluster: Cluster, item: Obj) -> bool:
    """Whether the run that made an object works in the cluster's one namespace.

    A PV has no namespace, so its run writes its own there, which may be another one.
    """
    meta = item["metadata"]
    home = meta.get("namespace") or (meta.get("annotations") or {}).get(labels.NAMESPACE)
    return bool(home == cluster.namespace)


def _volumes_of(cluster: Cluster, selector: str) -> list[str]:
    """The PVs that go when their PVCs go."""
    claims = k8s.find(cluster, "PersistentVolumeClaim", label=selector)
    names = {claim["spec"].get("volumeName") for claim in claims}
    return [
        volume["metadata"]["name"]
        for volume in k8s.find(cluster, "PersistentVolume")
        if volume["metadata"]["name"] in names
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    ]


def _wait_gone(cluster: Cluster, kind: str, label: str, name: str = "") -> None:
    def gone(items: dict[str, Any]) -> bool | None:
        return None if items else True

    try:
        k8s.wait(
            cluster,
            kind,
            gone,
            what=f"deletion of every {kind}",
            limit_seconds=GONE_LIMIT_SECONDS,
            label=label,
            name=name,
        )
    except k8s.WaitTimedOut as error:
        if not error.items:  # what is left is not known: the server has been away
            raise
        plural = k8s.KINDS[kind][1]
        left = " ".join(sorted(error.items))
        raise ClusterError(
            f"cleaning up: {plural} {left} still there after {GONE_LIMIT_SECONDS:.0f} s. "
            f"See why with `kubectl -n {cluster.namespace} describe {plural} {left}`"
        ) from error
