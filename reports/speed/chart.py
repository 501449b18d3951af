"""The comparison as one SVG: a small panel of bars for each job, a column for each unit."""

from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.words import gap, shape, too_few
from reports.text.svg import STYLE, short, svg
from reports.text.units import quantity

# Okabe and Ito, "Color Universal Design", 2008: told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
BAR_INCHES = 0.24


def chart(comparison: Comparison, title: str) -> str:
    """The chart as SVG text, on white, with the range of a class's volumes as error bars."""
    columns = _columns(comparison)
    height = max(map(len, columns.values()), default=1)
    panel = 0.75 + BAR_INCHES * len(comparison.classes)
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(max(1, len(columns)) * 5, height * panel + 0.6),
            facecolor="white",
            layout="constrained",
        )
        figure.suptitle(title, fontsize=11)
        grid = figure.subplots(height, max(1, len(columns)), squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        if not comparison.rows:
            grid[0, 0].text(0.5, 0.5, "nothing was run", ha="center", va="center")
        for number, rows in enumerate(columns.values()):
            for axes, row in zip(grid[:, number], rows, strict=False):
                _panel(axes, row, comparison.turn)
        return svg(figure)


def _columns(comparison: Comparison) -> dict[str, list[ComparisonRow]]:
    columns: dict[str, list[ComparisonRow]] = {}
    for row in comparison.rows:
        columns.setdefault(row.figure.label, []).append(row)
    return columns


def _panel(axes: Axes, row: ComparisonRow, turn: str) -> None:
    axes.set_axis_on()
    better = "less" if row.figure.less_is_better else "more"
    axes.set_title(f"{row.job['job']} ({shape(row.job)})", loc="left", fontsize=9, weight="bold")
    axes.set_xlabel(f"{row.figure.label}, {better} is better", loc="right", color="#555")
    highest = max((_high(cell) for cell in row.cells), default=0) or 1
    _bars(axes, row)
    for position, cell in enumerate(row.cells):
        _beside(axes, position, cell, row, turn)
    plain = all(cell.measured >= cell.planned and not cell.warned for cell in row.cells)
    axes.set_xlim(0, highest * (1.3 if plain else 1.8))  # room for the text beside a long bar
    axes.set_ylim(len(row.cells) - 0.4, -0.6)
    axes.set_yticks(range(len(row.cells)), [short(cell.storage_class) for cell in row.cells])
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _bars(axes: Axes, row: ComparisonRow) -> None:
    """All bars of a panel at once: one by one they take longer than all else of a report."""
    known = [(at, cell.known) for at, cell in enumerate(row.cells) if cell.known is not None]
    at, values = [at for at, _ in known], [one.value for _, one in known]
    colours = [COLOURS[position % len(COLOURS)] for position in at]
    axes.barh(at, values, height=0.72, color=colours)
    arms = [
        (at, one.value, one.value - one.low, one.high - one.value)
        for at, one in known
        if one.low is not None and one.high is not None
    ]
    if arms:
        positions, middles, *ends = zip(*arms, strict=True)
        axes.errorbar(
            middles, positions, xerr=ends, fmt="none", ecolor="#222", capsize=2.5, linewidth=1
        )


def _beside(axes: Axes, position: int, cell: Cell, row: ComparisonRow, turn: str) -> None:
    beside: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
    if cell.known is None:
        missing = gap(cell, turn) or too_few(cell)
        axes.annotate(missing, (0, position), **beside, color="#B00020", style="italic")
        return
    label = quantity(cell.known.value, row.figure.scales)
    if cell.measured < cell.planned:
        label += f" ({cell.measured} of {cell.planned} {turn}s)"
    words = f"{label} ⚠" if cell.warned else label
    axes.annotate(words, (_high(cell), position), **beside, in_layout=False)  # `xlim` has its room


def _high(cell: Cell) -> float:
    if cell.known is None:
        return 0
    return cell.known.value if cell.known.high is None else cell.known.high
