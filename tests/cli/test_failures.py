"""What only shows once a run is under way: the reason is said, the cluster is clean, and what was
measured is on disk. The fixture `namespace` fails each test that leaves an object behind."""

import time
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import Result

from flows import steps
from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import verbs, watches
from tasks.speed import benchmark
from tests.conftest import TINY_FIO, Cluster, Stormark
from tests.storms.test_node_faults import python, says
from tests.storms.test_not_restored import FAILS_ONCE
from tests.tasks.leases import renewed

pytestmark = pytest.mark.usefixtures("prefect_server")
COMPLETE, INCOMPLETE, REFUSED = 0, 1, 2


def cells(stormark: Stormark) -> dict[tuple[str, str, int], str]:
    """Status, or why there is no figure, of each cell by class, job and repeat."""
    return {
        (row["storage_class"], row["job"], row["round"]): row["error"] or row["status"]
        for row in stormark.rows("fio")
    }


def report_of(stormark: Stormark) -> str:
    """The text of the run's report."""
    return (stormark.results / "reports" / f"{stormark.row('runs')['run_id']}.md").read_text()


def with_plan(stormark: Stormark, tmp_path: Path, *options: str, **fields: object) -> Result:
    """Run with fields that have no option of their own."""
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump({"fio_file": TINY_FIO} | fields))
    return stormark("--plan", str(file), *options)


def test_complete_run(stormark: Stormark, cluster: Cluster) -> None:
    """Every cell is measured, and the command says where everything is."""
    result = stormark("--class", "local-path", "--class", "nfs-client", "--rounds", "2")
    assert result.exit_code == COMPLETE, result.output
    row = stormark.row("runs")
    assert (row["outcome"], row["cells_measured"], row["error"]) == ("complete", 8, None)
    assert set(cells(stormark).values()) == {"measured"}
    pvcs = {volume["pvc"]: volume["storage_class"] for volume in stormark.rows("volumes")}
    assert len(pvcs) == 4, "one of each class in each round"
    assert all(pvcs[cell["pvc"]] == cell["storage_class"] for cell in stormark.rows("fio"))
    assert f"{stormark.results}/reports/{row['run_id']}.md" in result.stdout
    assert f"stormark report {row['run_id']} --results {stormark.results}" in result.stdout
    assert "PersistentVolumeClaim" in cluster.kinds_with_events(stormark.namespace)


def test_fio_cannot_read_its_file(stormark: Stormark, cluster: Cluster, tmp_path: Path) -> None:
    """The image's fio refuses the file in its own words before any volume is made."""
    file = tmp_path / "wrong.fio"
    file.write_text("[a]\nrw=sideways\nsize=4m\n")
    result = stormark("--fio-file", str(file))
    assert result.exit_code == REFUSED
    assert "fio file: fio cannot read it" in result.stderr
    assert "sideways" in result.stderr
    seen = cluster.kinds_with_events(stormark.namespace)
    assert "Pod" in seen
    assert "PersistentVolumeClaim" not in seen


def test_image_that_cannot_be_pulled(stormark: Stormark) -> None:
    """The kubelet's words, at once; the run is recorded as failed, with the step."""
    result = stormark("--image", "registry.invalid/x:1")
    assert result.exit_code == INCOMPLETE
    assert "cannot start with image registry.invalid/x:1: ImagePullBackOff" in result.stderr
    assert "Check the image's name" in result.stderr
    row = stormark.row("runs")
    assert (row["outcome"], row["stopped_at"]) == ("failed", "check of image and fio file")
    assert "registry.invalid/x:1" in report_of(stormark)


def test_pod_that_never_schedules(stormark: Stormark, tmp_path: Path) -> None:
    """The scheduler's words are in the message."""
    result = with_plan(stormark, tmp_path, node_selector={"disk": "none"}, start_limit_seconds=1)
    assert result.exit_code == INCOMPLETE
    assert "did not happen within 1 s: 0/3 nodes are available" in result.stderr
    assert "didn't match Pod's node affinity/selector" in result.stderr


def test_pvc_that_never_binds(stormark: Stormark, tmp_path: Path) -> None:
    """The provisioner's words are in the message and in the table `volumes`."""
    limits = {"volume_mode": "Block", "bind_limit_seconds": 1}
    result = with_plan(stormark, tmp_path, "--class", "nfs-client", **limits)
    assert result.exit_code == INCOMPLETE
    words = "ProvisioningFailed: cluster.local/nfs-client does not support block volume"
    assert words in result.stderr
    volume = stormark.row("volumes")
    assert words in volume["error"]


def test_volume_without_room(stormark: Stormark, tmp_path: Path) -> None:
    """A volume whose folder has less than it promises: free and needed bytes are both said."""
    file = tmp_path / "share.fio"
    file.write_text("[a]\nrw=write\n")
    result = stormark("--fio-file", str(file), "--volume-size", "1000Ti")
    assert result.exit_code == INCOMPLETE
    volume = stormark.row("volumes")
    assert "volume too small" in result.stderr
    assert f"{volume['free_bytes']:,.0f} bytes are free on {volume['node']}" in result.stderr
    assert f"{1000 * 2**40 * 8 // 10:,}" in result.stderr


def test_forbidden_to_create(stormark: Stormark, cluster: Cluster) -> None:
    """RBAC's words: the verb and the resource that are missing."""
    cluster.fault("create", "persistentvolumeclaims", 403)
    result = stormark()
    assert result.exit_code == INCOMPLETE
    assert 'cannot create resource "persistentvolumeclaims"' in result.stderr
    assert "Grant that verb on that resource" in result.stderr


