"""Latency curves: of all I/Os of a cell, by fio's histograms."""

from collections.abc import Iterator
from typing import Any

from reports.data.load import Run
from reports.data.percentiles import BEYOND, histogram
from reports.html.chart import Chart, columns, edges
from reports.speed.comparison import Comparison
from reports.speed.figures import DIRECTIONS, cell_rows, jobs
from reports.speed.words import shape

HEIGHT = 190  # pixels
STEP = 0.95  # × the share of I/Os beyond the point before: a nearer one would not be seen


def latency_charts(run: Run, comparison: Comparison) -> list[Chart]:
    """A panel for each job and direction that has histograms, a line for each class."""
    return [
        Chart(
            "latency",
            f"{job['job']} ({shape(job)}), {direction}",
            ABOUT,
            HEIGHT,
            columns(rows),
            edges([row["ms"] for row in rows]),
        )
        for job in jobs(run.fio)
        for direction in DIRECTIONS
        if (rows := [*_curves(run, comparison, job["job"], direction)])
    ]


ABOUT = (
    f"How long so many of all I/Os took at most, as far as {BEYOND} took longer. "
    "“Latency of every job” below has the percentiles as a table."
)


def _curves(run: Run, comparison: Comparison, job: str, direction: str) -> Iterator[dict[str, Any]]:
    for name in comparison.classes:
        for beyond, ns in curve(histogram(cell_rows(run.fio, name, job), direction) or {}):
            yield {"class": name, "beyond": beyond, "ms": ns / 1e6}


def curve(counts: dict[int, int]) -> Iterator[tuple[float, int]]:
    """Points of a histogram: the share of its I/Os that took longer than so many ns."""
    total = left = sum(counts.values())
    last = 1 / STEP
    for ns, number in sorted(counts.items()):
        left -= number
        if left < BEYOND:
            return
        if left / total <= last * STEP:
            last = left / total
            yield last, ns
