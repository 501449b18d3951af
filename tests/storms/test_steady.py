"""How long a fault lasts, and how much it takes: only computed, no clock is asked."""

import pytest

from tasks.storms.outcome import Before, lost_seconds, steady_at, unseen_seconds

BEFORE = Before("pod", "uid", 1, "w1", rate=10.0, pods=frozenset(), records=5)


def every(seconds: float, count: int, start: float = 0.0) -> list[float]:
    return [start + number * seconds for number in range(count)]


@pytest.mark.parametrize(
    ("after", "at"),
    [
        (every(0.1, 5), 0.4),
        (every(0.11, 5), 0.44),
        (every(0.12, 50), None),
        (every(0.1, 4), None),
        ([0.0, 3.0, *every(0.1, 5, start=6.0)], 6.4),
        ([], None),
    ],
    ids=["at once", "within 10 %", "slower for good", "too few", "after a stall", "no record"],
)
def test_it_is_steady_with_the_first_records_that_are_as_fast(
    after: list[float], at: float | None
) -> None:
    assert steady_at(after, BEFORE) == (None if at is None else pytest.approx(at))


def test_a_rate_that_is_not_known_is_any() -> None:
    """Records of one moment have none."""
    assert steady_at(every(9.0, 5), BEFORE._replace(rate=0.0)) == 36.0


@pytest.mark.parametrize(
    ("arrived", "seconds"),
    [
        ([90.0, 99.9, 115.0, 115.0, 115.1], 15.1),
        ([90.0, 99.9, 100.0, 100.1], 0.1),
        ([115.1, 99.9, 115.0], 15.1),
        ([90.0, 99.9], None),
    ],
    ids=["cut off", "heard all along", "out of order", "never again"],
)
def test_a_writer_that_goes_on_is_unseen_until_its_records_arrive(
    arrived: list[float], seconds: float | None
) -> None:
    """A pause before the fault is none of it."""
    found = unseen_seconds(arrived, 100.0)
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("at", "seconds"),
    [([], 0.0), ([96.0, 98.0], 4.0), ([96.0, 101.0], 5.0), ([101.0], 0.0)],
    ids=["none", "before the fault", "and after it", "after it alone"],
)
def test_what_is_lost_reaches_from_the_first_lost_record_to_the_fault(
    at: list[float], seconds: float
) -> None:
    """Or to the last lost one, of a writer that went on while it was being ended."""
    assert lost_seconds(at, 100.0) == seconds
