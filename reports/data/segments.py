"""Where the level of a series changes: the exact segmentation of least squares, of many at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def segments(series: Array, least: int, penalty: float) -> list[list[int]]:
    """Where each series' segments begin: 0 first, then the change points.

    `series` is series × points; a segment has `least` points or more, and each costs `penalty`
    beside the squares of its points' distances from their mean. It is optimal partitioning (Jackson
    et al., IEEE Signal Processing Letters 12(2), 2005), of which PELT is the pruned form with the
    same result. All series are a step of one loop, so that hundreds take as long as one.
    """
    count, points = series.shape
    centred = series - series.mean(axis=1, keepdims=True)
    sums = np.pad(centred.cumsum(axis=1), ((0, 0), (1, 0)))
    squares = np.pad((centred**2).cumsum(axis=1), ((0, 0), (1, 0)))
    best = np.full((count, points + 1), np.inf)
    best[:, 0] = 0.0
    begins = np.zeros((count, points + 1), dtype=int)
    every = np.arange(count)
    for end in range(least, points + 1):
        begin = np.arange(end - least + 1)
        spread = squares[:, [end]] - squares[:, begin]
        spread -= (sums[:, [end]] - sums[:, begin]) ** 2 / (end - begin)
        costs = best[:, begin] + spread + penalty
        begins[:, end] = costs.argmin(axis=1)
        best[:, end] = costs[every, begins[:, end]]
    return [_back(row, points) for row in begins.tolist()]


def _back(begins: list[int], points: int) -> list[int]:
    """From where the last segment begins to the first."""
    found = [begins[points]]
    while found[-1] > 0:
        found.append(begins[found[-1]])
    return found[::-1]
