"""Reading a volume back: what is in the way once is tried again, and never taken for a loss."""

from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import script_job, streams, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.pods import NOBODY, PodFailed
from tasks.plan.plan import Plan
from tasks.storms import verify
from tests.storms.ground import Ground, made_by, storm_rows

pytestmark = pytest.mark.usefixtures("soon")

PLAN: dict[str, Any] = {
    "storage_classes": ["nfs-client"],
    "storms": ["pod-delete"],
    "recovery_limit_seconds": 60,
    "writes_per_second": 20,
}


def test_a_reading_by_exec_that_is_cut_is_made_again(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a connection ends in order, half-way."""
    read = streams.execute
    cut: list[str] = []

    def cut_once(cluster: Cluster, pod: str, command: list[str], **more: Any) -> str:
        text = read(cluster, pod, command, **more)
        if "@stormark begin" in text and not cut:
            cut.append(pod)
            return text[: len(text) // 2]
        return text

    monkeypatch.setattr(streams, "execute", cut_once)
    plan = PLAN | {"storms": ["container-restart"], "storm_volumes": ["emptyDir"]}
    (row,) = storm_rows(ground.run_storms(tmp_path, **plan))
    assert len(cut) == 1
    assert (row["status"], row["kept"]) == ("measured", True)
    assert row["pages_written"] > 0
    assert row["read_back"] in ("direct", "cached")  # as the disk of the tests allows
    assert (row["pages_lost"], row["pages_torn"]) == (0, 0)


@pytest.mark.parametrize("able", [1, 0])
def test_a_shared_volume_is_read_on_any_node_that_can(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: int
) -> None:
    """The first other node may be full; where none can, the row says what the first one said."""
    tried: list[str] = []

    def full_nodes(*arguments: Any, nodes: list[str], **more: Any) -> list[str]:
        tried.extend(nodes)
        if len(tried) == 1 or not able:
            raise PodFailed(f"node {nodes[0]} is full")
        return script_job.run_script(*arguments, nodes=nodes, **more)

    monkeypatch.setattr(verify, "run_script", full_nodes)
    (row,) = storm_rows(
        ground.run_storms(tmp_path, **PLAN | {"storm_volumes": ["storage-classes-rwx"]})
    )
    assert row["status"] == "measured"
    if able:
        assert (row["kept"], row["verified_on"]) == (True, tried[1])
        assert tried[1] != tried[0]
    else:
        assert row.get("kept") is None
        assert row["error"] == f"it could not be read back: node {tried[0]} is full"
        assert len(set(tried)) == 3


def test_a_reader_that_never_starts_does_not_start_later(ground: Ground) -> None:
    """It would read, or write, beside what comes next."""
    plan = Plan(**ground.plan | {"start_limit_seconds": 1})
    meta = {"run_id": "20261127-031500-a1b2c3", "labels": {"stormark/run-id": "r"}}
    with pytest.raises(PodFailed):
        script_job.run_script(
            ground.cluster,
            plan,
            {**meta, "deadline": "", "owner": []},
            name="reader",
            file="reader.sh",
            source={"emptyDir": {}},
            nodes=["no-such-node"],
            user=NOBODY,
        )
    assert made_by(ground.cluster, "Job", "r") == verbs.find(ground.cluster, "Job") == []
