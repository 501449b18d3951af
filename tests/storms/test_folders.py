"""Folders on nodes, for hostPath and local volumes: where they are made, and when they are not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.kubernetes import labels, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.lifecycle import record
from tasks.lifecycle.cleanup import make_host_folders, release
from tasks.lifecycle.run import new_run_id, owned
from tasks.results import checks
from tests.conftest import Cluster
from tests.storms.ground import Ground, say_nothing, storm_rows
from tests.tasks.sample import make_run

pytestmark = pytest.mark.usefixtures("soon")


@pytest.fixture
def pool(ground: Ground) -> Iterator[None]:
    """The first node is of a pool for other pods."""
    taints = [{"key": "gpu", "value": "", "effect": "NoSchedule"}]
    verbs.patch(ground.cluster, "Node", "w1", {"spec": {"taints": taints}})
    yield
    verbs.patch(ground.cluster, "Node", "w1", {"spec": {"taints": None}})


@pytest.mark.usefixtures("pool")
def test_a_node_that_takes_no_pods_of_the_plan_has_no_folder(
    ground: Ground, tmp_path: Path
) -> None:
    """The storms meet the other nodes."""
    known = ground.run_storms(
        tmp_path,
        storm_volumes=["hostPath", "hostPath-pinned", "local"],
        storms=["pod-kill"],
        writes_per_second=20,
        start_limit_seconds=10,
    )
    assert [row["error"] for row in storm_rows(known) if row["status"] != "measured"] == []
    assert {row["node_before"] for row in storm_rows(known)} == {"w2"}


@pytest.mark.parametrize("known_before", [True, False], ids=["preflight", "probes"])
def test_without_a_node_for_storms_volumes_on_one_are_skipped(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_before: bool
) -> None:
    """A cluster that is one control plane still has a complete run: the others are measured.

    A node may as well be known to be of no use only once its probe has failed.
    """
    if not known_before:
        monkeypatch.setattr(checks, "skips", lambda _checks: {})
    known = ground.run_storms(
        tmp_path,
        storm_nodes="kubernetes.io/hostname=nowhere",
        storm_volumes=["hostPath", "hostPath-pinned", "local", "emptyDir"],
        storms=["pod-kill"],
        writes_per_second=20,
    )
    found = {row["volume"]: row for row in storm_rows(known)}
    assert found.pop("emptyDir")["status"] == "measured"
    assert {row["status"] for row in found.values()} == {"skipped"}
    assert all("storm may touch" in row["error"] for row in found.values())
    assert all("storm_nodes" in row["error"] for row in found.values())
    assert record.outcome_of(known) == "complete"


def test_a_folder_that_cannot_be_made_fails_only_the_volumes_that_need_it(
    ground: Ground, session_cluster: Cluster, tmp_path: Path
) -> None:
    """A volume that moves needs one on each node, a pinned one only on its own."""
    session_cluster.fault("create", "jobs", 403, nth=2)
    known = ground.run_storms(
        tmp_path,
        storage_classes=["local-path"],
        storm_volumes=["hostPath", "hostPath-pinned", "storage-classes"],
        storms=["pod-kill"],
        writes_per_second=20,
    )
    found = {row["volume"]: row for row in storm_rows(known)}
    assert found["hostPath"]["status"] == "failed"
    folder = f"/var/tmp/stormark-{ground.cluster.namespace}-{known.run.run_id}"
    assert found["hostPath"]["error"].startswith(f"making folder {folder} on node w2: ")
    assert [found[volume]["kept"] for volume in ("hostPath-pinned", "local-path")] == [True] * 2


def test_a_folder_that_cannot_be_written_down_is_not_made(
    ground: Ground, session_cluster: Cluster, tmp_path: Path
) -> None:
    """Or nobody would remove it after a run that is killed."""
    session_cluster.fault("patch", "configmaps", 403)
    known = ground.run_storms(
        tmp_path, storm_volumes=["emptyDir", "local"], storms=["pod-kill"], writes_per_second=20
    )
    assert [(row["volume"], row["status"]) for row in storm_rows(known)] == [
        ("local", "failed"),
        ("emptyDir", "measured"),
    ]
    assert "patching ConfigMap" in storm_rows(known)[0]["error"]


def test_a_folder_that_remains_keeps_no_other_from_its_removal(
    ground: Ground, session_cluster: Cluster
) -> None:
    """The error names each that does; a second call removes them."""
    run = make_run(ground.cluster, new_run_id(datetime.now(UTC)))

    def make_and_remove() -> None:
        names = ["w1", "w2", "w3"]
        with owned(run, say_nothing, warn=pytest.fail) as owner:
            assert make_host_folders(run.cluster, run.plan, run.meta(owner), names) == {}
            session_cluster.fault("create", "jobs", 403, times=2)

    with pytest.raises(ClusterError) as failed:
        make_and_remove()
    assert nodes_with_folder(ground) == ["w1", "w2"]
    folder = f"/var/tmp/stormark-{ground.cluster.namespace}-{run.run_id}"
    for node in ("w1", "w2"):
        assert f"folder {folder} on node {node} remains: creating Job" in str(failed.value)
    assert f"with `rm -rf {folder}`, then delete ConfigMap stormark-" in str(failed.value)
    release(run.cluster, run.run_id, run.plan)
    assert nodes_with_folder(ground) == []


def test_a_node_that_has_left_the_cluster_keeps_no_run_from_its_release(ground: Ground) -> None:
    """Its folder went with it; an autoscaler takes nodes away at any time."""
    run = make_run(ground.cluster, new_run_id(datetime.now(UTC)), start_limit_seconds=120)
    with owned(run, say_nothing, warn=pytest.fail) as owner:
        assert make_host_folders(run.cluster, run.plan, run.meta(owner), ["w1"]) == {}
        change = {"metadata": {"annotations": {labels.HOST_FOLDERS: "gone,w1"}}}
        verbs.patch(run.cluster, "ConfigMap", owner[0]["name"], change)
    assert nodes_with_folder(ground) == []


def nodes_with_folder(ground: Ground) -> list[str]:
    return [path.name for path in ground.folders if list(path.glob("var/tmp/stormark-*"))]