def test_one_class_fails(stormark: Stormark, tmp_path: Path) -> None:
    """The other class is measured; the report says which one failed and why."""
    classes = ("--class", "local-path", "--class", "nfs-client")
    limits = {"access_mode": "ReadWriteMany", "bind_limit_seconds": 1}
    result = with_plan(stormark, tmp_path, *classes, **limits)
    assert result.exit_code == INCOMPLETE
    row = stormark.row("runs")
    assert (row["outcome"], row["cells_measured"], row["cells_failed"]) == ("incomplete", 2, 2)
    words = "NodePath only supports ReadWriteOnce"
    assert words in result.stderr
    assert words in report_of(stormark)
    assert cells(stormark)["nfs-client", "read", 1] == "measured"


def test_one_job_fails(stormark: Stormark, tmp_path: Path) -> None:
    """A fio that ends badly leaves the jobs before and after it measured."""
    file = tmp_path / "second.fio"
    # nobody wrote checksums to the file: the reader finds none, and fio exits with 1
    file.write_text(
        "[global]\nsize=4m\n"
        "[a]\nstonewall\nrw=write\nbs=1m\n"
        "[b]\nstonewall\nrw=read\nbs=4k\nverify=crc32c\n"
        "[c]\nstonewall\nrw=read\nbs=1m\n"
    )
    result = stormark("--fio-file", str(file))
    assert result.exit_code == INCOMPLETE
    assert "1 of 3 cells failed: local-path b round 1: fio exited with 1: verify" in result.stderr
    found = cells(stormark)
    assert found["local-path", "a", 1] == found["local-path", "c", 1] == "measured"
    assert found["local-path", "b", 1].startswith("fio exited with 1: verify")
    assert "fio exited with 1: verify" in report_of(stormark)


def test_a_fio_that_does_not_end_runs_beside_no_other(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pod is gone before the next turn has one; each cell says that it was cut off."""
    monkeypatch.setattr(benchmark, "SPARE_SECONDS", -598)
    file = tmp_path / "slow.fio"
    file.write_text("[slow]\nrw=read\nbs=4k\nsize=1m\nrate_iops=1\ntime_based\nruntime=600\n")
    seen: list[tuple[str, str]] = []
    stop = Event()

    def watch() -> None:
        there = k8s.connect(None, stormark.namespace)
        for kind, pod in watches.watch(there, "Pod", label="stormark/run", stop=stop):
            name = pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]
            if "-fio" in name and (name, kind) not in seen:
                seen.append((name, kind))

    watching = Thread(target=watch)
    watching.start()
    try:
        result = stormark("--fio-file", str(file), "--rounds", "2")
    finally:
        stop.set()
        watching.join()
    assert result.exit_code == INCOMPLETE, result.output
    assert len(found := cells(stormark)) == 2
    assert all(words.startswith("it was cut off: the pod of") for words in found.values()), found
    kinds = [kind for _, kind in seen if kind != "MODIFIED"]
    assert kinds[:3] == ["ADDED", "DELETED", "ADDED"]


def test_a_run_that_reaches_its_limit_ends_itself(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order: it is failed, says which field to raise, and leaves nothing behind."""
    quick = SimpleNamespace(monotonic=lambda: 10 * time.monotonic())
    monkeypatch.setattr(steps, "time", quick)
    long = "[a]\nrw=read\nbs=4k\nsize=4m\nrate_iops=1\n"  # nobody can tell that before
    result = with_plan(stormark, tmp_path, fio_file=long, run_limit_seconds=60)
    assert result.exit_code == INCOMPLETE, result.output
    row = stormark.row("runs")
    assert row["outcome"] == "failed"
    words = "plan field run_limit_seconds: the run reached its limit of 60 s in step"
    assert row["error"].startswith(words)
    assert words in result.stderr


def test_another_run_is_under_way(stormark: Stormark) -> None:
    """The message names the first run, whose Lease is left alone."""
    first = "20261123-031500-a1b2c3"
    connection = k8s.connect(None, stormark.namespace)
    with renewed(connection, first):
        result = stormark()
        held = verbs.get(connection, "Lease", "stormark")
    assert result.exit_code == REFUSED
    assert f"run {first} is under way in namespace {stormark.namespace}" in result.stderr
    assert stormark.rows("runs") == []
    assert held["spec"]["holderIdentity"] == first
    assert f"watch whether run {first} lives" in result.stdout


def test_a_node_that_is_not_given_back_fails_the_run(stormark: Stormark, tmp_path: Path) -> None:
    """One storm, its cell failed; the clean-up's second try succeeds, and the state says both."""
    log = tmp_path / "log"
    result = with_plan(
        stormark,
        tmp_path,
        "--flow",
        "storms",
        storms=["node-crash"],
        storm_volumes=["emptyDir"],
        storm_rounds=2,
        hold_seconds=1,
        node_fault={"down": says(log, "down"), "up": python(FAILS_ONCE, log)},
    )
    assert result.exit_code == INCOMPLETE, result.output
    assert "may still be down from node-crash after its storm" in result.stderr
    assert "the key expired" in result.stderr
    assert "mends it; the clean-up has done so since" in result.stderr
    row = stormark.row("runs")
    assert (row["outcome"], row["storms_planned"]) == ("failed", 2)
    (cell,) = stormark.rows("storms")
    assert cell["status"] == "failed"
    assert [word.split()[0] for word in log.read_text().split(";")[:-1]] == ["down", "up", "up"]
