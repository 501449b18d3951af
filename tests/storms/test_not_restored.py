"""Undoing that fails: nothing further is broken, and what is left is said with what mends it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Conflict
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon as nodes
from tasks.lifecycle import node_commands
from tasks.lifecycle.cleanup import release
from tasks.lifecycle.cordon import ANNOTATION, NotRestored
from tasks.lifecycle.reap import reap
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import Plan
from tasks.preflight import preflight
from tests.conftest import Cluster as Embedded
from tests.storms.ground import Ground, new_namespace, storm_rows
from tests.storms.test_node_faults import FAILS, NODE, WHO, python, says

pytestmark = pytest.mark.usefixtures("soon")

PLAN: dict[str, Any] = {
    "storage_classes": ["local-path"],
    "storm_volumes": ["local"],
    "storm_nodes": f"kubernetes.io/hostname={NODE}",
    "storm_rounds": 2,
    "hold_seconds": 1,
    "recovery_limit_seconds": 60,
    "writes_per_second": 20,
}
# Of a busy machine; nothing is waited for in vain.
PATIENCE_SECONDS = 300
# Fails the first time.
FAILS_ONCE = (
    "import pathlib, sys; log = pathlib.Path(sys.argv[1]); said = log.read_text(); "
    "log.write_text(f'{said}up {sys.argv[2]};'); sys.exit('up' not in said and 'the key expired')"
)


@pytest.fixture
def unmarked(ground: Ground) -> Iterator[Cluster]:
    """The cluster; marks and cordons end with the test."""
    yield ground.cluster
    for node in verbs.find(ground.cluster, "Node"):
        change: Obj = {"metadata": {"annotations": {ANNOTATION: None}}}
        change["spec"] = {"unschedulable": None}
        verbs.patch(ground.cluster, "Node", node["metadata"]["name"], change)


def test_after_an_up_that_fails_nothing_is_broken(ground: Ground, tmp_path: Path) -> None:
    """The clean-up tries it again, and mends the node."""
    log, cells = tmp_path / "log", []
    fault = {"down": says(log, "down"), "up": python(FAILS_ONCE, log)}
    with pytest.raises(NotRestored, match=rf"node {NODE} may still be down .*the key expired"):
        ground.run_storms(
            tmp_path,
            watch=lambda row, _events: cells.append(row),
            **PLAN,
            storms=["node-crash"],
            node_fault=fault,
        )
    assert log.read_text() == f"down {NODE};up {NODE};up {NODE};"
    (cell,) = cells
    assert (cell["status"], cell["round"]) == ("failed", 1)
    assert f"--namespace {ground.cluster.namespace} --plan PLAN` mends it" in cell["error"]


def test_where_up_succeeds_every_round_is_met(ground: Ground, tmp_path: Path) -> None:
    log = tmp_path / "log"
    fault = {"down": says(log, "down"), "up": says(log, "up")}
    known = ground.run_storms(tmp_path, **PLAN, storms=["node-crash"], node_fault=fault)
    assert log.read_text() == f"down {NODE};up {NODE};" * 2
    assert [row["status"] for row in storm_rows(known)] == ["measured", "measured"]


def test_after_an_uncordon_that_fails_nothing_is_drained(
    ground: Ground, session_cluster: Embedded, tmp_path: Path
) -> None:
    """The third patch of a node gives it back, after its mark and its cordon."""
    session_cluster.fault("patch", "nodes", 403, nth=3)
    cells: list[dict[str, Any]] = []
    with pytest.raises(NotRestored, match=rf"node {NODE} may still be cordoned .*uncordon {NODE} "):
        ground.run_storms(
            tmp_path, watch=lambda row, _events: cells.append(row), **PLAN, storms=["drain"]
        )
    assert [(cell["status"], cell["round"]) for cell in cells] == [("failed", 1)]
    assert "unschedulable" not in verbs.get(ground.cluster, "Node", NODE)["spec"]


def test_where_the_clean_up_fails_too_both_are_told(
    ground: Ground, unmarked: Cluster, tmp_path: Path
) -> None:
    fault = NodeFault(down=says(tmp_path / "log", "down"), up=FAILS)
    with pytest.raises(ClusterError, match=r"may still be down .* and then .*`stormark reap"):
        ground.run_storms(tmp_path, **PLAN, storms=["node-crash"], node_fault=fault)
    assert (tmp_path / "log").read_text() == f"down {NODE};"
    mends = NodeFault(down=FAILS, up=says(tmp_path / "log", "up"))
    for run_id in {str(by["run"]) for _, by in nodes.undoings(verbs.find(unmarked, "Node"))}:
        release(unmarked, run_id, Plan(node_fault=mends))
    assert (tmp_path / "log").read_text() == f"down {NODE};up {NODE};"


@pytest.mark.parametrize("other", ["w1", NODE])
def test_no_node_is_touched_while_one_carries_a_mark_of_the_same_run(
    unmarked: Cluster, tmp_path: Path, other: str
) -> None:
    nodes.cordon(unmarked, other, **WHO)
    fault = NodeFault(down=says(tmp_path / "log", "down"), up=says(tmp_path / "log", "up"))
    with (
        pytest.raises(ClusterError, match=f"has a storm on {other}, and one node"),
        node_commands.down(unmarked, NODE, "node-crash", fault, **WHO),
    ):
        pass
    with pytest.raises(ClusterError, match=f"has a storm on {other}, and one node"):
        nodes.cordon(unmarked, NODE, **WHO)
    assert not (tmp_path / "log").exists()
    nodes.uncordon(unmarked, other)
    with node_commands.down(unmarked, NODE, "node-crash", fault, **WHO):
        assert (tmp_path / "log").read_text() == f"down {NODE};"


def at_the_same_time(cluster: Cluster, other: Cluster) -> list[int]:
    """Two runs cordon a node each; how many were cordoned while each held its own."""
    seen: list[int] = []

    def hold(of: Cluster, node: str, run_id: str) -> None:
        try:
            with nodes.cordoned(of, node, run_id=run_id, deadline=WHO["deadline"]):
                held = [n for n in verbs.find(of, "Node") if n["spec"].get("unschedulable")]
                seen.append(len(held))
        except ClusterError:
            return

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold, cluster, "w1", "20261123-031500-a1b2c3")
        second = pool.submit(hold, other, "w2", "20261123-031500-d4e5f6")
        first.result(), second.result()
    return seen


@pytest.mark.parametrize("looks", [True, False], ids=["looks", "looks-not"])
def test_two_namespaces_never_hold_two_nodes(
    unmarked: Cluster, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    """Both have marked their node before either looks; without that look both would go on."""
    both_free, both_marked, both_hold = (threading.Barrier(2) for _ in range(3))
    patch, look, met = nodes.patch_marked, nodes._alone, threading.local()

    def when_both_are_free(cluster: Cluster, node: Obj, mark: Obj, change: Obj) -> None:
        if not getattr(met, "marks", False):
            met.marks = True
            both_free.wait(PATIENCE_SECONDS)
        while True:  # who is late by a heartbeat of its node does not look again
            try:
                return patch(cluster, node, mark, change)
            except Conflict:
                node = verbs.get(cluster, "Node", node["metadata"]["name"])

    def when_both_are_marked(cluster: Cluster, name: str) -> None:
        if not getattr(met, "looks", False):
            met.looks = True
            both_marked.wait(PATIENCE_SECONDS)
        if looks:
            look(cluster, name)

    monkeypatch.setattr(nodes, "patch_marked", when_both_are_free)
    monkeypatch.setattr(nodes, "_alone", when_both_are_marked)
    if not looks:  # so that neither has ended before the other has begun
        undo = nodes.uncordon

        def when_both_hold(cluster: Cluster, name: str) -> None:
            both_hold.wait(PATIENCE_SECONDS)
            undo(cluster, name)

        cordon = nodes._cordon

        def cordon_both(cluster: Cluster, name: str, mark: Obj) -> None:
            cordon(cluster, name, mark)
            both_hold.wait(PATIENCE_SECONDS)

        monkeypatch.setattr(nodes, "uncordon", when_both_hold)
        monkeypatch.setattr(nodes, "_cordon", cordon_both)
    with new_namespace() as other:
        seen = at_the_same_time(unmarked, other)
    assert seen == [2, 2] if not looks else set(seen) <= {1}


def test_a_patch_whose_answer_was_lost_is_known_again(
    unmarked: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was carried out, and the second try meets its own work."""
    patch, lost = verbs.patch, iter([True, True])

    def lose_the_answer(cluster: Cluster, kind: str, name: str, change: Obj) -> Obj:
        done = patch(cluster, kind, name, change)
        if next(lost, False):
            raise Conflict("the node has changed")
        return done

    monkeypatch.setattr(verbs, "patch", lose_the_answer)
    with nodes.cordoned(unmarked, NODE, **WHO):
        assert verbs.get(unmarked, "Node", NODE)["spec"]["unschedulable"] is True
    found = verbs.get(unmarked, "Node", NODE)
    assert "unschedulable" not in found["spec"]
    assert nodes.undoing_of(found) is None


@pytest.mark.parametrize("text", ["{", "null", "[]", '{"run": 1}', json.dumps({"run": "x"})])
def test_a_mark_that_cannot_be_read_stops_storms_alone(
    ground: Ground, unmarked: Cluster, tmp_path: Path, text: str
) -> None:
    """Its cells say how it goes; the clean-up, the preflight and reap do not trip over it."""
    change = {"metadata": {"annotations": {ANNOTATION: text}}}
    verbs.patch(unmarked, "Node", "w3", change)
    words = f"kubectl annotate node w3 {ANNOTATION}-"
    known = ground.run_storms(tmp_path, **PLAN | {"storm_rounds": 1}, storms=["drain"])
    (cell,) = storm_rows(known)
    assert cell["status"] == "failed"
    assert words in cell["error"]
    (warned,) = (check for check in known.checks if check.check == "storms under way")
    assert (warned.status, words in warned.words) == ("warn", True)
    assert reap(unmarked, dry_run=False) == []
    verbs.patch(unmarked, "Node", "w3", {"metadata": {"annotations": {ANNOTATION: None}}})
    every_node = verbs.find(unmarked, "Node")
    assert [check.status for check in preflight.marks(every_node)] == ["pass"]
