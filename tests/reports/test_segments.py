"""The segmentation of many series at once is the one that ruptures' PELT finds, one by one."""

from math import log

import numpy as np
import pytest
from ruptures import KernelCPD

from reports.data.segments import Array, segments
from reports.history.changes import changes, changes_of_each, news, news_of_each

LEAST, PENALTY = 3, 6.0


def stepped(count: int, points: int, seed: int) -> Array:
    """Series of noise of unit variance, each with up to three steps."""
    chance = np.random.default_rng(seed)
    series: Array = chance.normal(0, 1, (count, points))
    for one in series:
        for _ in range(int(chance.integers(0, 4))):
            one[int(chance.integers(0, points)) :] += chance.choice([-4.0, -2.0, 2.0, 4.0])
    return series


def by_ruptures(series: Array, penalty: float) -> list[list[int]]:
    fits = (KernelCPD(kernel="linear", min_size=LEAST).fit(one) for one in series)
    return [[0, *fit.predict(pen=penalty)[:-1]] for fit in fits]


@pytest.mark.parametrize("points", [20, 60, 120])
def test_it_is_the_segmentation_that_ruptures_finds(points: int) -> None:
    """At the penalty of nights; at half of it more is found, so there was something to find."""
    series, penalty = stepped(200, points, seed=points), PENALTY * log(points)
    found = segments(series, LEAST, penalty)
    assert found == by_ruptures(series, penalty)
    assert sum(len(one) > 1 for one in found) > 20
    assert found != by_ruptures(series, penalty / 2)


def test_equal_points_are_one_segment() -> None:
    assert segments(np.zeros((2, 30)), LEAST, PENALTY) == [[0], [0]]


def test_many_series_have_the_changes_that_each_has_alone() -> None:
    """Of different lengths, too short ones and none."""
    chance = np.random.default_rng(3)
    lengths = [0, 5, 20, 45, 120, 121, 180, 120]
    series = [(stepped(1, n, n)[0] * 0.05 + chance.normal()).tolist() if n else [] for n in lengths]
    together = changes_of_each(series)
    assert together == [changes(one) for one in series]
    assert any(together)
    assert news_of_each(series) == [news(one) for one in series]
