"""Every series of a cluster's nights as a row of plain text, for whoever draws tables."""

from collections.abc import Sequence
from math import exp

from reports.history.changes import Change
from reports.history.nights import Nights, Series
from reports.history.told import is_better, latest, night_of
from reports.side_by_side.rows import TextRow
from reports.text.units import quantity

BARS = "▁▂▃▄▅▆▇█"
SHOWN = 30  # nights of a sparkline


def table_rows(known: Nights) -> list[TextRow]:
    """A row a series: its last nights as a sparkline, its newest figure, its newest change."""
    return [
        {
            "class": series.name,
            "what": series.what,
            "figure": series.figure.label,
            "nights": f"{len(series.logs)}",
            f"last {SHOWN}": sparkline(series.logs[-SHOWN:]),
            "newest": quantity(exp(series.logs[-1]), series.figure.scales),
            "changed": _changed(known, series, change) if change else "",
        }
        for series, change in zip(known.series, latest(known.series), strict=True)
    ]


def _changed(known: Nights, series: Series, change: Change) -> str:
    word = "better" if is_better(series, change) else "worse"
    night = night_of(known, series, change)
    return f"{word} since {night['started_at']:%Y-%m-%d}: {change.ratio:.2f}×"


def sparkline(logs: Sequence[float]) -> str:
    """A bar a night; a range of less than 10 % is flat, so that noise looks like none."""
    low, width = min(logs), max(max(logs) - min(logs), 0.1)
    return "".join(BARS[min(len(BARS) - 1, int((one - low) / width * len(BARS)))] for one in logs)
