"""The comparison as charts: each ratio with its interval, each figure with its range."""

from typing import Any

from reports.html.chart import Chart, columns, edges
from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.words import gap, ratio, shape, too_few, verdict
from reports.text.units import interval, quantity

ROOM = 1.6  # × the longest bar, for the words beside it
BAR, LINE = 24, 13  # pixels


def ratio_charts(comparison: Comparison) -> list[Chart]:
    """Every ratio to the reference in one panel; none where nothing can be compared."""
    margin = 1 + comparison.margin_percent / 100
    rows: list[dict[str, Any]] = [
        {
            "figure": f"{row.job['job']}, {row.figure.label}",
            "class": cell.storage_class,
            "ratio": cell.ratio.value,
            "low": cell.ratio.low or cell.ratio.value,
            "high": cell.ratio.high or cell.ratio.value,
            "near_low": 1 / margin,
            "near_high": margin,
            "better": "less is better" if row.figure.less_is_better else "more is better",
            "words": ", ".join(filter(None, [ratio(cell), verdict(row, cell, comparison.unit)])),
        }
        for row in comparison.rows
        for cell in row.cells[1:]
        if cell.ratio and cell.ratio.value > 0
    ]
    reference = comparison.classes[0] if comparison.classes else ""
    about = (
        f"Each class ÷ {reference}, with its 95 % interval where there are three "
        f"{comparison.unit}s; the band is {comparison.margin_percent:g} % around 1×. "
        "The table above has every ratio."
    )
    figures = len({row["figure"] for row in rows})
    height = figures * (LINE * (len(comparison.classes) - 1) + LINE)
    if not rows:
        return []
    room = edges([row[end] for row in rows for end in ("low", "high", "near_low", "near_high")])
    return [Chart("ratios", f"Ratio to {reference}", about, height, columns(rows), room)]


def bar_charts(comparison: Comparison) -> list[Chart]:
    """A panel for each figure of each job, a bar for each class."""
    return [_bars(row, comparison.turn) for row in comparison.rows]


def _bars(row: ComparisonRow, turn: str) -> Chart:
    highest = max((_high(cell) for cell in row.cells), default=0.0) or 1.0
    better = "less is better" if row.figure.less_is_better else "more is better"
    rows: list[dict[str, Any]] = [
        {
            "class": cell.storage_class,
            "value": cell.known.value if cell.known else None,
            "low": cell.known.low if cell.known else None,
            "high": cell.known.high if cell.known else None,
            "end": _high(cell),
            "room": highest * ROOM,
            "words": _words(cell, row, turn),
        }
        for cell in row.cells
    ]
    told = "; ".join(f"{one['class']} {one['words']}" for one in rows)
    title = ", ".join(filter(None, [f"{row.job['job']} ({shape(row.job)})", row.figure.label]))
    return Chart("bars", f"{title}: {better}", told, BAR * len(rows), columns(rows))


def _words(cell: Cell, row: ComparisonRow, turn: str) -> str:
    said = [too_few(cell), gap(cell, turn)]
    if cell.known:
        scales = row.figure.scales
        figure = f"{quantity(cell.known.value, scales)} {interval(cell.known, scales)}"
        said = [figure.strip(), *said]
    return ", ".join(filter(None, said))


def _high(cell: Cell) -> float:
    if cell.known is None:
        return 0.0
    return cell.known.value if cell.known.high is None else cell.known.high
