"""The taint that says that a node is off: Kubernetes then gives its pods and volumes away.

Only for a node that is off for certain: on one that lives two writers would have the volume.
"""

from contextlib import suppress

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, NotFound
from tasks.kubernetes.nodes import is_ready, spec_of
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.cordon import on_conflict, patch_marked, undoing_of

# As the documents of Kubernetes have it: concepts/cluster-administration/node-shutdown.
TAINT = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
MARKED = "out_of_service"


def put(cluster: Cluster, name: str) -> bool:
    """Taint a node that a storm has taken down; whether it has this run's taint now.

    Not while it is seen Ready: then a taint of before is taken away. Nor where somebody has put the
    taint there: it stays theirs. One patch has the taint and its undoing, and is a Conflict where
    the node has changed since it was read.
    """
    node = verbs.get(cluster, "Node", name)
    mark = undoing_of(node)
    if mark is None or "fault" not in mark:
        raise ClusterError(f"tainting node {name}: no storm's mark is on it any more; left alone")
    if mark.get(MARKED):
        if is_ready(node):
            _take(cluster, node, mark)
        return not is_ready(node)
    taints = spec_of(node).get("taints") or []
    if is_ready(node) or any(_same_place(taint) for taint in taints):
        return False
    _patch(cluster, node, mark | {MARKED: True}, [*taints, TAINT])
    return True


@on_conflict
def end(cluster: Cluster, name: str) -> None:
    """Take a storm's taint from a node; harmless where there is none of a storm's."""
    with suppress(NotFound):  # a node that is gone has taken its taint along
        node = verbs.get(cluster, "Node", name)
        mark = undoing_of(node)
        if mark is not None and mark.get(MARKED):
            _take(cluster, node, mark)


def _take(cluster: Cluster, node: Obj, mark: Obj) -> None:
    left = [t for t in spec_of(node).get("taints") or [] if not TAINT.items() <= t.items()]
    _patch(cluster, node, {key: mark[key] for key in mark if key != MARKED}, left)


def _same_place(taint: Obj) -> bool:
    return (taint["key"], taint["effect"]) == (TAINT["key"], TAINT["effect"])


def _patch(cluster: Cluster, node: Obj, mark: Obj, taints: list[Obj]) -> None:
    patch_marked(cluster, node, mark, {"spec": {"taints": taints or None}})
