"""Medians over repeats, and what may be said of the difference between two of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from scipy.stats import bootstrap

CONFIDENCE = 0.95
RESAMPLES = 9999
SEED = 20190104  # the same figures give the same report, to the last digit


@dataclass(frozen=True)
class Estimate:
    """A median over repeats; `low` and `high` bound its interval and are None for one repeat."""

    median: float
    low: float | None
    high: float | None
    repeats: int


def estimate(values: Sequence[float]) -> Estimate:
    """The median with its 95 % percentile bootstrap interval; equal values give a point.

    The jackknife fails for medians, so BCa, which needs it, is no choice here (Efron, "Bootstrap
    Methods: Another Look at the Jackknife", Annals of Statistics 7(1), 1979, section 3).
    """
    if not values:
        raise ValueError("a median needs at least one value, got none")
    median = float(np.median(values))
    if len(values) == 1:
        return Estimate(median, None, None, 1)
    interval = bootstrap(
        (np.asarray(values, dtype=float),),
        np.median,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    # percentiles are interpolated, and may miss equal values, or the median, by the last bit
    low, high = np.clip(interval, min(values), max(values))
    return Estimate(median, min(float(low), median), max(float(high), median), len(values))


def ratio_estimate(values: Sequence[float], reference: Sequence[float]) -> Estimate:
    """The ratio of the medians, `values` ÷ `reference`, with its 95 % interval.

    Both are resampled on their own, as they were measured: a two-sample percentile bootstrap (Efron
    and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8). The reference is positive.
    """
    if min(len(values), len(reference)) < 2:
        return Estimate(float(np.median(values) / np.median(reference)), None, None, 1)
    low, high = bootstrap(
        (np.asarray(values, dtype=float), np.asarray(reference, dtype=float)),
        lambda a, b, axis: np.median(a, axis=axis) / np.median(b, axis=axis),
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    ratio = float(np.median(values) / np.median(reference))
    repeats = min(len(values), len(reference))
    return Estimate(ratio, min(float(low), ratio), max(float(high), ratio), repeats)


def distinguishable(a: Estimate, b: Estimate) -> bool:
    """Whether the intervals of the two do not overlap; never so where one is a single repeat."""
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.high < b.low or b.high < a.low


def is_range(repeats: int) -> bool:
    """Whether the interval of so many repeats is just their range, lowest to highest.

    A resample's median is the lowest value where more than half of its draws are that value; up to
    five repeats this happens more often than the 2.5 % that an interval leaves out on each side.
    """
    return 2 <= repeats <= 5


def range_confidence(repeats: int) -> float:
    """How often the range of the repeats holds the true median: 1 - 2^(1-n).

    Conover, "Practical Nonparametric Statistics", 3rd ed., section 3.2, from the sign test.
    """
    return float(1 - 2.0 ** (1 - repeats))


def false_alarm(repeats: int) -> float:
    """How often the ranges of two equal classes do not overlap by chance: 2 / C(2n, n).

    It is the two-sided p value of the most extreme rank sum (Wilcoxon, Mann and Whitney).
    """
    return 2 / comb(2 * repeats, repeats)
