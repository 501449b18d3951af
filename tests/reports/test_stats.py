"""Medians, their intervals and when two of them differ."""

import pytest

from reports.data.stats import (
    distinguishable,
    estimate,
    false_alarm,
    is_range,
    range_confidence,
    ratio_estimate,
)


def test_percentile_interval_of_a_median_is_efrons() -> None:
    # Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979,
    # section 3: of 13 ordered values a resample's median is the 2nd or 12th with probability
    # 0.0015, the 3rd or 11th 0.0142, the 4th or 10th 0.0550. So 2.5 % end at the 4th and the 10th.
    thirteen = [94, 197, 16, 38, 99, 141, 23, 52, 104, 146, 10, 51, 30]
    ordered = sorted(thirteen)

    result = estimate(thirteen)

    assert (result.median, result.low, result.high) == (52, ordered[3], ordered[9])
    assert result.repeats == 13


@pytest.mark.parametrize("values", [[3.3] * 3, [3052.27] * 2, [3064.11] * 2])
def test_equal_values_give_a_point(values: list[float]) -> None:
    """Percentiles are interpolated, and may miss by the last bit; a chart has no such bar."""
    result = estimate(values)

    assert [result.median, result.low, result.high] == [values[0]] * 3


def test_one_repeat_has_no_interval_and_is_never_distinguishable() -> None:
    one = estimate([100.0])

    assert (one.median, one.low, one.high) == (100.0, None, None)
    assert not distinguishable(one, estimate([1.0, 1.1, 1.2]))
    assert not distinguishable(estimate([1.0, 1.1, 1.2]), one)


def test_no_value_has_no_median() -> None:
    with pytest.raises(ValueError, match="at least one value, got none"):
        estimate([])


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [([4, 5, 6], True), ([3, 4, 5], False), ([2, 2, 2], False), ([-3, -2, 0], True)],
    ids=["above", "touching", "inside", "below"],
)
def test_intervals_that_do_not_overlap_are_distinguishable(
    theirs: list[float], expected: bool
) -> None:
    assert distinguishable(estimate([1, 2, 3]), estimate(theirs)) is expected


def test_the_same_values_always_give_the_same_interval() -> None:
    values = [12.1, 11.9, 12.8, 12.4, 13.0, 12.2, 11.1]

    assert estimate(values) == estimate(values)


@pytest.mark.parametrize("repeats", [2, 3, 4, 5, 6, 7])
def test_the_interval_of_few_repeats_is_their_range(repeats: int) -> None:
    result = estimate(range(repeats))

    assert ((result.low, result.high) == (0, repeats - 1)) is is_range(repeats)


def test_how_little_a_range_can_say() -> None:
    # Table of confidence intervals for a median: [x(1), x(n)] has 50 %, 75 %, 87.5 %, 93.8 %.
    confidence = [100 * range_confidence(repeats) for repeats in (2, 3, 4, 5)]
    assert confidence == pytest.approx([50.0, 75.0, 87.5, 93.8], abs=0.1)
    # Mann and Whitney, Annals of Mathematical Statistics 18(1), 1947, table I: P(U = 0) is 0.050
    # for two samples of 3, 0.014 for two of 4; here either of the two may be the lower.
    assert [false_alarm(3), false_alarm(4)] == pytest.approx([0.1, 0.028], abs=0.001)


def test_the_interval_of_a_ratio_is_that_of_two_independent_samples() -> None:
    """Of up to five repeats it is nearly the range; a constant reference only scales it."""
    halved = ratio_estimate([48.0, 50.0, 52.0], [100.0, 100.0, 100.0])
    assert (halved.median, halved.low, halved.high) == (0.5, 0.48, 0.52)
    both = ratio_estimate([48.0, 50.0, 52.0], [96.0, 100.0, 104.0])
    assert both.low is not None
    assert both.high is not None
    assert 48 / 104 <= both.low < 0.48
    assert 0.52 < both.high <= 52 / 96


def test_the_ratio_of_one_repeat_has_no_interval() -> None:
    one = ratio_estimate([50.0], [100.0, 101.0, 99.0])
    assert (one.median, one.low, one.high) == (0.5, None, None)
