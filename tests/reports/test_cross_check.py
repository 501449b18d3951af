"""fio's bytes beside the device's: caches, amplification, and somebody else's I/O."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.data.load import Run, load
from reports.history.nights import nights
from reports.page.render import render
from reports.side_by_side.pooled import about, over_nights
from reports.speed.caveats import caveats
from reports.speed.comparison import compare
from reports.speed.cross_check import checked, disturbed
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


@pytest.mark.parametrize(("share", "left_out"), [(0.1, False), (0.3, True)])
def test_a_disturbed_cell_is_in_no_history_and_no_pooled_comparison(
    tmp_path: Path, share: float, left_out: bool
) -> None:
    """A night of it is left out, and told; one with little of others' I/O is as all others."""
    a_run(tmp_path, read_bytes=round(MOVED / (1 - share)), own_read_bytes=MOVED)
    cell = (RUN_ID, "nfs-client", "read_iops")
    assert disturbed(str(tmp_path), [RUN_ID]) == ({cell} if left_out else set())
    of_job = {s.name for s in nights(str(tmp_path)).series if s.what == "read_iops"}
    assert of_job == {"local-path"} | (set() if left_out else {"nfs-client"})
    assert {s.name for s in nights(str(tmp_path)).series if s.what == "write_iops"} == {*CLASSES}
    pooled = over_nights(str(tmp_path), 28)
    assert any("others': read_iops on nfs-client in 1 run" in one for one in about(pooled)) is (
        left_out
    )
    of_row = {row.job["job"]: row.cells[1].known for row in pooled.comparison.rows}
    assert (of_row["read_iops"] is None) is left_out
    assert of_row["write_iops"] is not None


def test_what_the_counting_took_is_said(tmp_path: Path) -> None:
    """Of a core; of a run without node_seconds nothing."""
    write_run(tmp_path / "without", CLASSES)
    assert "% of a core" not in render(str(tmp_path / "without"), RUN_ID).markdown
    a_run(tmp_path, read_bytes=MOVED, sampling_cpu_percent=0.25)
    assert "took 0.25 % of a core" in render(str(tmp_path), RUN_ID).markdown
