"""The nights as charts: each figure of each class over time, and where a new level began."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from math import exp
from typing import Any, NamedTuple

from reports.history.changes import LATEST, Change, changes_of_each
from reports.history.nights import Nights, Series
from reports.history.told import told
from reports.html.chart import Chart, columns, edges
from reports.text.markdown import Markdown, table
from reports.text.units import quantity

HEIGHT = 150  # pixels


class Trend(NamedTuple):
    """A figure's newest nights, and where a new level began among them."""

    known: Nights
    series: Series
    logs: Sequence[float]
    changes: list[Change]


def trends_of(known: Nights) -> list[Trend]:
    """Each figure of the nights."""
    logs = [one.logs[-LATEST:] for one in known.series]
    found = zip(known.series, logs, changes_of_each(logs), strict=True)
    return [Trend(known, *of_one) for of_one in found]


def trend_charts(trends: list[Trend]) -> list[Chart]:
    """A panel for each figure of a job, a storm, or provisioning: a line for each class."""
    found = []
    for _, group in groupby(sorted(trends, key=_panel), key=_panel):
        alike = list(group)
        rows = [row for trend in alike for row in _points(trend)]
        series = alike[0].series
        title = f"{series.what}, {series.figure.label}"
        about = "Each night and its level; a mark is where a new level began. The table has these."
        found.append(
            Chart("trends", title, about, HEIGHT, columns(rows), edges([r["value"] for r in rows]))
        )
    return found


def _panel(trend: Trend) -> tuple[str, str]:
    return trend.series.what, trend.series.figure.label


def _points(trend: Trend) -> list[dict[str, Any]]:
    known, series, logs, found = trend
    runs = series.runs[-LATEST:]
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


def trend_table(trends: list[Trend]) -> Markdown:
    """The newest night's figures, and the newest change of each."""
    return table(
        ["class", "what", "figure", "nights", "last night", "newest change"],
        [_row(trend) for trend in trends],
    )


def _row(trend: Trend) -> list[object]:
    known, series, _, changes = trend
    found = changes[-1:]
    last = quantity(exp(series.logs[-1]), series.figure.scales)
    new = told(known, series, found[0]).partition(": ")[2] if found else "none"
    return [series.name, series.what, series.figure.label, len(series.runs), last, new]
