"""How often a steady job is called another thing, and how often what is not steady is told.

    python -m benchmarks.steady

Simulated series of a row a second, judged as the report judges them; docs/benchmarks.md has the
table.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from reports.speed.steady import course

Array = NDArray[np.float64]
SEED = 20261127
AUTOCORRELATION = 0.4  # of seconds that follow one another
NOISES = (0.03, 0.10)
LIMIT = 3000.0


def noisy(true: Array, noise: float, chance: np.random.Generator) -> Array:
    """A course with lognormal noise, an autoregression of first order."""
    steps = chance.normal(0, noise, len(true))
    logs = steps.copy()
    for second in range(1, len(true)):
        kept = AUTOCORRELATION * logs[second - 1]
        logs[second] = kept + (1 - AUTOCORRELATION**2) ** 0.5 * steps[second]
    return true * np.exp(logs)


def _burst(times: float, first: int, seconds: int) -> Array:
    return np.where(np.arange(seconds) < first, times * LIMIT, LIMIT)


def _stalled(when: list[int], seconds: int) -> Array:
    series = np.full(seconds, LIMIT)
    series[when] = 0
    return series


def _says(*words: str) -> Callable[[list[str]], bool]:
    """Whether one thing is said, and that has these words."""
    return lambda said: len(said) == 1 and all(one in said[0] for one in words)


COURSES: list[tuple[str, Array, Callable[[list[str]], bool]]] = [
    *((f"steady, {n} s: anything", np.full(n, LIMIT), bool) for n in (15, 60, 300, 600)),
    *(
        (f"burst {times}× for {first} s of {n}", _burst(times, first, n), _says("×", "then"))
        for times, first, n in (
            (3, 12, 60), (3, 12, 300), (3, 240, 600), (1.5, 12, 300), (1.5, 60, 300),
            (1.2, 120, 300), (1.2, 120, 600),
        )
    ),
    *(
        (
            f"warm-up from 60 %, τ {tau} s, of 300: anything",
            LIMIT * (1 - 0.4 * np.exp(-np.arange(300) / tau)),
            bool,
        )
        for tau in (10, 40)
    ),
    ("falls by 30 % in 600 s: a slope", LIMIT * np.linspace(1, 0.7, 600), _says("falls")),
    ("falls by 10 % in 600 s: anything", LIMIT * np.linspace(1, 0.9, 600), bool),
    *(
        (f"a stall each {n} s of 300", _stalled([*range(7, 300, n)], 300), _says(f"each {n} s"))
        for n in (20, 50)
    ),
    ("three lone stalls in 300 s", _stalled([40, 130, 250], 300), _says("3 stalls")),
]  # fmt: skip


def main(
    times: Annotated[int, typer.Option(min=1, help="Series of each course and noise.")] = 1000,
) -> None:
    """Print the share of series of which a report says so."""
    table = Table("true course, and what is told", *(f"noise {noise:.0%}" for noise in NOISES))
    for name, true, is_told in COURSES:
        shares = []
        for noise in NOISES:
            chance = np.random.default_rng(SEED)
            told = sum(is_told(course(noisy(true, noise, chance))) for _ in range(times))
            shares.append(f"{100 * told / times:.1f} %")
        table.add_row(name, *shares)
    table.caption = f"{times} series each, autoregression of {AUTOCORRELATION}"
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
