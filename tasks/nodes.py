"""Nodes in a storm: which may be drained, and a cordon whose undoing is written down first."""

import json
import os
import platform

from tenacity import retry, retry_if_exception_type, stop_after_attempt

from tasks import cluster as k8s
from tasks.check_nodes import usable
from tasks.cluster import Cluster, ClusterError, Obj
from tasks.plan import Plan

ANNOTATION = "stormark/cordoned-by"
CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def eligible(cluster: Cluster, plan: Plan) -> list[Obj]:
    """The nodes that a storm may drain, by name.

    Selected by the plan's `storm_nodes`, and usable for its pods, so not cordoned by somebody;
    never a control-plane node, or the node that this process runs on: in a pod STORMARK_NODE names
    it, elsewhere it is known by its hostname.
    """
    nodes = k8s.find(cluster, "Node", label=plan.storm_nodes)
    return sorted(
        (n for n in nodes if usable(n, plan) and not _set_apart(n)),
        key=lambda n: str(n["metadata"]["name"]),
    )


def _set_apart(node: Obj) -> bool:
    meta, here = node["metadata"], {os.environ.get("STORMARK_NODE", platform.node())}
    names = {meta["name"], meta.get("labels", {}).get("kubernetes.io/hostname")}
    return bool(here & names) or any(role in meta.get("labels", {}) for role in CONTROL_PLANE)


# Somebody else changed the node between reading and patching it.
_on_conflict = retry(
    retry=retry_if_exception_type(k8s.Conflict), stop=stop_after_attempt(5), reraise=True
)


@_on_conflict
def cordon(cluster: Cluster, name: str, *, run_id: str, deadline: str) -> None:
    """Cordon a node, and write on it by whom, until when, and how it was before.

    Raises ClusterError, and leaves the node alone, when it is cordoned already, or when another run
    has a storm on any node.
    """
    node = _free(cluster, name, run_id)
    if node["spec"].get("unschedulable", False):
        raise ClusterError(f"cordoning node {name}: somebody has cordoned it already; left alone")
    undoing = {"run": run_id, "deadline": deadline, "was_schedulable": True}
    _write_down(cluster, node, undoing, {"spec": {"unschedulable": True}})


@_on_conflict
def record_fault(cluster: Cluster, name: str, storm: str, *, run_id: str, deadline: str) -> None:
    """Write on a node which storm is about to break it, for whom and until when; no cordon.

    Raises ClusterError, and leaves the node alone, when a storm holds it or another node already.
    """
    node = _free(cluster, name, run_id)
    if undoing_of(node) is not None:
        raise ClusterError(f"breaking node {name}: a storm has it already; see `stormark reap`")
    # undoing it changes no cordon
    undoing = {"run": run_id, "deadline": deadline, "was_schedulable": False, "fault": storm}
    _write_down(cluster, node, undoing, {})


def _free(cluster: Cluster, name: str, run_id: str) -> Obj:
    """The node as it is; ClusterError when another run has a storm on any."""
    found = {node["metadata"]["name"]: node for node in k8s.find(cluster, "Node")}
    for other, node in found.items():
        by = undoing_of(node)
        if by is not None and by["run"] != run_id:
            raise ClusterError(
                f"a storm on node {name}: run {by['run']} of namespace {by['namespace']} has "
                f"a storm on {other}, and one node at a time is enough"
            )
    return found[name] if name in found else k8s.get(cluster, "Node", name)


def _write_down(cluster: Cluster, node: Obj, undoing: Obj, change: Obj) -> None:
    """One patch has the change and its undoing, so there is never one without the other.

    The node's version in it makes it a Conflict if anybody else changed the node since.
    """
    meta = {
        "annotations": {ANNOTATION: json.dumps(undoing | {"namespace": cluster.namespace})},
        "resourceVersion": node["metadata"]["resourceVersion"],
    }
    k8s.patch(cluster, "Node", node["metadata"]["name"], {"metadata": meta} | change)


def uncordon(cluster: Cluster, name: str) -> None:
    """Make a node as it was before `cordon`; harmless where there is nothing to undo."""
    node = k8s.get(cluster, "Node", name)
    undoing = undoing_of(node)
    if undoing is None:
        return
    change: Obj = {"metadata": {"annotations": {ANNOTATION: None}}}
    if undoing["was_schedulable"]:
        change["spec"] = {"unschedulable": None}
    k8s.patch(cluster, "Node", name, change)


def undoing_of(node: Obj) -> dict[str, str | bool] | None:
    """What a run wrote on a node before it cordoned it; None where no run did."""
    text = (node["metadata"].get("annotations") or {}).get(ANNOTATION)
    undoing: dict[str, str | bool] | None = json.loads(text) if text else None
    return undoing


def uncordon_all(cluster: Cluster, run_id: str) -> list[tuple[str, str]]:
    """Undo every cordon of a run.

    Returns the nodes that a command of the user's has broken, each with its storm: how to mend it
    is known to the user alone, so what is written on it stays.
    """
    broken = []
    for node in k8s.find(cluster, "Node"):
        undoing = undoing_of(node)
        if undoing is None or undoing["run"] != run_id:
            continue
        if "fault" in undoing:
            broken.append((str(node["metadata"]["name"]), str(undoing["fault"])))
        else:
            uncordon(cluster, node["metadata"]["name"])
    return broken
