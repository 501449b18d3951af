"""What may be said of the difference of two classes, by their volumes."""

import warnings

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from reports.data.stats import (
    Difference,
    Word,
    bounds,
    enough,
    holm,
    p_values,
    paired,
    stacked,
    welch,
    words,
)

TEN_PERCENT = 1.1


def said(mine: list[float], theirs: list[float]) -> str:
    """The word of a table of one pair of classes, of these figures."""
    return str(words(stacked([welch(np.log(mine), np.log(theirs))]), TEN_PERCENT)[0])


@pytest.mark.parametrize("units", [(2, 2), (3, 3), (3, 5), (10, 4)])
def test_two_classes_are_compared_as_scipy_does_without_equal_variances(
    units: tuple[int, int],
) -> None:
    random = np.random.default_rng(1)
    mine, theirs = (random.normal(size=(n, 7)) * (1 + k) for k, n in enumerate(units))
    scipys = ttest_ind(mine, theirs, equal_var=False)
    ours = welch(mine, theirs)
    assert p_values(ours) == pytest.approx(scipys.pvalue)
    assert np.array(bounds(ours)) == pytest.approx(np.array(scipys.confidence_interval(0.95)))
    assert np.array(bounds(ours, 0.1)) == pytest.approx(np.array(scipys.confidence_interval(0.9)))


def test_nights_are_compared_as_scipy_does_with_pairs() -> None:
    random = np.random.default_rng(2)
    mine, theirs = random.normal(size=(2, 7))
    scipys, ours = ttest_rel(mine, theirs), paired(mine - theirs)
    assert float(p_values(ours)) == pytest.approx(scipys.pvalue)
    assert np.array(bounds(ours)) == pytest.approx(np.array(scipys.confidence_interval(0.95)))


def test_what_differs_by_night_and_not_by_class_is_no_noise_to_pairs() -> None:
    """Both classes are 1.2× apart in every night, and nights lie far apart."""
    nights = np.log([100.0, 300.0, 900.0])
    ratios = np.log([1.19, 1.2, 1.21])
    assert float(p_values(paired(ratios))) < 0.01
    assert float(p_values(welch(nights + ratios, nights))) > 0.5


def test_holm_by_hand() -> None:
    # 4 × 0.01, 3 × 0.02, 2 × 0.022 (not below the one before), 1 × 0.09; and two tables at once
    p = np.array([0.09, 0.022, 0.01, 0.02])
    adjusted = [0.09, 0.06, 0.04, 0.06]
    assert holm(p) == pytest.approx(adjusted)
    assert holm(np.column_stack([p, p[::-1]]))[:, 1] == pytest.approx(adjusted[::-1])
    assert holm(np.array([0.6, 0.7])) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("mine", "theirs", "word"),
    [
        ([200, 205, 195], [100, 102, 98], Word.MORE),
        ([100, 102, 98], [200, 205, 195], Word.LESS),
        ([100, 102, 98], [101, 99, 100], Word.EQUAL),
        ([100, 150, 80], [101, 99, 160], Word.OPEN),
    ],
)
def test_each_word(mine: list[float], theirs: list[float], word: Word) -> None:
    assert said(mine, theirs) == word


def test_what_is_sure_and_too_small_to_matter_is_equal() -> None:
    """A class at its limit has next to no spread: 1 % more is not called faster."""
    assert said([3030.1, 3030.2, 3030.0], [3000.1, 3000.0, 3000.2]) == Word.EQUAL
    assert said([3600.1, 3600.2, 3600.0], [3000.1, 3000.0, 3000.2]) == Word.MORE


@pytest.mark.parametrize(
    ("mine", "theirs", "word"),
    [
        ([3000] * 3, [3000] * 3, Word.EQUAL),
        ([4000] * 3, [3000] * 3, Word.MORE),
        ([3000] * 3, [2900, 3000, 3100], Word.EQUAL),
        ([3000] * 3, [290, 300, 310], Word.MORE),
        ([3052.27] * 3, [3052.27 * (1 + 1e-15)] * 4, Word.EQUAL),
    ],
    ids=["both alike", "both constant", "one constant", "far", "but for the last bit"],
)
def test_figures_without_any_spread_are_judged_without_a_warning(
    mine: list[float], theirs: list[float], word: Word
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert said(mine, theirs) == word


def test_a_verdict_has_to_hold_among_all_of_its_table() -> None:
    """One pair alone is sure; beside nineteen that say nothing the same one is open."""
    pair = welch(np.log([130, 133, 127]), np.log([100, 110, 115]))
    nothing = welch(np.log([100, 150, 80]), np.log([101, 99, 160]))
    assert float(p_values(pair)) < 0.05
    assert words(stacked([pair]), TEN_PERCENT)[0] == Word.MORE
    assert words(stacked([pair, *[nothing] * 19]), TEN_PERCENT)[0] == Word.OPEN


def test_about_how_many_rounds_would_decide() -> None:
    """A larger difference, or a smaller spread, takes fewer; one at the margin takes too many."""

    def rounds(ratio: float, spread: float) -> int | None:
        error = np.array(spread * np.sqrt(2 / 3))
        difference = Difference(np.array(np.log(ratio)), error, np.array(4.0))
        return enough(difference, (3, 3), 1, TEN_PERCENT)

    needed = [rounds(ratio, 0.2) for ratio in (3.0, 1.5, 1.3)]
    assert None not in needed
    assert needed == sorted(n for n in needed if n)
    assert (rounds(1.5, 0.1) or 0) < (rounds(1.5, 0.4) or 0)
    assert rounds(1.1, 0.4) is None
    # Textbook: 2 (z(0.975) + z(0.8))² = 15.7, times (spread ÷ difference)², in each of two groups
    assert rounds(1.5, 0.4) == pytest.approx(15.7 * (0.4 / np.log(1.5)) ** 2, abs=2)
