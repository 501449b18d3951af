"""Rounds and clocks: neither a kubelet's back-off nor a step of the client's clock is measured."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import logs, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.logs import Line
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.run import Run
from tasks.storms import experiment, faults, recovery
from tasks.storms.outcome import Before
from tasks.storms.writers import Writer
from tests.flows.server import until
from tests.storms.ground import Ground, event_rows, storm_rows

pytestmark = pytest.mark.usefixtures("soon")

PLAN: dict[str, Any] = {
    "storage_classes": ["local-path"],
    "storm_volumes": ["emptyDir", "hostPath-pinned"],
    "storms": ["container-restart"],
    "recovery_limit_seconds": 60,
    "writes_per_second": 20,
}


def struck(events: list[dict[str, Any]], volume: str) -> set[str]:
    """The pods of a volume that a fault has met."""
    return {e["pod"] for e in events if (e["volume"], e["event"]) == (volume, "fault")}


def test_each_restart_meets_a_pod_that_never_was_restarted(ground: Ground, tmp_path: Path) -> None:
    """Whose kubelet starts it again at once; what is replaced in between is no loss."""
    known = ground.run_storms(tmp_path, **PLAN, storm_rounds=5)
    assert [row["status"] for row in storm_rows(known)] == ["measured"] * 10
    assert [row["kept"] for row in storm_rows(known)] == [True] * 10
    for volume in PLAN["storm_volumes"]:
        assert len(struck(event_rows(known), volume)) == 5


def test_without_a_fresh_pod_the_same_is_restarted(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above would see it."""
    monkeypatch.setattr(recovery, "fresh", recovery.writing)
    known = ground.run_storms(tmp_path, **PLAN | {"storm_volumes": ["emptyDir"]}, storm_rounds=2)
    assert len(struck(event_rows(known), "emptyDir")) == 1


@pytest.mark.parametrize("step", [75.0, -75.0])
def test_a_step_of_the_clients_clock_is_in_no_figure(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """As a time server makes one, while a storm is under way."""
    wall, stepped = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: wall() + stepped[0])

    def delete_and_set_the_clock(cluster: Cluster, pod: str) -> None:
        faults.delete_pod(cluster, pod)
        stepped[0] = step

    monkeypatch.setitem(experiment.AT_ONCE, "pod-delete", delete_and_set_the_clock)
    plan = PLAN | {"storms": ["pod-delete"], "storm_volumes": ["hostPath-pinned"]}
    (row,) = storm_rows(ground.run_storms(tmp_path, **plan))
    assert stepped == [step]
    seconds = {name: row[name] for name in row if name.endswith("_seconds") and row[name]}
    assert seconds.keys() >= {"recovery_seconds", "new_pod_created_seconds"}
    assert {name: value for name, value in seconds.items() if not 0 <= value < abs(step)} == {}


@pytest.mark.parametrize("step", [75.0, -75.0])
def test_a_step_of_a_nodes_clock_is_in_no_figure(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """Every later line of its logs has it, those of the pod that the fault meets as well."""
    follow, stepped, since = logs.follow, [0.0], [0]

    def by_its_clock(*arguments: Any, **more: Any) -> Iterator[Line]:
        for line in follow(*arguments, **more):
            since[0] += stepped[0] != 0
            yield line._replace(at=line.at + stepped[0])

    def restart_and_set_the_clock(cluster: Cluster, pod: str) -> None:
        stepped[0] = step
        until(lambda: since[0], lambda lines: lines > 5)  # the writer goes on meanwhile
        faults.restart_container(cluster, pod)

    monkeypatch.setattr(logs, "follow", by_its_clock)
    monkeypatch.setitem(experiment.AT_ONCE, "container-restart", restart_and_set_the_clock)
    plan = PLAN | {"storm_volumes": ["hostPath-pinned"]}
    (row,) = storm_rows(ground.run_storms(tmp_path, **plan))
    assert stepped == [step]
    assert (row["status"], row.get("error")) == ("measured", None)
    assert row["kept"]
    assert 0 < row["recovery_seconds"] < abs(step)


@pytest.mark.parametrize("known", [True, False])
def test_a_pod_of_an_earlier_storm_is_not_the_writer_that_came_back(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """It still ends, and writes once more; whoever takes any other pod takes that one."""
    go, writing = tmp_path / "go", recovery.writing
    says = f"until [ -e {go} ]; do sleep 0.05; done; echo start as $UID.1; echo ack 0; sleep 60"

    def beside_a_ghost(run: Run, writer: Writer) -> Before:
        meta = {"name": "ghost", "labels": {"stormark/writer": writer.name} | run.labels}
        uid = {"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
        container: Obj = {"name": CONTAINER, "image": "busybox", "command": ["sh", "-c", says]}
        container["env"] = [uid]
        spec: Obj = {"containers": [container], "nodeName": writer.nodes[0]}
        spec |= {"terminationGracePeriodSeconds": 0}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        ghost = verbs.create(ground.cluster, pod)["metadata"]["uid"]
        while ghost not in writer.observer.lives:
            writer.observer.wait(1.0, "waiting for the pod")
        before = writing(run, writer)
        return before if known else before._replace(pods=frozenset({before.uid}))

    def delete_and_go(cluster: Cluster, pod: str) -> None:
        go.touch()
        faults.delete_pod(cluster, pod)

    monkeypatch.setattr(recovery, "writing", beside_a_ghost)
    monkeypatch.setattr(recovery, "STEADY_LIMIT_SECONDS", 1.0)  # the ghost writes once
    monkeypatch.setitem(experiment.AT_ONCE, "pod-delete", delete_and_go)
    plan = PLAN | {"storms": ["pod-delete"], "storm_volumes": ["hostPath-pinned"]}
    try:
        events = event_rows(ground.run_storms(tmp_path, **plan))
    finally:
        verbs.delete(ground.cluster, "Pod", "ghost")
    (first,) = (event["pod"] for event in events if event["event"] == "first record")
    assert (first == "ghost") is not known
