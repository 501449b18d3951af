"""What may be said of the difference between two classes: of volumes, of nights, of whole tables.

A unit is one number: the mean of log(figure) over a volume's repeats, or over a night's volumes.
Arrays have the units along their first axis; what follows it are figures, or simulated runs.
docs/verdicts.md has the rule, and how often it errs.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

Array = NDArray[np.float64]
LEVEL = 0.05  # of a wrong verdict: in a whole table, and of each "equal"
FEWEST = 3  # volumes, or nights, of each class that give a verdict
MOST = 100  # rounds beyond which a difference is said to be too small to find
POWER = 0.8  # with which so many rounds as are advised decide it
NEAR = 0.03  # a figure so near a limit, above or below, is the limit's
DIGITS = 12  # of a logarithm: figures that differ in their last bit are the same


class Word(StrEnum):
    """What is said of a ratio."""

    MORE = "more"
    LESS = "less"
    EQUAL = "equal"
    OPEN = "open"


@dataclass(frozen=True)
class Estimate:
    """A class's figure over its volumes.

    `low` and `high` are the range of the volumes, of the repeats where there is one volume, and
    None for a single figure.
    """

    value: float
    low: float | None
    high: float | None
    volumes: int


@dataclass(frozen=True)
class Difference:
    """Differences of mean logarithms, with their standard errors and degrees of freedom."""

    log: Array
    error: Array
    freedom: Array


def welch(mine: ArrayLike, theirs: ArrayLike) -> Difference:
    """Welch's: both have a spread of their own; two logarithms or more of each.

    The degrees of freedom are Satterthwaite's (Biometrics Bulletin 2(6), 1946). It is what scipy's
    `ttest_ind(equal_var=False)` computes, which warns of classes without any spread.
    """
    a, b = (np.round(np.asarray(logs, dtype=float), DIGITS) for logs in (mine, theirs))
    of_a, of_b = (x.var(axis=0, ddof=1) / len(x) for x in (a, b))
    square = of_a + of_b
    parts = of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1)
    freedom = np.where(parts > 0, square**2 / np.where(parts > 0, parts, 1), len(a) + len(b) - 2)
    return Difference(a.mean(axis=0) - b.mean(axis=0), np.sqrt(square), freedom)


def paired(differences: ArrayLike) -> Difference:
    """Student's, of pairs: each is the difference of two logarithms of one night; two or more."""
    pairs = np.round(np.asarray(differences, dtype=float), DIGITS)
    error = pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    return Difference(pairs.mean(axis=0), error, np.full_like(error, len(pairs) - 1))


def stacked(differences: list[Difference]) -> Difference:
    """All pairs of a table as one, along the first axis."""
    columns = ([getattr(d, name) for d in differences] for name in ("log", "error", "freedom"))
    return Difference(*map(np.stack, columns))


def p_values(difference: Difference) -> Array:
    """Two-sided. Without any spread whatever differs is sure, and what does not is not: 0 and 1."""
    spread = difference.error > 0
    t = np.abs(difference.log) / np.where(spread, difference.error, 1)
    sure = np.where(difference.log == 0, 1.0, 0.0)
    found: Array = np.where(spread, 2 * stdtr(difference.freedom, -t), sure)
    return found


def bounds(difference: Difference, level: float = LEVEL) -> tuple[Array, Array]:
    """The interval that misses the true difference of logarithms with probability `level`."""
    arm = stdtrit(difference.freedom, 1 - level / 2) * difference.error
    return difference.log - arm, difference.log + arm


def sure_bounds(table: Difference) -> tuple[Array, Array]:
    """Intervals of all pairs, along the first axis, that hold together with 95 %: Bonferroni's."""
    return bounds(table, LEVEL / len(table.log))


def holm(p: Array) -> Array:
    """The p values of a table's pairs, along the first axis, adjusted for there being many.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6(2), 1979.
    """
    order = np.argsort(p, axis=0)
    left = np.arange(len(p), 0, -1).reshape(-1, *[1] * (p.ndim - 1))
    steps = np.maximum.accumulate(np.take_along_axis(p, order, axis=0) * left, axis=0)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(steps, 1), axis=0)
    return adjusted


def words(difference: Difference, margin: float) -> NDArray[np.str_]:
    """A Word for each pair of a table, its pairs along the first axis.

    EQUAL: the 90 % interval lies within 1/`margin` and `margin` (two one-sided tests: Schuirmann,
    Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987). It goes before MORE and LESS,
    which are sure for the whole table: a difference that is sure and too small to matter is none.
    """
    low, high = bounds(difference, 2 * LEVEL)
    equal = (low >= -np.log(margin)) & (high <= np.log(margin))
    sure = holm(p_values(difference)) < LEVEL
    more, less = sure & (difference.log > 0), sure & (difference.log < 0)
    return np.select([equal, more, less], [Word.EQUAL, Word.MORE, Word.LESS], Word.OPEN)


def enough(difference: Difference, units: tuple[int, int], pairs: int, margin: float) -> int | None:
    """About how many units of each class would decide one pair; None if more than MOST.

    For the difference and the spread as they were seen, with POWER: the fewest with which it is
    found among `pairs`, or shown to be within the margin.
    """
    now = 2 / (1 / units[0] + 1 / units[1])
    n = np.arange(max(units) + 1, MOST + 1)
    error = difference.error * np.sqrt(now / n)
    freedom = difference.freedom * (n - 1) / max(now - 1, 1)
    size, power = abs(difference.log), stdtrit(freedom, POWER)
    found = size > (stdtrit(freedom, 1 - LEVEL / 2 / pairs) + power) * error
    equal = np.log(margin) - size > (stdtrit(freedom, 1 - LEVEL) + power) * error
    decided = n[found | equal]
    return int(decided[0]) if len(decided) else None
