"""Change points in a series of nights: where a new level begins.

docs/history.md has how often this is wrong, and how soon it is right, with the command.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reports.data.segments import segments

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
    """Every confirmed change of level in a series of logarithms, one a night, the oldest first."""
    return changes_of_each([np.asarray(logs, dtype=float).tolist()])[0]


def changes_of_each(series: Sequence[Sequence[float]]) -> list[list[Change]]:
    """The changes of each of many series, which together take little longer than one.

    The exact segmentation of least squares (that of PELT: Killick, Fearnhead and Eckley, Journal of
    the American Statistical Association 107, 2012), in which a lone bad night is clipped.
    """
    found: list[list[Change]] = [[] for _ in series]
    by_length: dict[int, list[int]] = {}
    for number, logs in enumerate(series):
        by_length.setdefault(len(logs), []).append(number)
    for length, numbers in by_length.items():
        if length < FEWEST:
            continue
        alike = np.array([series[number] for number in numbers], dtype=float)
        noise = _noise(alike)
        clipped = _clipped(alike, noise)
        starts = segments(clipped / noise, CONFIRMED, PENALTY * log(length))
        for number, levels, begins in zip(numbers, clipped, starts, strict=True):
            found[number] = list(_confirmed(levels, begins))
    return found


def _confirmed(levels: Array, starts: Sequence[int]) -> Iterator[Change]:
    """What counts of the change points of a series; segments begin at `starts`."""
    ends = [*starts[1:], len(levels)]
    for before, night, end in zip(starts, starts[1:], ends[1:], strict=False):
        first = _first_night(levels, before, night, end)
        was, now = levels[before:first].mean(), levels[first:end].mean()
        nearer = np.abs(levels[first:end] - now) < np.abs(levels[first:end] - was)
        if nearer.sum() >= CONFIRMED and abs(now - was) >= LEAST:
            yield Change(first, float(was), float(now))


def _first_night(series: Array, before: int, night: int, end: int) -> int:
    """Where the new level begins: the least number of nights of one may have put it too early."""

    def misfit(first: int) -> float:
        parts = series[before:first], series[first:end]
        return sum(float(part.var() * len(part)) for part in parts)

    near = range(max(before + 1, night - CONFIRMED), min(end, night + CONFIRMED + 1))
    return min(near, key=misfit)


def news(logs: ArrayLike) -> list[Change]:
    """The changes that the last night shows and the night before it did not yet."""
    return news_of_each([np.asarray(logs, dtype=float).tolist()])[0]


def news_of_each(series: Sequence[Sequence[float]]) -> list[list[Change]]:
    """What is new in each of many series, as `news` of one."""
    latest = changes_of_each([logs[-LATEST:] for logs in series])
    before = changes_of_each([logs[-LATEST - 1 : -1] for logs in series])
    found = []
    for now, was, logs in zip(latest, before, series, strict=True):
        shift = int(len(logs) > LATEST)  # of the nights' numbers, where the window moved on
        known = [change.night - shift for change in was]
        found.append([c for c in now if all(abs(c.night - night) > SAME for night in known)])
    return found


def _noise(series: Array) -> Array:
    """Of each series the standard deviation of a night, which lone bad nights do not widen.

    By median deviations: from the whole series, which counts slow drifts as well, unless levels
    widen that; then from what is left beside a running median.
    """
    whole = np.abs(series - np.median(series, axis=1, keepdims=True))
    beside = np.abs(series - _running_median(series, 41))
    spreads = (np.median(one, axis=1, keepdims=True) for one in (whole, 1.25 * beside))
    return np.maximum(1.4826 * np.minimum(*spreads), 1e-3)  # 0.1 %: equal figures have none


def _clipped(series: Array, noise: Array) -> Array:
    middle = _running_median(series, WINDOW)
    return np.clip(series, middle - CLIP * noise, middle + CLIP * noise)


def _running_median(series: Array, window: int) -> Array:
    padded = np.pad(series, ((0, 0), (window // 2, window // 2)), mode="symmetric")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, window, axis=1), axis=2)
