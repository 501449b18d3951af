"""Change points in a series of nights: where a new level begins.

docs/history.md has how often this is wrong, and how soon it is right, with the command.
"""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from ruptures import KernelCPD

FEWEST = 20  # nights before anything is said
LATEST = 120  # nights that are looked at
CONFIRMED = 3  # nights that are nearer to the new level than to the old before it counts
LEAST = log(1.05)  # a smaller change is none
PENALTY = 6.0  # × ln n, for noise of unit variance: Schwarz's criterion has 1 or 2
WINDOW, CLIP = 7, 3.5  # nights of the running median, and standard deviations from it
SAME = 7  # nights within which two change points are one

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """A new level: from which night on, and the logarithms of the level before and of its own."""

    night: int
    was: float
    now: float

    @property
    def ratio(self) -> float:
        """The new level ÷ the one before."""
        return exp(self.now - self.was)


def changes(logs: ArrayLike) -> list[Change]:
    """Every confirmed change of level in a series of logarithms, one a night, the oldest first.

    The exact segmentation of least squares (PELT: Killick, Fearnhead and Eckley, Journal of the
    American Statistical Association 107, 2012) of the series, in which a lone bad night is clipped.
    """
    series = np.asarray(logs, dtype=float)
    if len(series) < FEWEST:
        return []
    noise = _noise(series)
    clipped = _clipped(series, noise)
    ends = (
        KernelCPD(kernel="linear", min_size=CONFIRMED)
        .fit(clipped / noise)
        .predict(pen=PENALTY * log(len(series)))
    )
    starts = [0, *ends[:-1]]
    found = []
    for before, night, end in zip(starts, starts[1:], ends[1:], strict=False):
        first = _first_night(clipped, before, night, end)
        was, now = clipped[before:first].mean(), clipped[first:end].mean()
        nearer = np.abs(clipped[first:end] - now) < np.abs(clipped[first:end] - was)
        if nearer.sum() >= CONFIRMED and abs(now - was) >= LEAST:
            found.append(Change(first, float(was), float(now)))
    return found


def _first_night(series: Array, before: int, night: int, end: int) -> int:
    """Where the new level begins: the least number of nights of one may have put it too early."""

    def misfit(first: int) -> float:
        parts = series[before:first], series[first:end]
        return sum(float(part.var() * len(part)) for part in parts)

    near = range(max(before + 1, night - CONFIRMED), min(end, night + CONFIRMED + 1))
    return min(near, key=misfit)


def news(logs: ArrayLike) -> list[Change]:
    """The changes that the last night shows and the night before it did not yet."""
    series = np.asarray(logs, dtype=float)
    latest, before = series[-LATEST:], series[-LATEST - 1 : -1]
    shift = len(before) - len(latest) + 1  # of the nights' numbers, where the window moved on
    known = [change.night - shift for change in changes(before)]
    return [
        change
        for change in changes(latest)
        if all(abs(change.night - night) > SAME for night in known)
    ]


def _noise(series: Array) -> float:
    """The standard deviation of a night, by median deviations that lone bad nights do not widen.

    From the whole series, which counts slow drifts as well, unless levels widen that: then from
    what is left beside a running median.
    """
    whole = np.abs(series - np.median(series))
    beside = np.abs(series - _running_median(series, 41))
    least = min(float(np.median(whole)), 1.25 * float(np.median(beside)))
    return max(1.4826 * least, 1e-3)  # 0.1 %: equal figures have none


def _clipped(series: Array, noise: float) -> Array:
    middle = _running_median(series, WINDOW)
    return np.clip(series, middle - CLIP * noise, middle + CLIP * noise)


def _running_median(series: Array, window: int) -> Array:
    padded = np.pad(series, window // 2, mode="symmetric")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1)
