"""Ratios between two classes, a table of them judged together."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import fmean

import numpy as np

from reports.data.stats import (
    FEWEST,
    Array,
    Difference,
    Word,
    bounds,
    enough,
    paired,
    stacked,
    sure_bounds,
    welch,
    words,
)

Logs = Mapping[Hashable, float]  # of a class's figure, by volume or by night


@dataclass(frozen=True)
class Ratio:
    """A class's figure ÷ the reference's, by geometric means.

    `low` and `high` are its 95 % interval, `word` is of the figure (MORE of a latency is slower);
    all three are None below three volumes of either. `sure` is the bound nearest 1 of an interval
    that holds for all ratios of the table at once, None where that holds 1. An OPEN one is decided
    by about so many `rounds`, None if by more than a hundred.
    """

    value: float
    low: float | None = None
    high: float | None = None
    word: Word | None = None
    sure: float | None = None
    rounds: int | None = None


def ratios(
    pairs: Sequence[tuple[Logs, Logs]], margin: float, by_night: bool = False
) -> list[Ratio | None]:
    """The ratio of each pair, a class's logarithms and its reference's; None if one has none.

    By night, what both have of a night is a pair; volumes are none.
    """
    found: list[Ratio | None] = []
    places: list[int] = []
    differences: list[Difference] = []
    units: list[tuple[int, int]] = []
    for mine, theirs in pairs:
        ours = [log for key, log in mine.items() if not by_night or key in theirs]
        others = [theirs[key] for key in mine if key in theirs] if by_night else [*theirs.values()]
        if not ours or not others:
            found.append(None)
            continue
        if min(len(ours), len(others)) >= FEWEST:
            places.append(len(found))
            units.append((len(ours), len(others)))
            differences.append(
                paired(np.subtract(ours, others)) if by_night else welch(ours, others)
            )
        found.append(Ratio(exp(fmean(ours) - fmean(others))))
    if differences:
        for place, ratio in zip(places, _judged(differences, units, margin), strict=True):
            found[place] = ratio
    return found


def _judged(
    differences: list[Difference], units: list[tuple[int, int]], margin: float
) -> list[Ratio]:
    """Those that have volumes enough, as one table."""
    table, pairs = stacked(differences), len(differences)
    low, high = (np.exp(bound) for bound in bounds(table))
    said, nearest = words(table, margin), _sure(table)
    judged = []
    for place, (difference, volumes) in enumerate(zip(differences, units, strict=True)):
        ratio = Ratio(
            float(np.exp(difference.log)),
            float(low[place]),
            float(high[place]),
            Word(str(said[place])),
        )
        if ratio.word is Word.OPEN:
            ratio = replace(ratio, rounds=enough(difference, volumes, pairs, margin))
        elif ratio.word is not Word.EQUAL and nearest[place] != 1:
            ratio = replace(ratio, sure=float(nearest[place]))
        judged.append(ratio)
    return judged


def _sure(table: Difference) -> Array:
    """The bounds nearest 1 that hold for all ratios at once; 1 where that interval holds 1."""
    low, high = (np.exp(bound) for bound in sure_bounds(table))
    nearest: Array = np.where(low > 1, low, np.where(high < 1, high, 1.0))
    return nearest
