"""Many nights as one, from Parquet to markdown."""

from collections.abc import Mapping
from datetime import timedelta
from math import exp
from pathlib import Path

import numpy as np
import pytest

from reports.side_by_side.pooled import over_nights, render, write
from tasks.results.store import ResultsError
from tests.reports import sample
from tests.reports.sample import STARTED, Row, write_run

TWIN = {"local-path": 1.0, "fast": 1.5, "twin": 1.0}


def write_nights(
    root: Path, number: int, speeds: Mapping[str, float] = TWIN, first: int = 0, **facts: object
) -> str:
    """Nights of one volume a class: 30 % from night to night for all alike, 10 % for each."""
    location = str(root)
    for night in range(first, first + number):
        random = np.random.default_rng(night)
        common = random.normal(0, 0.3)

        def cell(row: Row, common: float = common, random: np.random.Generator = random) -> Row:
            factor = exp(common + random.normal(0, 0.1))
            scaled = {
                column: value * (1 / factor if "latency" in column else factor)
                for column, value in row.items()
                if isinstance(value, float) and not column.endswith("_seconds")
            }
            return row | scaled

        write_run(
            root, speeds, rounds=1, jobs=sample.STANDARD, run_id=f"night-{night:02}", cell=cell,
            facts={"started_at": STARTED + timedelta(days=night), **facts},
        )  # fmt: skip
    return location


def words(location: str, last: int = 28) -> dict[str, set[str]]:
    """By class, the words of all its figures."""
    comparison = over_nights(location, last).comparison
    return {
        name: {str(ratio.word) for row in comparison.rows if (ratio := row.cells[place].ratio)}
        for place, name in enumerate(comparison.classes)
        if place
    }


def test_a_true_difference_is_found_and_none_where_there_is_none(tmp_path: Path) -> None:
    """Nights lie further apart than the classes: they are paired."""
    found = words(write_nights(tmp_path, 14))
    assert found["fast"] <= {"more", "less"}
    assert found["twin"] <= {"open", "equal"}


def test_two_nights_have_no_verdict(tmp_path: Path) -> None:
    location = write_nights(tmp_path, 2)
    assert words(location)["fast"] == {"None"}
    assert "of so few there is no verdict on the classes" in render(over_nights(location, 28))


def test_the_report_has_ratio_interval_and_word_over_nights(tmp_path: Path) -> None:
    location = write_nights(tmp_path, 9)
    pooled = over_nights(location, 7)
    path = write(location, pooled)
    report = Path(path).read_text()
    assert path == f"{tmp_path}/reports/last-7-until-night-08.md"
    assert report.startswith("# local-path and fast and twin over 7 nights\n")
    assert "- 7 nights of kind-prod: night-02 to night-08\n" in report
    (line,) = (line for line in report.splitlines() if line.startswith("| read_iops "))
    assert line.count("× [") == 2
    assert "**faster**" in line
    assert "7 nights of each class" in report


@pytest.mark.parametrize("speed", [1.0, 0.6])
def test_a_control_is_judged_by_night_too(tmp_path: Path, speed: float) -> None:
    location = write_nights(tmp_path, 7, {"a": 1.0, "b": 1.5, "a (control)": speed})
    report = render(over_nights(location, 7))
    assert ("**Warning: a (control) is a itself" in report) == (speed != 1)
    assert "- a (control), a second set of volumes of the reference, is " in report
    assert "| a (control) |" not in report


def test_only_nights_of_the_same_measurement_are_paired(tmp_path: Path) -> None:
    """Not those of another cluster, of other classes, another plan, or that did not end."""
    write_nights(tmp_path, 3)
    write_nights(tmp_path, 1, first=3, cluster="other")
    write_nights(tmp_path, 1, first=4, plan='{"profile": "wal"}')
    write_nights(tmp_path, 1, first=5, outcome="cancelled")
    # the same plan, which names no class; then there was one less
    for night, speeds in ((6, {"local-path": 1.0, "fast": 1.5}), (7, TWIN), (8, TWIN)):
        plan = '{"profile": "standard", "storage_classes": []}'
        write_nights(tmp_path, 1, speeds, first=night, plan=plan)
    pooled = over_nights(str(tmp_path), 28)
    assert (pooled.runs, pooled.left_out) == (("night-07", "night-08"), ("night-06",))
    assert over_nights(str(tmp_path), 28, "other").runs == ("night-03",)


def test_what_changed_between_the_nights_is_said(tmp_path: Path) -> None:
    write_nights(tmp_path, 2)
    write_nights(tmp_path, 1, first=2, fio_version="fio-3.39")
    report = render(over_nights(str(tmp_path), 28))
    assert "- Not alike: fio_version was fio-3.39 in 1 run, fio-3.38 in 2 runs\n" in report


def test_no_night_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="holds no complete run with figures"):
        over_nights(str(tmp_path), 7)
    write_nights(tmp_path, 1)
    with pytest.raises(ResultsError, match="of cluster 'x'; it holds those of kind-prod"):
        over_nights(str(tmp_path), 7, "x")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fio_env", '{"BS": "128k"}'),
        ("rounds", "10"),
        ("control", "true"),
        ("pvc", '"mine"'),
        ("node_selector", '{"pool": "fast"}'),
        ("runtime_seconds", "60"),
    ],
)
def test_nights_of_another_plan_are_told(tmp_path: Path, field: str, value: str) -> None:
    """How many there are, and in what they differ; what an older plan does not know is no other."""
    write_nights(tmp_path, 3, plan='{"profile": "standard"}')
    write_nights(tmp_path, 2, first=3, plan=f'{{"profile": "standard", "{field}": {value}}}')
    write_nights(tmp_path, 2, first=5, plan='{"profile": "standard", "fio_env": {}, "pvc": ""}')
    pooled = over_nights(str(tmp_path), 28)
    assert pooled.runs == ("night-00", "night-01", "night-02", "night-05", "night-06")
    assert f"- Left out, of another plan: 2 runs, by {field} in 2\n" in render(pooled)
    (tmp_path / "alike").mkdir()
    assert "another plan" not in render(over_nights(write_nights(tmp_path / "alike", 3), 28))


def test_runs_of_one_date_are_one_night(tmp_path: Path) -> None:
    """Three by hand within an hour are one, and the newest stands for it."""
    write_nights(tmp_path, 3)
    for night in (3, 4):
        write_nights(tmp_path, 1, first=night, started_at=STARTED + timedelta(days=2, hours=night))
    report = render(pooled := over_nights(str(tmp_path), 28))
    assert pooled.runs == ("night-00", "night-01", "night-04")
    assert "its newest run stands for it: night-03, night-02\n" in report
    assert over_nights(str(tmp_path), 2).runs == ("night-01", "night-04")


@pytest.mark.parametrize(("ios", "printed"), [(9_999, False), (10_000, True)])
def test_a_percentile_of_nights_is_one_that_each_may_print(
    tmp_path: Path, ios: int, printed: bool
) -> None:
    for night, each in enumerate((20_000, 20_000, ios)):

        def cell(row: Row, each: int = each) -> Row:
            return row | {"read_ios": each, "write_ios": each}

        write_run(
            tmp_path, TWIN, rounds=1, jobs=sample.STANDARD, run_id=f"night-{night}", cell=cell,
            facts={"started_at": STARTED + timedelta(days=night)},
        )  # fmt: skip
    report = render(over_nights(str(tmp_path), 28))
    assert ("too few I/Os (9,999 of 10,000)" in report) != printed
