"""A volume that takes no more writes, as a full one: its cells say so in the writer's words."""

from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import logs, streams, verbs
from tasks.lifecycle.progress import Progress
from tasks.storms import faults
from tasks.storms.outcome import error_name
from tests.flows.server import until
from tests.storms.ground import Ground, Rows, storm_rows


def make_full(ground: Ground, pod: str) -> None:
    """Let the second life of a pod's writer find a device that is always full."""
    uid = ground.core.read_namespaced_pod(pod, ground.cluster.namespace).metadata.uid
    link = ["ln", "-s", "/dev/full", f"volume/stormark/{uid}.2"]
    streams.execute(ground.cluster, pod, link, limit_seconds=120)


def fill_up(ground: Ground, pod: str) -> None:
    """Let that life begin: at the first end of a container a kubelet starts the next at once."""
    make_full(ground, pod)
    faults.restart_container(ground.cluster, pod)
    until(
        lambda: list(logs.lines(ground.cluster, pod)),
        lambda lines: (
            sum(line.startswith("error ") for line in lines) > 60
        ),  # longer than SETTLE_SECONDS
    )


def test_a_volume_that_fills_up_between_storms(ground: Ground, tmp_path: Path) -> None:
    """The storm before is measured; the one after has no writer to meet, and says why."""

    def fill(row: dict[str, Any], events: Rows) -> None:
        if row["storm"] == "pod-delete":
            fill_up(ground, next(e["pod"] for e in events if e["event"] == "first record"))

    known = ground.run_storms(
        tmp_path,
        watch=fill,
        storage_classes=["local-path"],
        storm_volumes=["storage-classes"],
        storms=["pod-delete", "pod-kill"],
        recovery_limit_seconds=10,
    )
    deleted, kill = storm_rows(known)
    assert (deleted["status"], deleted["kept"]) == ("measured", True), deleted
    assert kill["status"] == "failed"
    assert kill["error"].startswith("before a storm on local-path: nothing written for 10 s: ")
    assert "its writer says: dd: " in kill["error"]
    assert kill["error"].endswith("No space left on device")


@pytest.mark.parametrize("full", [True, False])
def test_what_a_writer_meets_after_a_fault_is_named(
    ground: Ground, tmp_path: Path, full: bool
) -> None:
    """Nothing where it met nothing."""

    def before(progress: Progress) -> None:
        if full and "container-restart" in progress.step:
            (pod,) = (pod["metadata"]["name"] for pod in verbs.find(ground.cluster, "Pod"))
            make_full(ground, pod)

    (row,) = storm_rows(
        ground.run_storms(
            tmp_path,
            report=before,
            storage_classes=["local-path"],
            storm_volumes=["emptyDir"],
            storms=["container-restart"],
            recovery_limit_seconds=10 if full else 120,
        )
    )
    assert (row["status"], row["came_back"]) == ("measured", "never" if full else "same node")
    assert row.get("write_errors") == ("ENOSPC" if full else None)
    assert (row.get("gap_seconds") is None) is full  # no record came, so no gap has ended


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("dd: fsync failed for 'standard output': Input/output error", "EIO"),
        ("dd: standard output: I/O error", "EIO"),
        ("dd: error writing 'standard output': Stale file handle", "ESTALE"),
        ("dd: error writing 'standard output': Read-only file system", "EROFS"),
        ("dd: error writing 'standard output': No space left on device", "ENOSPC"),
        ("dd failed", "dd failed"),
    ],
)
def test_an_error_has_its_name_whichever_library_words_it(words: str, name: str) -> None:
    assert error_name(words) == name
