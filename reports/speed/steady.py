"""Whether a job ran steadily, from its seconds: a burst and what came after it, a warm-up, stalls.

docs/benchmarks.md has how often this is wrong, with the command.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reports.data.segments import segments
from reports.text.units import COUNT, factor, quantity

BLOCK = 3  # seconds, of which the median stands for all: a lone stall is no level
FEWEST = 30  # seconds, before anything is said of levels
LONG = 300  # seconds, before anything is said of a slope
PENALTY = 8.0  # x ln n, for noise of unit variance
WIDER = 1.5  # noise of seconds that follow one another is more than what lies between two
LEAST_NOISE = 0.01
STEP = 0.85  # of a level, or less, is another one
STALLED = 0.5  # of what is usual around it, or less, is a stall
NEAR = 15  # seconds around one by which it is judged
PERIODS, SAME_PERIOD = 4, 1  # so many gaps that differ by no more seconds are no chance
ROUNDS, RANGE, SLOPE = (
    5,
    0.20,
    0.10,
)  # SNIA PTS 2.0.1, "steady state": of 5 rounds, and of their line

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """A stretch of seconds at one speed: from its first to before its end, in I/Os a second."""

    first: int
    end: int
    iops: float


def course(iops: ArrayLike) -> list[str]:
    """What is not steady about a job's I/Os a second, in words; nothing where all is.

    The seconds are those after the ramp, all of them.
    """
    series = np.asarray(iops, dtype=float)
    stalls = _stalls(series)
    levels = _levels(series, stalls)
    said = _of_levels(series, levels, stalls)
    return [*(said or _of_slope(series, stalls)), *_of_stalls(series, stalls)]


def _stalls(series: Array) -> list[int]:
    """The seconds that are far below what is usual around them."""
    if len(series) < 5:
        return []
    near = min(NEAR, (len(series) - 1) // 2)
    padded = np.pad(series, near, mode="symmetric")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * near + 1), axis=1)
    return [int(second) for second in np.flatnonzero(series < STALLED * usual)]


def _levels(series: Array, stalls: Sequence[int]) -> list[Level]:
    """The stretches between changes of level: exact segmentation of least squares."""
    if len(series) < FEWEST:
        return [Level(0, len(series), _usual(series))] if len(series) else []
    logs = _logs(series, stalls)
    blocks = np.median(logs[: len(logs) // BLOCK * BLOCK].reshape(-1, BLOCK), axis=1)
    steps = np.abs(np.diff(blocks))
    noise = max(1.4826 * float(np.median(steps)) / 2**0.5 * WIDER, LEAST_NOISE)
    (begins,) = segments(blocks[np.newaxis] / noise, 2, PENALTY * log(len(blocks)))
    edges = [*(block * BLOCK for block in begins), len(series)]
    inner = [
        _edge(logs, before, edge, after)
        for before, edge, after in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return _joined(series, [0, *inner, len(series)])


def _logs(series: Array, stalls: Sequence[int]) -> Array:
    """Logarithms, with each stall as fast as the last second before it that was none."""
    whole = series.copy()
    for second in stalls:
        whole[second] = whole[second - 1] if second else np.median(series)
    return np.log(np.maximum(whole, 1.0))


def _edge(logs: Array, before: int, edge: int, after: int) -> int:
    """The second in which a new level begins: blocks tell it only roughly."""

    def misfit(second: int) -> float:
        parts = logs[before:second], logs[second:after]
        return sum(float(part.var() * len(part)) for part in parts)

    near = range(max(before + 1, edge - 2 * BLOCK), min(after, edge + 2 * BLOCK + 1))
    return min(near, key=misfit)


def _usual(series: Array) -> float:
    return float(np.median(series)) if len(series) else 0.0


def _joined(series: Array, edges: Sequence[int]) -> list[Level]:
    """The levels between edges; neighbours that differ by too little are one."""
    levels: list[Level] = []
    for first, end in pairwise(edges):
        level = Level(first, end, _usual(series[first:end]))
        if levels and _alike(levels[-1].iops, level.iops):
            before = levels.pop().first
            level = Level(before, end, _usual(series[before:end]))
        levels.append(level)
    return levels


def _alike(one: float, other: float) -> bool:
    return min(one, other) > STEP * max(one, other)


def _of_levels(series: Array, levels: Sequence[Level], stalls: Sequence[int]) -> list[str]:
    if len(levels) < 2 or _is_line(series, levels, stalls):
        return []
    last, highest = levels[-1], max(level.iops for level in levels)
    until = last.first
    before = float(np.mean(series[:until]))
    then = f"then {quantity(last.iops, COUNT)} IOPS"
    if last.iops == 0:
        return [f"{quantity(before, COUNT)} IOPS for {until} s, then none"]
    if all(level.iops > last.iops for level in levels[:-1]):
        return [f"{factor(before / last.iops)} for {until} s, {then}"]
    if all(level.iops < last.iops for level in levels[:-1]):
        return [f"it warms up: {factor(before / last.iops)} for {until} s, {then}"]
    lowest = min(level.iops for level in levels)
    return [
        f"{len(levels)} levels between {quantity(lowest, COUNT)} and {quantity(highest, COUNT)} "
        f"IOPS, the last of them {quantity(last.iops, COUNT)} for {last.end - last.first} s"
    ]


def _is_line(series: Array, levels: Sequence[Level], stalls: Sequence[int]) -> bool:
    """Whether a line fits better than the levels, which have more to choose."""
    logs, seconds = _logs(series, stalls), np.arange(len(series))
    line = np.polyval(np.polyfit(seconds, logs, 1), seconds)
    steps = np.concatenate(
        [np.full(one.end - one.first, logs[one.first : one.end].mean()) for one in levels]
    )
    return bool(((logs - line) ** 2).sum() <= ((logs - steps) ** 2).sum())


def _of_slope(series: Array, stalls: Sequence[int]) -> list[str]:
    """SNIA's rule on the last half: means of five rounds, and the line through them."""
    if len(series) < LONG:
        return []
    half = np.exp(_logs(series, stalls))[len(series) // 2 :]
    rounds = np.array([part.mean() for part in np.array_split(half, ROUNDS)])
    slope, first = np.polyfit(np.arange(ROUNDS), rounds, 1)
    moved = slope * (ROUNDS - 1) / rounds.mean()
    if abs(moved) <= SLOPE and np.ptp(rounds) <= RANGE * rounds.mean():
        return []
    if abs(moved) > SLOPE:
        way = "rises" if moved > 0 else "falls"
        by = 100 * abs(slope * (ROUNDS - 1) / first)
        return [f"it {way} by {by:.0f} % within the last {len(half)} s"]
    return [
        f"it goes from {quantity(rounds.min(), COUNT)} to {quantity(rounds.max(), COUNT)} IOPS and "
        f"back within the last {len(half)} s"
    ]


def _of_stalls(series: Array, stalls: Sequence[int]) -> list[str]:
    if not stalls:
        return []
    begins = [one for one in stalls if one - 1 not in stalls]
    gaps = np.diff(begins)
    lowest = quantity(float(series[list(stalls)].min()), COUNT)
    if len(gaps) >= PERIODS and np.ptp(gaps) <= SAME_PERIOD:
        return [
            f"a stall each {np.mean(gaps):.0f} s ({len(begins)} of them, down to {lowest} IOPS)"
        ]
    which = ", ".join(f"{one}" for one in begins[:3])
    more = f" and {len(begins) - 3} more" if len(begins) > 3 else ""
    many = "a stall" if len(begins) == 1 else f"{len(begins)} stalls"
    return [f"{many} of {len(stalls)} s, down to {lowest} IOPS, in second {which}{more}"]
