"""The nights as charts: each figure of each class over time, and where a new level began."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from math import exp
from typing import Any

from reports.history.changes import LATEST, Change, changes
from reports.history.nights import Nights, Series
from reports.history.told import told
from reports.html.chart import Chart, columns, edges
from reports.text.markdown import Markdown, table
from reports.text.units import quantity

HEIGHT = 150  # pixels


def trend_charts(known: Nights) -> list[Chart]:
    """A panel for each figure of a job, a storm, or provisioning: a line for each class."""
    found = []
    ordered = sorted(enumerate(known.series), key=_panel)
    for _, group in groupby(ordered, key=_panel):
        series = [one for _, one in group]
        rows = [row for one in series for row in _points(known, one)]
        title = f"{series[0].what}, {series[0].figure.label}"
        about = "Each night and its level; a mark is where a new level began. The table has these."
        found.append(
            Chart("trends", title, about, HEIGHT, columns(rows), edges([r["value"] for r in rows]))
        )
    return found


def _panel(numbered: tuple[int, Series]) -> tuple[str, str]:
    return numbered[1].what, numbered[1].figure.label


def _points(known: Nights, series: Series) -> list[dict[str, Any]]:
    runs, logs = series.runs[-LATEST:], series.logs[-LATEST:]
    found = changes(logs)
    nights = {row["run_id"]: row for row in known.runs}
    new = {change.night: told(known, series, change) for change in found}
    return [
        {
            "class": series.name,
            "night": f"{nights[run]['started_at']:%Y-%m-%dT%H:%M:%SZ}",
            "value": exp(log),
            "level": level,
            "change": new.get(number),
        }
        for number, (run, log, level) in enumerate(
            zip(runs, logs, _levels(found, len(logs)), strict=True)
        )
    ]


def _levels(found: Sequence[Change], nights: int) -> list[float | None]:
    """The level of each night; None where a series has only one."""
    if not found:
        return [None] * nights
    ends = [0, *(change.night for change in found), nights]
    of_each = [found[0].was, *(change.now for change in found)]
    return [
        exp(level)
        for (start, end), level in zip(pairwise(ends), of_each, strict=True)
        for _ in range(start, end)
    ]


def trend_table(known: Nights) -> Markdown:
    """The newest night's figures, and the newest change of each."""
    return table(
        ["class", "what", "figure", "nights", "last night", "newest change"],
        [_row(known, series) for series in known.series],
    )


def _row(known: Nights, series: Series) -> list[object]:
    found = changes(series.logs[-LATEST:])[-1:]
    last = quantity(exp(series.logs[-1]), series.figure.scales)
    new = told(known, series, found[0]).partition(": ")[2] if found else "none"
    return [series.name, series.what, series.figure.label, len(series.runs), last, new]
