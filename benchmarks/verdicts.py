"""How often a verdict is wrong, and how often a difference is found: simulated classes.

    python -m benchmarks.verdicts

No cluster. It judges with what the report judges with (reports/data/stats.py). The figure of a
volume is that of its class, times a factor of the volume (log-normal, with the spread in the rows),
times one of the repeat (8 %); where rows say so, times one of the round, the same for all classes,
since a round is on one node. Seeds are fixed: the same figures come out each time.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from reports.data.stats import (
    LEVEL,
    Array,
    Difference,
    Word,
    bounds,
    paired,
    sure_bounds,
    welch,
    words,
)
from reports.text.markdown import table

SEED = 20261127
REPEAT = 0.08  # spread of repeats on one volume, of the logarithm
SPREADS = (
    0.0,
    0.05,
    0.1,
    0.2,
    0.4,
)  # between volumes: on the disk of docs/benchmarks.md 0.27 to 0.39
MARGIN = 1.1
OTHERS, JOBS = 2, 19  # classes beside the reference, and figures of each: profile `standard`
NODES = 0.3  # spread of rounds, which is that of nodes
UNLIKE = (0.0, 0.0, 0.4)  # spreads of volumes: the reference, a class at its limit, one that is not
RATIOS, TRULY = (1.2, 1.5, 2.0), "truly 1.2×, 1.5×, 2×; spread 10 %"
# What judges the logarithms of a table: volumes (a round each) × classes × figures × trials.
Judge = Callable[[Array], Difference]
Differences = Iterator[Difference]
Spread = float | tuple[float, ...]  # of all classes, or of each


class Result(NamedTuple):
    """Shares of the simulated runs, what varies between them, and the aim for all; or none."""

    what: str
    of: str
    shares: tuple[float, ...]
    aim: str = ""


def figures(
    random: np.random.Generator, shape: tuple[int, ...], spread: float | Array, stalls: float = 0
) -> Array:
    """Logarithms of figures of a class, one a volume; a share of the volumes is half as fast."""
    stalled = random.random(shape) < stalls
    logs: Array = random.normal(0, np.hypot(spread, REPEAT), shape) - np.log(2) * stalled
    return logs


def by_volumes(logs: Array) -> Difference:
    """What the report does: Welch's t between the volumes of each class and the reference's."""
    mine, theirs = logs[:, 1:], np.broadcast_to(logs[:, :1], logs[:, 1:].shape)
    return welch(_pairs(mine), _pairs(theirs))


def by_pairs(logs: Array) -> Difference:
    """What it could do: Student's t of the ratios within each round."""
    return paired(_pairs(logs[:, 1:] - logs[:, :1]))


def by_fit(logs: Array) -> Difference:
    """What it could do: each figure is class + round, with one error for all classes."""
    rounds, number = logs.shape[:2]
    means = logs.mean(axis=0)
    residuals = logs - means - logs.mean(axis=1, keepdims=True) + logs.mean(axis=(0, 1))
    freedom = (rounds - 1) * (number - 1)
    error = np.sqrt(2 / rounds * (residuals**2).sum(axis=(0, 1)) / freedom)
    log = means[1:] - means[:1]
    errors = np.broadcast_to(error, log.shape)
    return Difference(*map(_flat, (log, errors, np.full_like(log, freedom))))


def _pairs(logs: Array) -> Array:
    """Volumes × classes × figures × trials, as volumes × pairs × trials."""
    return logs.reshape(len(logs), -1, logs.shape[-1])


def _flat(of_pairs: Array) -> Array:
    return of_pairs.reshape(-1, of_pairs.shape[-1])


def classes(
    volumes: int,
    trials: int,
    spread: Spread,
    *,
    ratio: float = 1,
    others: int = 1,
    jobs: int = 1,
    stalls: float = 0,
    nodes: Spread = 0,
    judge: Judge = by_volumes,
) -> Difference:
    """A table of others × jobs pairs, each class `ratio` times the reference, in so many runs.

    `nodes` is the spread of rounds.
    """
    random = np.random.default_rng(SEED)
    shape = (volumes, 1 + others, jobs, trials)
    logs = figures(random, shape, _of_classes(spread), stalls)
    logs[:, 1:] += np.log(ratio)
    rounds = random.normal(0, 1, (volumes, 1, jobs, trials))
    return judge(logs + _of_classes(nodes) * rounds)


def _of_classes(spread: Spread) -> Array:
    return np.reshape(np.asarray(spread, dtype=float), (-1, 1, 1))


def repeats_of_one_volume(repeats: int, trials: int, spread: float) -> Difference:
    """What must not be judged: repeats on one volume of each class, taken for volumes."""
    random = np.random.default_rng(SEED)
    mine, theirs = (
        random.normal(0, REPEAT, (repeats, 1, trials)) + random.normal(0, spread, (1, trials))
        for _ in range(2)
    )
    return welch(mine, theirs)


