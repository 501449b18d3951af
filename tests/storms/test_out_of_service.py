"""The taint of a node that is off: written down with it, taken away on every way out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.kubernetes import labels, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon, node_commands, out_of_service
from tasks.lifecycle.reap import reap
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import Plan
from tests.storms.ground import Ground
from tests.storms.test_node_faults import FAILS, NODE, WHO, says

THEIRS = {"key": "gpu", "value": "", "effect": "NoSchedule"}


def taints(ground: Ground) -> list[Obj]:
    spec = verbs.get(ground.cluster, "Node", NODE)["spec"]
    return [t for t in spec.get("taints") or [] if t["key"] != "node.kubernetes.io/unschedulable"]


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The nodes that are seen Ready: those of the embedded cluster never say anything else."""
    names: set[str] = set()
    monkeypatch.setattr(out_of_service, "is_ready", lambda node: node["metadata"]["name"] in names)
    return names


@pytest.fixture
def lost(ground: Ground, ready: set[str]) -> Iterator[Ground]:
    """The embedded cluster, whose node is not Ready, and has a taint of somebody's."""
    assert not ready
    verbs.patch(ground.cluster, "Node", NODE, {"spec": {"taints": [THEIRS]}})
    try:
        yield ground
    finally:
        cordon.uncordon(ground.cluster, NODE)
        verbs.patch(ground.cluster, "Node", NODE, {"spec": {"taints": None}})


def fault(log: Path, up: str | None = None) -> NodeFault:
    return NodeFault(down=says(log, "down"), up=up or says(log, "up"))


@pytest.mark.parametrize("kind", [None, KeyboardInterrupt, ClusterError])
def test_it_goes_however_the_storm_ends(
    lost: Ground, tmp_path: Path, kind: type[BaseException] | None
) -> None:
    """Its mark says so meanwhile, and what somebody else put there stays."""
    try:
        with node_commands.down(lost.cluster, NODE, "node-lost", fault(tmp_path / "log"), **WHO):
            assert out_of_service.put(lost.cluster, NODE)
            assert out_of_service.put(lost.cluster, NODE)  # once alone
            assert taints(lost) == [THEIRS, out_of_service.TAINT]
            mark = cordon.undoing_of(verbs.get(lost.cluster, "Node", NODE))
            assert mark is not None
            assert mark[out_of_service.MARKED] is True
            if kind is not None:
                raise kind
    except (KeyboardInterrupt, ClusterError):
        assert kind is not None
    assert taints(lost) == [THEIRS]
    assert cordon.undoing_of(verbs.get(lost.cluster, "Node", NODE)) is None
    assert (tmp_path / "log").read_text() == f"down {NODE};up {NODE};"


def test_a_node_that_is_ready_has_none(lost: Ground, ready: set[str], tmp_path: Path) -> None:
    """One that is Ready again loses it at once: two writers would have the volume."""
    with node_commands.down(lost.cluster, NODE, "node-lost", fault(tmp_path / "log"), **WHO):
        assert out_of_service.put(lost.cluster, NODE)
        ready.add(NODE)
        assert not out_of_service.put(lost.cluster, NODE)
        assert taints(lost) == [THEIRS]
        assert not out_of_service.put(lost.cluster, NODE)
        assert taints(lost) == [THEIRS]


def test_one_that_somebody_put_there_is_theirs(lost: Ground, tmp_path: Path) -> None:
    with node_commands.down(lost.cluster, NODE, "node-lost", fault(tmp_path / "log"), **WHO):
        verbs.patch(lost.cluster, "Node", NODE, {"spec": {"taints": [out_of_service.TAINT]}})
        assert not out_of_service.put(lost.cluster, NODE)
    assert taints(lost) == [out_of_service.TAINT]


def test_a_node_without_a_mark_is_left_alone(lost: Ground) -> None:
    with pytest.raises(ClusterError, match=f"tainting node {NODE}: no storm's mark"):
        out_of_service.put(lost.cluster, NODE)
    out_of_service.end(lost.cluster, NODE)
    assert taints(lost) == [THEIRS]


@pytest.mark.usefixtures("nobody_lives")
@pytest.mark.parametrize("known", [True, False], ids=["with-plan", "without"])
def test_reap_takes_it_away(lost: Ground, tmp_path: Path, *, known: bool) -> None:
    """Also where the command that mends the node is not known, and it stays down."""
    owner = {"name": f"stormark-{WHO['run_id']}", "labels": labels.of_run(WHO["run_id"])}
    verbs.create(lost.cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": owner})
    cordon.record_fault(lost.cluster, NODE, "node-lost", **WHO)
    assert out_of_service.put(lost.cluster, NODE)
    (remains,) = reap(lost.cluster, dry_run=True)
    assert f"Node/{NODE} (node-lost, may be down, out of service)" in remains.objects
    assert taints(lost) == [THEIRS, out_of_service.TAINT]
    if not known:
        with pytest.raises(ClusterError, match="may still be down from storm node-lost"):
            reap(lost.cluster, dry_run=False)
        assert taints(lost) == [THEIRS]
    reap(lost.cluster, dry_run=False, plan=Plan(node_fault=fault(tmp_path / "log")))
    assert (tmp_path / "log").read_text() == f"up {NODE};"
    assert taints(lost) == [THEIRS]


def test_an_up_that_fails_takes_the_taint_away(lost: Ground, tmp_path: Path) -> None:
    with (
        pytest.raises(cordon.NotRestored, match="no such machine"),
        node_commands.down(lost.cluster, NODE, "node-lost", fault(tmp_path / "log", FAILS), **WHO),
    ):
        assert out_of_service.put(lost.cluster, NODE)
    assert taints(lost) == [THEIRS]
    mark = cordon.undoing_of(verbs.get(lost.cluster, "Node", NODE))
    assert mark is not None
    assert out_of_service.MARKED not in mark
