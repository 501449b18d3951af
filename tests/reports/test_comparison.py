"""The comparison as data: volumes, percentiles, the control, and what makes a figure doubtful."""

import json
from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from reports.data.load import load
from reports.data.percentiles import TooFew, pooled
from reports.data.stats import Estimate, Word
from reports.page.render import render
from reports.speed.comparison import Cell, Comparison, compare
from reports.speed.words import word
from tests.reports import sample
from tests.reports.sample import RUN_ID, Row, write_run

LATENCY = {"read_latency": sample.STANDARD["read_latency"]}
READ = {"read_iops": sample.LAB["read_iops"]}
CONTROL = "local-path (control)"


def compared(root: Path, speeds: Mapping[str, float], **changes: Any) -> Comparison:
    return compare(load(write_run(root, speeds, **changes), RUN_ID))


def last_cell(comparison: Comparison, label: str) -> Cell:
    (row,) = (row for row in comparison.rows if row.figure.label == label)
    return row.cells[-1]


# ---------------------------------------------------------------- volumes


def test_a_volume_is_one_number_however_many_repeats_it_had(tmp_path: Path) -> None:
    """Of two rounds with eight repeats each there are two volumes, and no verdict."""

    def cell(row: Row) -> Row:
        return row | {"round": (row["round"] - 1) // 2 + 1, "repeat": row["round"] % 2 + 1}

    two = compared(tmp_path / "2", {"a": 1.0, "b": 0.2}, rounds=4, cell=cell, jobs=READ)
    four = compared(tmp_path / "4", {"a": 1.0, "b": 0.2}, rounds=4, jobs=READ)
    for comparison, volumes, verdict in ((two, 2, None), (four, 4, Word.LESS)):
        estimate, ratio = last_cell(comparison, "IOPS").known, last_cell(comparison, "IOPS").ratio
        assert estimate
        assert ratio
        assert (estimate.volumes, ratio.word) == (volumes, verdict)
        assert ratio.value == pytest.approx(0.2)


def test_a_class_whose_rounds_failed_has_fewer_volumes(tmp_path: Path) -> None:
    def cell(row: Row) -> Row:
        lost = row["storage_class"] == "b" and row["round"] > 3
        return sample.failed(row, "boom") if lost else row

    comparison = compared(tmp_path, {"a": 1.0, "b": 0.2}, rounds=5, cell=cell, jobs=READ)
    (row,) = comparison.rows
    assert [c.known and c.known.volumes for c in row.cells] == [5, 3]
    assert word(row, row.cells[1]) == "slower"


def test_a_figure_of_zero_has_no_ratio(tmp_path: Path) -> None:
    def cell(row: Row) -> Row:
        return row | {"iops": 0.0} if row["storage_class"] == "b" else row

    found = last_cell(compared(tmp_path, {"a": 1.0, "b": 1.0}, cell=cell, jobs=READ), "IOPS")
    assert (found.estimate, found.ratio) == (Estimate(0.0, 0.0, 0.0, 3), None)


# ---------------------------------------------------------------- percentiles


def bins(counts: Mapping[int, int]) -> list[dict[str, int]]:
    return [{"ns": ns, "count": count} for ns, count in counts.items()]


def test_a_percentile_is_that_of_all_ios_of_all_volumes() -> None:
    """Not the mean or the median of each volume's: one of two has all the slow ones."""
    rows: list[Row] = [
        {"status": "measured", "read_latency_bins": bins({100: 9_900, 500: 100})},
        {"status": "measured", "read_latency_bins": bins({100: 9_000, 900: 1_000})},
        {"status": "failed", "read_latency_bins": None},
    ]
    assert pooled(rows, "read", "p50") == 100
    assert pooled(rows, "read", "p95") == 500
    assert pooled(rows, "read", "p99") == 900
    assert pooled(rows[:1], "read", "p99") == 100
    assert pooled([*rows, {"status": "measured"}], "read", "p99") is None


@pytest.mark.parametrize(("ios", "printed"), [(3_334, True), (3_333, False)])
def test_a_percentile_needs_a_hundred_ios_beyond_it(
    tmp_path: Path, ios: int, printed: bool
) -> None:
    def cell(row: Row) -> Row:
        return row | {"read_latency_bins": bins({100_000: ios - 50, 900_000: 50})}

    comparison = compared(tmp_path, {"a": 1.0}, cell=cell, jobs=LATENCY)
    p99 = last_cell(comparison, "read p99")
    if printed:
        assert p99.known
        assert p99.known.value == 900_000
    else:
        assert p99.estimate == TooFew(9_999, 10_000)
    assert last_cell(comparison, "read p50").known


def test_where_there_is_no_histogram_it_is_the_mean_of_the_volumes(tmp_path: Path) -> None:
    comparison = compared(tmp_path, {"a": 1.0}, jobs=LATENCY)
    p99 = last_cell(comparison, "read p99").known
    assert p99
    assert p99.value == pytest.approx(2.4e9 / 1150)
    few = compared(tmp_path, {"a": 0.1}, jobs=LATENCY)
    assert isinstance(last_cell(few, "read p99").estimate, TooFew)


def test_a_paced_job_is_asked_how_long_it_takes_and_a_full_queue_how_much(tmp_path: Path) -> None:
    jobs = {"paced_4k": ("randrw", 4096, 16, 500), "mixed": ("randrw", 4096, 16, 500)}
    labels: dict[str, list[str]] = {}
    for row in compared(tmp_path, {"a": 1.0}, jobs=jobs).rows:
        labels.setdefault(row.job["job"], []).append(row.figure.label)
    assert labels == {
        "paced_4k": ["read p50", "read p99", "write p50", "write p99"],
        "mixed": ["IOPS"],
    }


# ---------------------------------------------------------------- the control


def test_the_control_is_no_class_and_comes_out_equal_or_open(tmp_path: Path) -> None:
    speeds = {"local-path": 1.0, CONTROL: 1.0, "nfs": 0.2}
    location = write_run(tmp_path, speeds)
    comparison = compare(load(location, RUN_ID))
    assert (comparison.classes, comparison.control) == (("local-path", "nfs"), CONTROL)
    report = render(location, RUN_ID).markdown
    assert report.splitlines()[2].startswith("**nfs is at least")
    # each set of volumes has the factors 1, 0.97 and 1 / 0.97: log(1 / 0.97) = 0.0305
    assert (
        f"- {CONTROL}, a second set of volumes of the reference, is equal within 10 % in 4 of 4 "
        "figures. Volumes of local-path spread by 3 % (standard deviation) in the median of its "
        "figures, by 3 % at most.\n"
    ) in report
    folded = report.partition("<summary>The control, figure by figure</summary>")[2]
    assert "| read_iops  | IOPS   | 1.00×" in folded
    assert "| 3.0 % |" in folded


def test_a_control_that_is_told_apart_is_a_warning_at_the_top(tmp_path: Path) -> None:
    location = write_run(tmp_path, {"local-path": 1.0, "nfs": 0.2, CONTROL: 0.7}, jobs=READ)
    top = render(location, RUN_ID).markdown.splitlines()[2]
    assert top.startswith(
        f"**Warning: {CONTROL} is local-path itself, and came out slower at 4K QD64 random "
        "reads: believe no verdict here.**"
    )


def test_the_control_takes_no_part_in_the_table_of_the_classes(tmp_path: Path) -> None:
    """So asking for one costs no power: the classes' words and bounds stay as they are."""
    without = compared(tmp_path / "a", {"local-path": 1.0, "nfs": 0.8})
    beside = compared(tmp_path / "b", {"local-path": 1.0, "nfs": 0.8, CONTROL: 1.0})
    assert [row.cells[1].ratio for row in without.rows] == [r.cells[1].ratio for r in beside.rows]


# ---------------------------------------------------------------- nodes


@pytest.mark.parametrize("apart", [(), (2,), (1, 2, 3)], ids=["never", "once", "always"])
def test_a_class_that_was_on_other_nodes_than_the_reference_is_said(
    tmp_path: Path, apart: tuple[int, ...]
) -> None:
    """Round by round: that both were on w1, each in a round of its own, is no comparison."""

    def cell(row: Row) -> Row:
        moved = row["storage_class"] == "b" and row["round"] in apart
        return row | {"node": f"w{(row['round'] + moved) % 3 + 1}"}

    comparison = compared(tmp_path, {"a": 1.0, "b": 1.0}, cell=cell, jobs=READ)
    where = {1: "w2 (a), w3 (b)", 2: "w3 (a), w1 (b)", 3: "w1 (a), w2 (b)"}
    places = "; ".join(where[number] for number in apart)
    assert [caveat.text for caveat in comparison.caveats] == (
        [f"b was on another node than a in {len(apart)} of 3 rounds: {places}"] if apart else []
    )


def test_the_plan_before_rounds_and_the_one_with_them_say_how_many(tmp_path: Path) -> None:
    old = load(write_run(tmp_path / "old", {"a": 1.0}, rounds=2, old=True), RUN_ID)
    new = load(write_run(tmp_path / "new", {"a": 1.0}, rounds=2), RUN_ID)
    assert json.loads(old.facts["plan"])["repeats"] == old.rounds == new.rounds == 2
    assert [compare(run).turn for run in (old, new)] == ["repeat", "round"]
    assert {row["volume"] for row in old.fio} == {0}
    assert {row["volume"] for row in new.fio} == {1, 2}


def test_the_interval_is_welchs_of_the_volumes(tmp_path: Path) -> None:
    """By hand: three volumes of each with factors 1, 0.97, 1/0.97, and t(0.975) of 4 is 2.776."""
    ratio = last_cell(compared(tmp_path, {"a": 1.0, "b": 0.5}, jobs=READ), "IOPS").ratio
    assert ratio
    arm = 2.776 * 0.030459 * sqrt(2 / 3)
    assert ratio.low == pytest.approx(0.5 * (1 - arm + arm**2 / 2), abs=1e-4)
    assert ratio.high == pytest.approx(0.5 * (1 + arm + arm**2 / 2), abs=1e-4)