def nights(
    number: int, trials: int, spread: float, *, ratio: float = 1, jobs: int = 1, drift: float = 0
) -> Difference:
    """Pairs by night of one volume each; what a night does to both (30 %) is in no pair.

    `drift` disturbs one class from night to night, half of it each night still there the next.
    """
    random = np.random.default_rng(SEED)
    shape = (number, jobs, trials)
    common = random.normal(0, 0.3, shape)
    mine = common + figures(random, shape, spread) + np.log(ratio)
    theirs = common + figures(random, shape, spread)
    disturbed = random.normal(0, drift, shape)
    for night in range(1, number):
        disturbed[night] = 0.5 * disturbed[night - 1] + np.sqrt(0.75) * disturbed[night]
    return paired(mine + disturbed - theirs)


def said(difference: Difference) -> NDArray[np.str_]:
    """The words of each table, its pairs along the first axis."""
    return words(difference, MARGIN)


def differs(difference: Difference) -> float:
    """The share of tables in which any pair is called faster or slower."""
    word = said(difference)
    return float(((word == Word.MORE) | (word == Word.LESS)).any(axis=0).mean())


def found(difference: Difference) -> float:
    """The share of pairs that are called faster."""
    return float((said(difference) == Word.MORE).mean())


def alone(difference: Difference) -> Difference:
    """Each pair as a table of its own."""
    flat = (getattr(difference, name).reshape(1, -1) for name in ("log", "error", "freedom"))
    return Difference(*flat)


def equal(difference: Difference) -> float:
    """The share of pairs that are called equal."""
    return float((said(difference) == Word.EQUAL).mean())


def covered(difference: Difference, ratio: float) -> float:
    """The share of printed intervals that hold the true ratio."""
    low, high = bounds(difference, LEVEL)
    return float(((low <= np.log(ratio)) & (np.log(ratio) <= high)).mean())


def exaggerated(difference: Difference, ratio: float, together: bool) -> float:
    """The share of tables whose largest "at least" is more than the truth."""
    low = sure_bounds(difference)[0] if together else bounds(difference)[0]
    claimed = np.where(said(difference) == Word.MORE, low, 0)
    return float((claimed.max(axis=0) > np.log(ratio)).mean())


