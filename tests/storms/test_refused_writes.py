"""A volume that takes no more writes, as a full one: its cells say so in the writer's words."""

from pathlib import Path
from typing import Any

from tasks.kubernetes import streams
from tasks.lifecycle.record import Rows
from tests.storms.ground import Ground

# Each record opens its file by name: from now on that is a device which is always full.
FILL = ["sh", "-c", "for file in volume/stormark/*; do ln -sf /dev/full $file; done"]


def test_a_volume_that_fills_up_between_storms(ground: Ground, tmp_path: Path) -> None:
    """The storm before is measured; the one after has no writer to meet, and says why."""

    def fill(row: dict[str, Any], events: Rows) -> None:
        if row["storm"] == "container-restart":
            pod = next(e["pod"] for e in events if e["event"] == "fault")
            streams.execute(ground.cluster, pod, FILL, limit_seconds=120)

    known = ground.run_storms(
        tmp_path,
        watch=fill,
        storage_classes=["local-path"],
        storm_volumes=["storage-classes"],
        storms=["container-restart", "pod-kill"],
        recovery_limit_seconds=10,
    )
    restart, kill = known.storms
    assert (restart["status"], restart["kept"]) == ("measured", True), restart
    assert kill["status"] == "failed"
    assert kill["error"].startswith("before a storm on local-path: nothing written for 10 s: ")
    assert "its writer says: dd: " in kill["error"]
    assert kill["error"].endswith("No space left on device")
