"""The worst outcome is an outcome: a volume that never comes back, or that nobody can read."""

from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import verbs
from tasks.lifecycle import record
from tasks.lifecycle.progress import Progress
from tests.storms.ground import Ground, event_rows, storm_rows

pytestmark = pytest.mark.usefixtures("soon")

NODE = "w2"
PLAN: dict[str, Any] = {
    "storage_classes": ["local-path"],
    "storm_volumes": ["local"],
    "storms": ["pod-delete"],
    "storm_nodes": f"kubernetes.io/hostname={NODE}",
    "recovery_limit_seconds": 5,
    "start_limit_seconds": 30,
    "writes_per_second": 20,
}


def test_a_volume_that_never_comes_back_is_measured(ground: Ground, tmp_path: Path) -> None:
    """Somebody cordons its only node: no pod writes to it again, and none reads it."""

    def cordon(progress: Progress) -> None:
        if progress.step.startswith("local · pod-delete"):
            verbs.patch(ground.cluster, "Node", NODE, {"spec": {"unschedulable": True}})

    try:
        known = ground.run_storms(tmp_path, report=cordon, **PLAN)
    finally:
        verbs.patch(ground.cluster, "Node", NODE, {"spec": {"unschedulable": None}})
    (row,) = storm_rows(known)
    assert (row["status"], row["came_back"]) == ("measured", "never")
    assert row.get("kept") is row.get("lost_records") is row.get("recovery_seconds") is None
    assert row["error"].startswith("it could not be read back: ")
    assert "were unschedulable" in row["error"]
    assert row["pending_message"]
    events = [event["event"] for event in event_rows(known)]
    assert {"fault", "last record", "new pod created", "pending"} <= set(events)
    assert record.outcome_of(known) == "complete"


def test_one_that_comes_back_is_read(ground: Ground, tmp_path: Path) -> None:
    """The same storm without a cordon."""
    known = ground.run_storms(tmp_path, **PLAN | {"recovery_limit_seconds": 60})
    (row,) = storm_rows(known)
    assert (row["status"], row["came_back"], row["kept"]) == ("measured", "same node", True)
    assert row["error"] is None
