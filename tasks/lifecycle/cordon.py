"""Nodes in a storm: which may be drained, and a cordon whose undoing is written down first.

A mark on a node is the cluster's lock too: while any node has one, no other is touched.
"""

import json
import os
import platform
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from tasks.kubernetes import labels, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Conflict, Forbidden, NotFound
from tasks.kubernetes.nodes import hostname, spec_of, usable
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan

ANNOTATION = "stormark/cordoned-by"
# What a mark says beside whether the node was schedulable: anybody may have written it, and it ends
# in sentences and in commands that people copy.
MARK = {
    "run": labels.RUN_ID,
    "namespace": re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
    "deadline": re.compile(r"[0-9T:.+-]*"),
    "fault": re.compile(r"[a-z-]*"),  # of node commands alone
}
# A selector that names nodes, not one that leaves some out.
BY_NAME = re.compile(r"kubernetes\.io/hostname\s*(=|in\b)")
CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def eligible(cluster: Cluster, plan: Plan) -> list[Obj]:
    """The nodes that a storm may drain, by name.

    Selected by the plan's `storm_nodes`, and usable for its pods, so not cordoned by somebody;
    never the node that this process runs on: in a pod STORMARK_NODE names it, elsewhere it is known
    by its hostname; nor a control-plane node, unless `storm_nodes` names nodes by their hostnames.
    None where this account may not list them.
    """
    try:
        nodes = verbs.find(cluster, "Node", label=plan.storm_nodes)
    except Forbidden:
        return []
    return sorted(
        (n for n in nodes if usable(n, plan) and not _set_apart(n, plan)),
        key=lambda n: str(n["metadata"]["name"]),
    )


def _set_apart(node: Obj, plan: Plan) -> bool:
    here = os.environ.get("STORMARK_NODE", platform.node())
    if here in (node["metadata"]["name"], hostname(node)):
        return True
    roles = node["metadata"].get("labels") or {}
    return not BY_NAME.search(plan.storm_nodes) and any(role in roles for role in CONTROL_PLANE)


class NotRestored(Exception):
    """A storm's node is left as the storm made it, or may be: which, how, and what mends it.

    No ClusterError: no cell failed by it, and no further node may be touched.
    """


# Somebody else changed the node between reading and patching it.
on_conflict = retry(
    retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(5), reraise=True
)


class _BothMarked(ClusterError):
    """Two runs marked a node each at the same time, and neither may go on."""


# Each waits another time, so that one of them is first.
_on_both_marked = retry(
    retry=retry_if_exception_type(_BothMarked),
    wait=wait_random(0.2, 2.0),
    stop=stop_after_attempt(5),
    reraise=True,
)


@_on_both_marked
def cordon(cluster: Cluster, name: str, *, run_id: str, deadline: str) -> None:
    """Cordon a node, and write on it by whom, until when, and how it was before.

    Raises ClusterError, and leaves the node alone, when it is cordoned already, or when a run, this
    one included, has a storm on any node. Raises NotRestored when what was begun stays there. Only
    the undoing outlives a server that is away: the fault is timed.
    """
    mark = _mark_of(cluster, run_id, deadline) | {"was_schedulable": False}
    with _marked(cluster, name, mark):
        _cordon(cluster.hasty, name, mark)


@_on_both_marked
def record_fault(cluster: Cluster, name: str, storm: str, *, run_id: str, deadline: str) -> None:
    """Write on a node which storm is about to break it, for whom and until when; no cordon.

    Raises as `cordon`, but a cordon of somebody's is no objection.
    """
    # undoing it changes no cordon
    mark = _mark_of(cluster, run_id, deadline) | {"was_schedulable": False, "fault": storm}
    with _marked(cluster, name, mark):
        pass


def _mark_of(cluster: Cluster, run_id: str, deadline: str) -> Obj:
    """What a storm writes on its node; no other storm writes the same."""
    by = {"run": run_id, "namespace": cluster.namespace, "deadline": deadline}
    return by | {"storm": secrets.token_hex(4)}


@contextmanager
def _marked(cluster: Cluster, name: str, mark: Obj) -> Iterator[None]:
    """Mark a node as a storm's, alone in the cluster, before the block touches it.

    Two runs that mark a node each at the same time both see it, since each looks after it has
    marked, and both give way. Where the block fails the mark goes.
    """
    _write_mark(cluster.hasty, name, mark)
    try:
        _alone(cluster, name)
        yield
    except BaseException as error:
        _undo(name, "marked as a storm's", unmark(name), partial(uncordon, cluster, name), error)
        raise


@on_conflict
def _write_mark(cluster: Cluster, name: str, mark: Obj) -> None:
    found = {node["metadata"]["name"]: node for node in verbs.find(cluster, "Node")}
    node = found[name] if name in found else verbs.get(cluster, "Node", name)
    if undoing_of(node) == mark:  # written by a try whose answer was lost
        return
    for other, by in undoings(list(found.values())):
        raise ClusterError(f"a storm on node {name}: {holder(other, by)}; left alone")
    if "fault" not in mark and spec_of(node).get("unschedulable", False):
        raise ClusterError(f"cordoning node {name}: somebody has cordoned it already; left alone")
    patch_marked(cluster, node, mark, {})


def _alone(cluster: Cluster, name: str) -> None:
    for other, by in undoings(verbs.find(cluster, "Node")):
        if other != name:
            raise _BothMarked(f"a storm on node {name}: {holder(other, by)}; left alone")


