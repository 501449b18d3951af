"""The check can fail: on a kubelet that drops the last second of writes, records are lost."""

import os
from pathlib import Path
from typing import Any

import pytest

from tasks.storms import recovery
from tests.conftest import Cluster
from tests.storms.ground import Ground, Rows, storm_rows


def test_a_volume_that_loses_acknowledged_writes(
    ground: Ground,
    session_cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`kept` is false, and as many are lost as the log has acknowledged and the files lack."""
    counted = {}

    def count(row: dict[str, Any], events: Rows) -> None:
        if row["storm"] == "container-restart" and row["status"] == "measured":
            pod = next(e["pod"] for e in events if e["event"] == "fault")
            log = ground.core.read_namespaced_pod_log(pod, ground.cluster.namespace, previous=True)
            acknowledged = sum(line.startswith("ack ") for line in log.splitlines())
            found = ground.core.read_namespaced_pod(pod, ground.cluster.namespace)
            counted[row["volume"]] = acknowledged - len(written(ground, found.metadata.uid))

    session_cluster.lose_last_second()
    # a fault comes only to a writer whose last record is no older than this: there is one to lose
    monkeypatch.setattr(recovery, "SETTLE_SECONDS", 0.3)
    known = ground.run_storms(
        tmp_path,
        watch=count,
        storage_classes=["local-path"],
        storm_volumes=["hostPath-pinned", "storage-classes"],
        storms=["container-restart", "pod-kill"],
        recovery_limit_seconds=180,
    )
    assert [row["error"] for row in storm_rows(known) if row["status"] != "measured"] == []
    assert [row["kept"] for row in storm_rows(known)] == [False] * 4
    lost = {(row["volume"], row["storm"]): row["lost_records"] for row in storm_rows(known)}
    assert all(count > 0 for count in lost.values())
    assert counted == {volume: lost[volume, "container-restart"] for volume in counted}
    assert set(counted) == {"hostPath-pinned", "local-path"}


def written(ground: Ground, uid: str) -> list[str]:
    """The whole lines that the first writer of a pod has left on its volume."""
    (folder,) = (
        Path(folder)
        for node in ground.folders
        for folder, _, files in os.walk(node)  # other pods' folders go meanwhile; walk ignores it
        if folder.endswith("/stormark") and f"{uid}.1" in files
    )
    return [line for line in (folder / f"{uid}.1").read_text().split("\n")[:-1] if line]
