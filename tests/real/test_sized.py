"""A volume that is full at its size, on a real cluster: what stormark measures and says."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kubernetes import client

from tasks.kubernetes import streams
from tests.conftest import Rows, rows_of
from tests.flows.server import until
from tests.real.account import granted
from tests.real.command import stormark
from tests.storms.ground import Ground, new_namespace, storm_rows
from tests.tasks.rights import shipped

CLASS = "sized"
OF_ONE_RUN = pytest.mark.xdist_group("full")
INCOMPLETE = 1
# With what is laid out, `grow` would fill the volume to the byte, and XFS keeps some of them.
FULL = """\
[global]
stonewall
direct=1
size=64m
[before]
rw=randread
bs=4k
io_size=1m
[grow]
rw=write
bs=1m
size=384m
create_on_open=1
fallocate=none
[after]
rw=randread
bs=4k
io_size=1m
"""
# Less than 320Mi, more than XFS leaves of them.
TOO_LARGE = "[read]\nrw=read\nbs=1m\nsize=250m\n"
# The writer's memory is too small to write so much in a moment. A full volume takes no new
# file, yet what is left of it would be a minute of records: `rest` is made before, and takes that.
FILL = """
: >volume/rest
for size in 128 64 32 16 8 4 2 1; do fallocate -l "${size}m" "volume/full.$size"; done
dd if=/dev/zero bs=4k >>volume/rest || true
"""


class Ended(NamedTuple):
    """How `stormark run` ended, and what it wrote."""

    code: int
    stderr: str
    results: str
    report: str

    def rows(self, table: str) -> Rows:
        return rows_of(self.results, table)

    def row(self, table: str) -> dict[str, Any]:
        (row,) = self.rows(table)
        return row


@pytest.fixture(scope="module", autouse=True)
def offered(admin: client.ApiClient) -> None:
    """The testbed's class: another cluster may have none."""
    classes = client.StorageV1Api(admin).list_storage_class(field_selector=f"metadata.name={CLASS}")
    if not classes.items:
        pytest.skip(f"this cluster has no class {CLASS}: `make e2e` without KUBECONFIG makes one")


def ended(admin: client.ApiClient, image: str, folder: Path, size: str, fio_file: str) -> Ended:
    """A run on one volume of a size, with the rights of `manifests/rbac.yaml`."""
    (folder / "own.fio").write_text(fio_file)
    options = {
        "--class": CLASS,
        "--volume-size": size,
        "--fio-file": str(folder / "own.fio"),
        "--rounds": "1",
        "--image": image,
        "--results": str(folder),
    }
    words = [word for option in options.items() for word in option]
    with granted(admin, shipped(), folder) as kubeconfig:
        done = stormark(kubeconfig, "run", *words)
    report = folder / "reports/latest.md"
    assert report.exists(), done.stdout + done.stderr
    return Ended(done.returncode, done.stderr, str(folder), report.read_text())


@pytest.fixture(scope="module")
def full(admin: client.ApiClient, image: str, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return ended(admin, image, tmp_path_factory.mktemp("full"), "512Mi", FULL)


@OF_ONE_RUN
def test_a_volume_has_its_size(full: Ended) -> None:
    """A filesystem of its own: what is free on it is less than what was asked for, and not much."""
    volume = full.row("volumes")
    assert volume["error"] is None
    assert volume["filesystem"] == "xfs"
    assert volume["requested_bytes"] == volume["capacity_bytes"] == 512 * 2**20
    assert 0.8 * 512 * 2**20 < volume["free_bytes"] < 512 * 2**20


@OF_ONE_RUN
def test_a_job_that_fills_the_volume_fails_alone(full: Ended) -> None:
    """The jobs before and after it are measured; command, Parquet and report have fio's words."""
    assert full.code == INCOMPLETE, full.stderr
    assert full.row("runs")["outcome"] == "incomplete"
    cells = {row["job"]: row for row in full.rows("fio")}
    assert {job: row["status"] for job, row in cells.items()} == {
        "before": "measured",
        "grow": "failed",
        "after": "measured",
    }
    words = cells["grow"]["error"]
    assert words.startswith("fio exited with ")
    assert "No space left on device" in words
    assert f"1 of 3 cells failed: {CLASS} grow round 1: {words}" in full.stderr
    assert "failed: out of space" in full.report
    assert words in full.report


def test_files_that_do_not_fit_are_refused_before_they_are_written(
    admin: client.ApiClient, image: str, tmp_path: Path
) -> None:
    """What the filesystem keeps is only seen on the volume: both numbers are said."""
    refused = ended(admin, image, tmp_path, "320Mi", TOO_LARGE)
    assert refused.code == INCOMPLETE, refused.stderr
    volume, cell = refused.row("volumes"), refused.row("fio")
    needed = 250 * 2**20
    assert volume["free_bytes"] < needed
    words = (
        f"volume too small: {int(volume['free_bytes']):,} bytes are free on {volume['node']}, "
        f"the plan's files need {needed:,}"
    )
    assert (cell["job"], cell["status"]) == ("read", "failed")
    for said in (volume["error"], cell["error"], refused.stderr, refused.report):
        assert words in said


def test_a_full_volume_gives_no_writer_to_a_storm(image: str, tmp_path: Path) -> None:
    """The storm before it is measured; the one after says it in the writer's words."""
    with new_namespace() as cluster:
        ground = Ground(cluster, {"namespace": cluster.namespace, "image": image}, [])

        def lines(pod: str) -> list[str]:
            # more than a storm waits for: 3 s
            log = ground.core.read_namespaced_pod_log(pod, cluster.namespace, tail_lines=60)
            return str(log).splitlines()

        refusing: list[str] = []

        def fill(row: dict[str, Any], events: Rows) -> None:
            if row["storm"] == "container-restart":
                pod = next(e["pod"] for e in events if e["event"] == "fault")
                streams.execute(cluster, pod, ["sh", "-c", FILL], limit_seconds=60)
                until(
                    lambda: lines(pod), lambda said: all(line.startswith("error ") for line in said)
                )
                refusing.append(pod)

        known = ground.run_storms(
            tmp_path,
            watch=fill,
            storage_classes=[CLASS],
            storm_volumes=["storage-classes"],
            storms=["container-restart", "pod-kill"],
            volume_size="300Mi",
            writes_per_second=20,
            recovery_limit_seconds=15,
        )
        assert ground.left() == []
    assert len(refusing) == 1
    restart, kill = storm_rows(known)
    assert (restart["status"], restart["kept"]) == ("measured", True), restart
    assert kill["status"] == "failed"
    assert kill["error"].startswith(f"before a storm on {CLASS}: nothing written for 15 s: ")
    assert "its writer says: dd: " in kill["error"]
    assert "No space left on device" in kill["error"]