def holder(node: str, by: dict[str, str | bool]) -> str:
    """Whose mark is on a node, and what to do where nobody's storm is under way."""
    if not by["run"]:
        words = f"node {node} has an annotation {ANNOTATION} that cannot be read"
        return f"{words} (if no storm is under way, `{unmark(node)}`)"
    return (
        f"run {by['run']} of namespace {by['namespace']} has a storm on {node}, and one node of "
        f"the cluster at a time is enough (if it is dead, `stormark reap --namespace "
        f"{by['namespace']}`)"
    )


def unmark(node: str) -> str:
    """The command by which a person takes a mark from a node."""
    return f"kubectl annotate node {node} {ANNOTATION}-"


@on_conflict
def _cordon(cluster: Cluster, name: str, mark: Obj) -> None:
    node, done = verbs.get(cluster, "Node", name), mark | {"was_schedulable": True}
    if undoing_of(node) == done:
        return
    if spec_of(node).get("unschedulable", False):
        raise ClusterError(f"cordoning node {name}: somebody has cordoned it already; left alone")
    patch_marked(cluster, node, done, {"spec": {"unschedulable": True}})


def patch_marked(cluster: Cluster, node: Obj, mark: Obj, change: Obj) -> None:
    """One patch has the change and its undoing, so there is never one without the other.

    The node's version in it makes it a Conflict if anybody else changed the node since.
    """
    meta = {
        "annotations": {ANNOTATION: json.dumps(mark)},
        "resourceVersion": node["metadata"]["resourceVersion"],
    }
    verbs.patch(cluster, "Node", node["metadata"]["name"], {"metadata": meta} | change)


@contextmanager
def cordoned(cluster: Cluster, name: str, *, run_id: str, deadline: str) -> Iterator[None]:
    """Keep a node cordoned for the block. Raises as `cordon`, NotRestored where it stays so."""
    cordon(cluster, name, run_id=run_id, deadline=deadline)
    command = f"kubectl uncordon {name} && {unmark(name)}"
    with restored(name, "cordoned", command, partial(uncordon, cluster, name)):
        yield


@contextmanager
def restored(name: str, state: str, command: str, undo: Callable[[], None]) -> Iterator[None]:
    """Undo what was done to a node, however the block ends; an interrupt goes on as one.

    Where that fails NotRestored says that the node may still be in that `state`, and which command
    mends it.
    """
    try:
        yield
    except BaseException as error:
        _undo(name, state, command, undo, error)
        raise
    _undo(name, state, command, undo, None)


def _undo(
    name: str, state: str, command: str, undo: Callable[[], None], first: BaseException | None
) -> None:
    try:
        undo()
    except ClusterError as error:
        left = (
            f"node {name} may still be {state} after its storm: {error}. No further node is "
            f"touched. `{command}` mends it"
        )
        if first is None or isinstance(first, Exception):
            raise NotRestored(left) from error
        first.add_note(left)


def uncordon(cluster: Cluster, name: str) -> None:
    """Make a node as it was before `cordon`; harmless where there is nothing to undo.

    A node that is gone, as by an autoscaler, has taken cordon and mark along.
    """
    with suppress(NotFound):
        undoing = undoing_of(verbs.get(cluster, "Node", name))
        if undoing is None:
            return
        change: Obj = {"metadata": {"annotations": {ANNOTATION: None}}}
        if undoing["was_schedulable"]:
            change["spec"] = {"unschedulable": None}
        verbs.patch(cluster, "Node", name, change)


def undoing_of(node: Obj) -> dict[str, str | bool] | None:
    """What a run wrote on a node before it touched it; None where no run did.

    `run` and `namespace` are empty where it cannot be read: somebody else wrote it.
    """
    text = (node["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text is None:
        return None
    try:
        undoing = json.loads(text)
    except ValueError:
        undoing = None
    if isinstance(undoing, dict) and _is_a_mark(undoing):
        return undoing
    return {"run": "", "namespace": "", "deadline": "", "was_schedulable": False}


def _is_a_mark(found: Obj) -> bool:
    said = {"fault": ""} | found
    return isinstance(said.get("was_schedulable"), bool) and all(
        isinstance(said.get(name), str) and pattern.fullmatch(said[name])
        for name, pattern in MARK.items()
    )


def undoings(nodes: list[Obj]) -> list[tuple[str, dict[str, str | bool]]]:
    """The nodes that a run has marked, by name, each with what is written on it."""
    marks = ((str(node["metadata"]["name"]), undoing_of(node)) for node in nodes)
    return [(name, undoing) for name, undoing in marks if undoing is not None]


def uncordon_all(cluster: Cluster, run_id: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Undo every cordon that a run of the namespace has left; one that stays keeps no other.

    Returns the nodes that a command of the user's has broken, each with its storm: how to mend it
    is known to the user alone, so what is written on it stays; and why a node is still cordoned.
    """
    broken, errors = [], []
    for name, undoing in undoings(verbs.find(cluster, "Node")):
        if (undoing["run"], undoing["namespace"]) != (run_id, cluster.namespace):
            continue
        if "fault" in undoing:
            broken.append((name, str(undoing["fault"])))
            continue
        try:
            uncordon(cluster, name)
        except ClusterError as error:
            errors.append(
                f"cleaning up: node {name} may still be cordoned: {error}. "
                f"`kubectl uncordon {name}` mends it"
            )
    return broken, errors