def results(trials: int) -> Iterator[Result]:
    """Each aim, and what became of it."""
    few = max(trials // 4, 1)  # tables are 38 times as large
    yield from _wrong(trials, few)
    yield from _intervals(trials, few)
    yield from _found(trials, few)
    for volumes in (3, 5):
        yield from _rounds(trials, few, volumes)
    yield from _nights(trials, few)


def _wrong(trials: int, few: int) -> Iterator[Result]:
    spreads = f"spread of volumes {', '.join(f'{100 * s:g}' for s in SPREADS)} %"
    for volumes in (3, 5):
        shares = tuple(differs(classes(volumes, trials, spread)) for spread in SPREADS)
        yield Result(
            f"equal classes, {volumes} volumes: called different", spreads, shares, "≤ 5 %"
        )
    stalls = tuple(differs(classes(volumes, trials, 0.1, stalls=0.1)) for volumes in (3, 5))
    what = "the same, one volume in ten half as fast: called different"
    yield Result(what, "3, 5 volumes", stalls, "≤ 5 %")
    shares = tuple(differs(repeats_of_one_volume(3, trials, spread)) for spread in SPREADS)
    yield Result(
        "three repeats on one volume, taken for volumes: called different", spreads, shares
    )
    for volumes in (3, 5):
        what = f"3 equal classes × {JOBS} figures, {volumes} volumes: any called different"
        tables = (classes(volumes, few, s, others=OTHERS, jobs=JOBS) for s in SPREADS)
        yield Result(what, spreads, tuple(map(differs, tables)), "≤ 5 %")
    alarms = tuple(differs(classes(volumes, few, 0.1, jobs=JOBS)) for volumes in (3, 5))
    yield Result(f"the control, {JOBS} figures: a false alarm", "3, 5 volumes", alarms, "≤ 5 %")
    near = tuple(equal(classes(volumes, trials, 0.1, ratio=MARGIN)) for volumes in (3, 10))
    yield Result("truly 1.1×: called equal within 10 %", "3, 10 volumes", near, "≤ 5 %")


def _intervals(trials: int, few: int) -> Iterator[Result]:
    shares = tuple(covered(classes(volumes, trials, 0.1, ratio=1.5), 1.5) for volumes in (3, 5, 10))
    yield Result("the 95 % interval holds the ratio", "3, 5, 10 volumes", shares, "94 to 96 %")
    tables = [classes(k, few, 0.1, ratio=1.5, others=OTHERS, jobs=JOBS) for k in (3, 5)]
    what = f"{OTHERS * JOBS} ratios, all 1.5×: the largest bound is beyond 1.5×"
    together = tuple(exaggerated(one, 1.5, together=True) for one in tables)
    yield Result(f"{what}, as in the headline", "3, 5 volumes", together, "≤ 5 %")
    alone = tuple(exaggerated(one, 1.5, together=False) for one in tables)
    yield Result(f"{what}, if it were that of its own interval", "3, 5 volumes", alone)


def _found(trials: int, few: int) -> Iterator[Result]:
    for volumes in (3, 5):
        ones = tuple(found(classes(volumes, trials, 0.1, ratio=ratio)) for ratio in RATIOS)
        what = f"{volumes} volumes: called faster"
        aim = "1.5×: ≥ 70 %" if volumes == 3 else ""
        yield Result(f"one ratio, {what}", TRULY, ones, aim)
        tables = (classes(volumes, few, 0.1, ratio=r, others=OTHERS, jobs=JOBS) for r in RATIOS)
        yield Result(f"{OTHERS * JOBS} ratios, {what}, each", TRULY, tuple(map(found, tables)))
    shares = tuple(equal(classes(volumes, trials, 0.1)) for volumes in (3, 5, 10))
    yield Result("truly 1×: called equal within 10 %", "3, 5, 10 volumes", shares)
    steady = tuple(equal(classes(volumes, trials, 0.0)) for volumes in (3, 5, 10))
    yield Result("the same, volumes all alike", "3, 5, 10 volumes", steady)


def _rounds(trials: int, few: int, volumes: int) -> Iterator[Result]:
    """What nodes do to the judgement, and to others that take rounds into account."""
    judges: tuple[Judge, ...] = (by_volumes, by_pairs, by_fit)
    over, many = "by volumes, by pairs, by fit", OTHERS * JOBS

    def told(trials: int, jobs: int, spread: Spread, nodes: Spread, ratio: float) -> Differences:
        for judge in judges:
            yield classes(
                volumes,
                trials,
                spread,
                ratio=ratio,
                others=OTHERS,
                jobs=jobs,
                nodes=nodes,
                judge=judge,
            )

    for nodes, where in ((0.0, "nodes alike"), (NODES, f"nodes {100 * NODES:g} % apart")):
        about = f"{volumes} rounds, {where}"
        ones = [alone(one) for one in told(trials // 2, 1, 0.1, nodes, 1.5)]
        held = tuple(covered(one, 1.5) for one in ones)
        yield Result(f"{about}: the 95 % interval holds the ratio", over, held, "94 to 96 %")
        yield Result(
            f"{about}: one ratio, truly 1.5×, called faster", over, tuple(map(found, ones))
        )
        for ratio in (1.5, 2.0):
            shares = tuple(map(found, told(few, JOBS, 0.1, nodes, ratio)))
            what = f"{about}: {many} ratios, truly {ratio:g}×, each called faster"
            yield Result(what, over, shares)
        wrong = tuple(map(differs, told(few, JOBS, UNLIKE, nodes, 1)))
        what = f"{about}: equal, spreads of 0, 0 and 40 %: any called different"
        yield Result(what, over, wrong, "≤ 5 %")
    wrong = tuple(map(differs, told(few, JOBS, (0.1, 0.0, 0.1), (NODES, 0.0, NODES), 1)))
    what = f"{volumes} rounds, nodes 30 % apart, one of them at its limit: any called different"
    yield Result(what, over, wrong, "≤ 5 %")


def _nights(trials: int, few: int) -> Iterator[Result]:
    over, numbers = "7, 14, 28 nights", (7, 14, 28)
    shares = tuple(differs(nights(number, trials, 0.1)) for number in numbers)
    yield Result("equal classes, by night: called different", over, shares, "4.5 to 5.5 %")
    shares = tuple(differs(nights(number, few, 0.1, jobs=JOBS)) for number in numbers)
    yield Result(
        f"equal classes, by night, {JOBS} figures: any called different", over, shares, "≤ 5 %"
    )
    shares = tuple(differs(nights(number, trials, 0.1, drift=0.05)) for number in numbers)
    what = "one of them disturbed by 5 %, which lasts for nights: called different"
    yield Result(what, over, shares)
    shares = tuple(found(nights(number, trials, 0.1, ratio=1.2)) for number in numbers)
    yield Result("truly 1.2×, by night: called faster", over, shares)
    shares = tuple(equal(nights(number, trials, 0.1)) for number in numbers)
    yield Result("truly 1×, by night: called equal within 10 %", over, shares)


def main(
    trials: Annotated[int, typer.Option(min=10, help="Simulated runs of one ratio.")] = 100_000,
) -> None:
    """Print each share with its aim."""
    rows = [
        [
            result.what,
            result.of,
            f"{', '.join(f'{100 * s:.1f}' for s in result.shares)} %",
            result.aim,
        ]
        for result in results(trials)
    ]
    print(table(["simulated", "for", "share", "aim"], rows))


if __name__ == "__main__":
    typer.run(main)
