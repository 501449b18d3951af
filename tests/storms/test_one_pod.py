"""Storms on volumes that one pod at a time may mount: nobody but the writer's pod can read them.

Runs on a real cluster as well: with KUBECONFIG, and STORMARK_E2E_IMAGE as an image that it has.
"""

from pathlib import Path

import pytest

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tests.storms.ground import Ground, storm_rows

ONE_POD = "ReadWriteOncePod"


def test_a_volume_of_one_pod_is_read_back_in_it(any_ground: Ground, tmp_path: Path) -> None:
    """By another pod it could not be: that would be Pending until the writer has gone."""
    known = any_ground.run_storms(
        tmp_path,
        storage_classes=["local-path"],
        storm_volumes=["storage-classes"],
        storms=["container-restart", "pod-kill", "drain"],
        access_mode=ONE_POD,
        hold_seconds=5,
        recovery_limit_seconds=180,
        start_limit_seconds=180,
    )
    assert [row["error"] for row in storm_rows(known) if row["status"] != "measured"] == []
    assert [
        (row["kept"], row["verified_on"] == row["node_after"]) for row in storm_rows(known)
    ] == [(True, True)] * 3


def test_without_exec_they_are_skipped(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of the same classes are not."""

    def allowed(_cluster: Cluster, _verb: str, resource: str, _group: str, **_: bool) -> bool:
        return resource != "pods/exec"

    monkeypatch.setattr(verbs, "allowed", allowed)
    known = ground.run_storms(
        tmp_path,
        storage_classes=["nfs-client"],
        storm_volumes=["storage-classes", "storage-classes-rwx"],
        storms=["pod-kill"],
        access_mode=ONE_POD,
    )
    found = {row["volume"]: row for row in storm_rows(known)}
    assert found["nfs-client"]["status"] == "skipped"
    assert "may not get, create pods/exec" in found["nfs-client"]["error"]
    assert found["nfs-client (RWX)"]["status"] == "measured"
