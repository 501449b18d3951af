"""How often a change over the nights is told wrongly, how soon rightly; and how long that takes.

    python -m benchmarks.history detect     simulated series, judged as the report judges them
    python -m benchmarks.history scale      two years of nights, 20 classes, 12 jobs, 5 volumes

docs/history.md has both tables.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import log
from statistics import median
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from reports.history.changes import LATEST, SAME, changes
from tasks.results.store import write_table

Array = NDArray[np.float64]
app = typer.Typer(add_completion=False)
SEED = 20261127
NIGHTS = 180  # of a series: the first LATEST are its past
FALSE = (("independent", 0.03), ("independent", 0.08), ("AR(0.4)", 0.03), ("AR(0.4)", 0.08),
         ("3 % outliers", 0.03), ("3 % outliers", 0.08))  # fmt: skip
TRUE = ((0.20, 0.08, 7), (0.20, 0.08, 14), (0.10, 0.03, 7))


def series(kind: str, noise: float, nights: int, chance: np.random.Generator) -> Array:
    """Logarithms of a figure that does not change, of a kind of noise."""
    values = chance.normal(0, noise, nights)
    if kind == "AR(0.4)":
        steps = values * (1 - 0.4**2) ** 0.5
        for night in range(1, nights):
            values[night] = 0.4 * values[night - 1] + steps[night]
    elif kind == "3 % outliers":
        bad = chance.random(nights) < 0.03
        values[bad] += chance.choice([-6, 6], bad.sum()) * noise
    return values


def told(values: Array, first: int) -> Iterator[tuple[int, int]]:
    """Each change that is new on a night, as (night of the report, night of the change).

    As somebody who reads every night's report from `first` on sees it.
    """
    known: list[int] = []
    for night in range(first, len(values)):
        begin = max(0, night + 1 - LATEST)
        for change in changes(values[begin : night + 1]):
            at = begin + change.night
            if all(abs(at - one) > SAME for one in known):
                known.append(at)
                yield night, at


@app.command()
def detect(
    nights: Annotated[int, typer.Option(help="Series-nights of each row.")] = 50_000,
) -> None:
    """Print false alarms for 1,000 series-nights, and how many drops are told in time."""
    print("| no change | noise | false alarms a 1,000 series-nights |\n|---|---|---|")
    for kind, noise in FALSE:
        chance, alarms = np.random.default_rng(SEED), 0
        count = -(-nights // (NIGHTS - LATEST))
        for _ in range(count):
            alarms += sum(1 for _ in told(series(kind, noise, NIGHTS, chance), LATEST))
        rate = 1000 * alarms / (count * (NIGHTS - LATEST))
        print(f"| {kind} | {noise:.0%} | {rate:.2f} |", flush=True)
    print("\n| drop | noise | within | told | median delay |\n|---|---|---|---|---|")
    for drop, noise, within in TRUE:
        chance, delays = np.random.default_rng(SEED), list[int]()
        count = nights // within
        for _ in range(count):
            values = series("independent", noise, LATEST + within, chance)
            values[LATEST:] += log(1 - drop)
            seen = (n for n, at in told(values, LATEST) if abs(at - LATEST) <= SAME)
            if (night := next(seen, None)) is not None:
                delays.append(night - LATEST + 1)
        share, delay = len(delays) / count, median(delays)
        print(f"| {drop:.0%} | {noise:.0%} | {within} | {share:.3f} | {delay:.0f} |", flush=True)


@app.command()
def scale(nights: int = 730, classes: int = 20, jobs: int = 12, volumes: int = 5) -> None:
    """Write so many nights, and print seconds and memory of the commands that read them."""
    with tempfile.TemporaryDirectory() as root:
        began = time.monotonic()
        last = ""
        for night in range(nights):
            last = _write(root, night, classes, jobs, volumes)
        print(f"{nights * classes * jobs * volumes:,} rows in {time.monotonic() - began:.0f} s")
        for round_of in ("a file a run", "a file a month"):
            print(f"\n{round_of}")
            for command in (["history"], ["report", last], ["runs"], ["compact"]):
                _timed([*command, "--results", root])


def _timed(arguments: list[str]) -> None:
    """Seconds, those of a core, and the most memory of a command of its own."""
    measured = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    command = [sys.executable, "-m", "stormark", *arguments]
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", measured, *command], capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - began
    processor, memory = map(float, ended.stdout.split())
    words = f"{seconds:.1f} s, {processor:.1f} s of a core, {memory / 1024:.0f} MiB"
    print(f"{arguments[0]}: {words}", flush=True)


def _write(root: str, night: int, classes: int, jobs: int, volumes: int) -> str:
    started = datetime(2025, 1, 1, 3, tzinfo=UTC) + timedelta(days=night)
    run_id = f"{started:%Y%m%d}-030000-{night:06x}"
    figures = np.random.default_rng(night).lognormal(8, 0.05, (classes, jobs, volumes))
    fio = [
        {
            "storage_class": f"class-{name}", "job": f"job_{job}", "round": volume + 1, "repeat": 1,
            "status": "measured", "block_size_bytes": 4096, "io_depth": 64, "num_jobs": 1,
            "rw": "randread", "iops": float(figures[name, job, volume]), "sequence": 1,
            "pvc": f"pvc-{name}-{volume}",
        }
        for name in range(classes)
        for job in range(jobs)
        for volume in range(volumes)
    ]  # fmt: skip
    known = [{"storage_class": f"class-{name}", "position": name} for name in range(classes)]
    run = {
        "flow": "nightly", "started_at": started, "ended_at": started, "outcome": "complete",
        "cluster": "kind-prod", "plan": json.dumps({"rounds": volumes, "profile": "standard"}),
        "cells_planned": len(fio), "cells_measured": len(fio), "cells_failed": 0,
        "storms_planned": 0,
    }  # fmt: skip
    for table, rows in (("fio", fio), ("classes", known), ("runs", [run])):
        write_table(root, table, run_id, started, rows)
    return run_id


if __name__ == "__main__":
    app()
