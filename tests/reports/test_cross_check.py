"""fio's bytes beside the device's: caches, amplification, and somebody else's I/O."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.data.load import Run, load
from reports.speed.caveats import caveats
from reports.speed.comparison import compare
from reports.speed.cross_check import checked
from reports.speed.words import verdict
from tasks.results.store import write_table
from tests.reports.sample import RUN_ID, STARTED, Row, write_run

CLASSES = {"local-path": 1.0, "nfs-client": 0.5}
MOVED = 100 * 2**20


def a_run(folder: Path, job: str = "read_iops", way: str = "read", **node: Any) -> Run:
    """A run of which one job in round 1 moved 100 MiB a second; its device what is given."""
    write_run(folder, CLASSES)
    none = {f"{of}{one}_bytes": 0 for of in ("", "own_") for one in ("read", "write")}
    fio: list[Row] = []
    seconds: list[Row] = []
    for second in range(10):
        key = {
            "storage_class": "nfs-client", "job": job, "round": 1, "repeat": 1, "second": second,
            "at": STARTED + timedelta(seconds=second), "ramp": second < 2,
        }  # fmt: skip
        fio.append(key | {"direction": way, "bytes": None if second < 2 else MOVED})
        seconds.append(key | {"device": "sda"} | none | node)
    write_table(str(folder), "fio_seconds", RUN_ID, STARTED, fio)
    write_table(str(folder), "node_seconds", RUN_ID, STARTED, seconds)
    return load(str(folder), RUN_ID)


def said(run: Run) -> list[str]:
    return [one.text for one in caveats(run) if "sda" in one.text]


def test_a_device_that_moved_what_fio_did_is_not_told_of(tmp_path: Path) -> None:
    """All of it the pod's own: a ratio of 1.00, and others' share of none."""
    run = a_run(tmp_path, read_bytes=MOVED, own_read_bytes=MOVED)
    (one,) = checked(run)
    assert one.ratios == {"read": pytest.approx(1.0)}
    assert one.others == 0
    assert said(run) == []


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"read_bytes": MOVED // 50}, "sda moved 0.02 times the bytes of fio's reads: a cache has"),
        ({"read_bytes": 2 * MOVED}, "sda moved 2.00 times the bytes of fio's reads: amplification"),
        (
            {"read_bytes": MOVED, "below": "sdb", "below_read_bytes": 0, "below_write_bytes": 0},
            "sda moved 0.00 times the bytes of fio's reads: a cache has the rest",
        ),
    ],
    ids=["cache", "amplification", "cache below a loop"],
)
def test_what_device_and_fio_differ_by(tmp_path: Path, node: Row, words: str) -> None:
    """The report says which, and by how much."""
    unknown: Row = {"own_read_bytes": None, "own_write_bytes": None}
    (text,) = said(a_run(tmp_path, **(node | unknown)))
    assert text.startswith("read_iops on nfs-client, round 1: ")
    assert words in text


@pytest.mark.parametrize(
    ("share", "warned", "judged"), [(0.04, False, True), (0.1, True, True), (0.3, True, False)]
)
def test_another_tenant(tmp_path: Path, share: float, warned: bool, judged: bool) -> None:
    """Above 5 % a warning, above 20 % no verdict for that job, and for the others as before."""
    run = a_run(tmp_path, read_bytes=round(MOVED / (1 - share)), own_read_bytes=MOVED)
    assert any(
        f"{100 * share:.0f} % of what sda moved was others'" in one for one in said(run)
    ) is (warned)
    found = compare(run)
    for row in found.rows:
        words = verdict(row, row.cells[1], "volume")
        disturbed = row.job["job"] == "read_iops" and not judged
        assert (words == "no verdict (others' I/O)") is disturbed
        assert (row.cells[1].ratio is None) is disturbed


@pytest.mark.parametrize(("syncs", "others"), [(None, 0.5), (1000.0, 0.0)])
def test_a_filesystem_s_own_log_is_no_tenant(
    tmp_path: Path, syncs: float | None, others: float
) -> None:
    """Of a job that syncs, what the kernel writes for it is nobody else's."""
    run = a_run(tmp_path, "write_iops", "write", write_bytes=2 * MOVED, own_write_bytes=MOVED)
    for row in run.fio:
        row["sync_latency_mean_ns"] = syncs
    (one,) = checked(run)
    assert one.others == pytest.approx(others)
    assert one.ratios == {"write": pytest.approx(2.0)}


def test_too_few_seconds_are_not_judged(tmp_path: Path) -> None:
    """A begin and an end lie between two samples."""
    run = a_run(tmp_path, read_bytes=0)
    del run.node_seconds[6:]
    assert checked(run) == []
