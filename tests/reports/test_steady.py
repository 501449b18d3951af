"""What a series of seconds is said to do, and that a steady one is said nothing of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.steady import noisy
from reports.data.load import load
from reports.speed.caveats import caveats
from reports.speed.steady import course
from tasks.results.store import write_table
from tests.reports.sample import RUN_ID, STARTED, write_run

Array = NDArray[np.float64]
LIMIT = 3000.0


def steady(seconds: int = 300) -> Array:
    return np.full(seconds, LIMIT)


def burst(seconds: int = 300, first: int = 12) -> Array:
    return np.where(np.arange(seconds) < first, 3 * LIMIT, LIMIT)


def stalls(*when: int, seconds: int = 300) -> Array:
    series = steady(seconds)
    series[list(when)] = 0
    return series


def test_a_burst_is_told_with_its_length_and_what_comes_after() -> None:
    """In place of a mean of both, which is the figure of neither."""
    assert course(burst()) == ["3.0× for 12 s, then 3.00 k IOPS"]


def test_a_warm_up_is_one_in_the_other_direction() -> None:
    assert course(LIMIT / burst() * LIMIT) == ["it warms up: 0.33× for 12 s, then 3.00 k IOPS"]


def test_levels_that_come_and_go_are_counted() -> None:
    series = np.repeat([LIMIT, 1000.0, LIMIT], 100)
    assert course(series) == [
        "3 levels between 1.00 k and 3.00 k IOPS, the last of them 3.00 k for 100 s"
    ]


def test_an_end_without_any_io_is_no_factor() -> None:
    series = np.repeat([LIMIT, 0.0], [100, 50])
    assert course(series)[0] == "3.00 k IOPS for 100 s, then none"


def test_lone_stalls_are_told_by_their_seconds() -> None:
    assert course(stalls(40, 41, 130, 250)) == [
        "3 stalls of 4 s, down to 0 IOPS, in second 40, 130, 250"
    ]
    assert course(stalls(7, seconds=15)) == ["a stall of 1 s, down to 0 IOPS, in second 7"]


def test_stalls_at_equal_distances_are_periodic() -> None:
    """Two of five gaps that differ are chance."""
    assert course(stalls(*range(10, 300, 30))) == ["a stall each 30 s (10 of them, down to 0 IOPS)"]
    assert "10 stalls" in course(stalls(10, 40, 70, 100, 130, 160, 190, 220, 250, 290))[0]


def test_a_slow_fall_is_a_slope_and_no_step() -> None:
    (words,) = course(np.linspace(LIMIT, 0.7 * LIMIT, 600))
    assert words == "it falls by 14 % within the last 300 s"


@pytest.mark.parametrize(
    "series",
    [[], [1.0], [0.0] * 5, [0.0] * 60, [100.0] * 15, [LIMIT] * 600, [0.0, 1.0, 0.0, 1.0] * 20],
    ids=len,
)
def test_short_and_empty_series_are_judged_without_an_error(series: list[float]) -> None:
    course(series)


@pytest.mark.parametrize("seconds", [3, 15, 60, 300, 600])
@pytest.mark.parametrize("noise", [0.03, 0.10])
def test_a_noisy_steady_series_is_said_nothing_of(seconds: int, noise: float) -> None:
    """The twin of all above: the same noise of one seed beside a burst is told."""
    chance = np.random.default_rng(1)
    said = [course(noisy(steady(seconds), noise, chance)) for _ in range(20)]
    assert said == [[]] * 20


@pytest.mark.parametrize("noise", [0.03, 0.10])
@pytest.mark.parametrize("true", [burst, lambda: burst(60), lambda: burst(600, 240)])
def test_a_burst_is_found_in_noise_within_2_seconds(
    true: Callable[[], Array], noise: float
) -> None:
    chance = np.random.default_rng(2)
    seconds = int((true() > LIMIT).sum())
    for _ in range(20):
        (words,) = course(noisy(true(), noise, chance))
        told = words.split()
        assert float(told[0].rstrip("×")) == pytest.approx(3, rel=0.1)
        assert abs(int(told[2]) - seconds) <= 2


def test_a_report_warns_of_what_is_not_steady_round_by_round(tmp_path: Path) -> None:
    """Reads and writes together; a ramp is no warm-up; a steady job has no warning."""
    write_run(tmp_path, {"local-path": 1.0})
    rows = [
        {
            "storage_class": "local-path", "job": job, "round": number, "repeat": 1,
            "direction": direction, "second": second, "ramp": second < 2,
            "iops": None if second < 2 else iops / 2,
        }
        for job, number, series in (
            ("read_iops", 1, burst(60)),
            ("read_iops", 2, steady(60)),
            ("write_iops", 1, steady(60)),
        )
        for direction in ("read", "write")
        for second, iops in enumerate([0, 0, *series])
    ]  # fmt: skip
    write_table(str(tmp_path), "fio_seconds", RUN_ID, STARTED, rows)
    (found,) = [one for one in caveats(load(str(tmp_path), RUN_ID)) if "steady" in one.text]
    assert found.text == (
        "read_iops is not steady on local-path: round 1: 3.0× for 12 s, then 3.00 k IOPS"
    )
    assert found.cells == (("local-path", "read_iops"),)


@pytest.mark.parametrize(("last", "stalls"), [(None, False), (0.0, True)])
def test_a_last_second_that_is_not_known_in_one_direction_is_no_stall(
    tmp_path: Path, last: float | None, stalls: bool
) -> None:
    write_run(tmp_path, {"local-path": 1.0})
    rows = [
        {
            "storage_class": "local-path", "job": "mixed", "round": 1, "repeat": 1,
            "direction": direction, "second": second, "ramp": False, "iops": iops,
        }
        for direction, usual, end in (("read", 100.0, 100.0), ("write", 900.0, last))
        for second, iops in enumerate([*[usual] * 40, end])
    ]  # fmt: skip
    write_table(str(tmp_path), "fio_seconds", RUN_ID, STARTED, rows)
    said = [one.text for one in caveats(load(str(tmp_path), RUN_ID)) if "stall" in one.text]
    assert bool(said) is stalls
