"""The report's comparison, class beside class, and what its figures and words are."""

from collections.abc import Iterable
from math import ceil

from reports.data.stats import LEVEL, Word
from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.words import differs, few, gap, ratio, shape, too_few, verdict, volumes
from reports.text.markdown import Markdown, markdown, table
from reports.text.units import interval, quantity


def comparison_table(comparison: Comparison) -> Markdown:
    """The lab's table: a row a figure, a column a class, the reference first; empty if none ran."""
    if not comparison.rows:
        return Markdown()
    reference, *others = comparison.classes
    header = ["job", "what", "figure", f"{reference} (reference)" if others else reference, *others]
    rows = [
        [
            row.job["job"],
            shape(row.job),
            row.figure.label,
            *(_cell(cell, row, comparison) for cell in row.cells),
        ]
        for row in comparison.rows
    ]
    return table(header, rows)


def _cell(cell: Cell, row: ComparisonRow, comparison: Comparison) -> Markdown:
    parts = []
    if cell.known is not None:
        parts.append(quantity(cell.known.value, row.figure.scales))
        parts.append(interval(cell.known, row.figure.scales))
        parts.append(ratio(cell))
        said = verdict(row, cell, comparison.unit)
        parts.append(f"**{said}**" if differs(cell) else said)
    parts.append(too_few(cell))
    if missing := gap(cell, comparison.turn):
        place = f"failure-{cell.failures[0].number}" if cell.failures else "how-it-was-made"
        parts.append(f"[{markdown(missing)}](#{place})")
    if cell.warned:
        parts.append("[⚠](#warnings)")
    return Markdown(" ".join(filter(None, parts)))


def note(comparison: Comparison) -> Markdown:
    """What the figures, ranges, ratios and words of this run are."""
    known = [cell.known for row in comparison.rows for cell in row.cells if cell.known]
    if not known:
        return Markdown()
    reference, *others = comparison.classes
    single = all(one.volumes == 1 for one in known)
    several = f"{comparison.turn}s on it" if single else f"{comparison.unit}s"
    ranges = f" [lowest – highest of the {several}]" if any(one.low for one in known) else ""
    percentile = any(row.figure.percentile for row in comparison.rows)
    said = f"Geometric mean{ranges} of {volumes(comparison)}."
    if percentile:
        pooled = "of all I/Os where histograms are known, else " * (comparison.unit == "volume")
        said += f" Percentiles are {pooled}such means too; 100 I/Os lie beyond each at least."
    cells = [cell for row in comparison.rows for cell in row.cells[1:]]
    if not others:
        return Markdown(said)
    unjudged = any(cell.ratio and cell.ratio.word is None for cell in cells)
    if few(cells):
        return Markdown(
            f"{said} What ends in × is the ratio to {markdown(reference)}, of these "
            f"{comparison.unit}s: of so few there is no verdict on the classes, two volumes of "
            f"one class may lie as far apart. For one it takes three {_again(comparison)}."
        )
    return Markdown(
        f"{said} What ends in × is the ratio to {markdown(reference)} [its 95 % interval]; "
        f"**faster** and **slower** are sure at 5 % for all {comparison.pairs} ratios "
        f"together, equal is within {comparison.margin_percent:g} %, open is neither, and "
        f"about so many {_again(comparison)} in all would decide it."
        + _luck(comparison, cells)
        + (f" A ratio without an interval is of fewer than three {several}." if unjudged else "")
    )


def _luck(comparison: Comparison, cells: Iterable[Cell]) -> str:
    """Why a ratio whose interval leaves out 1 is open, where there is such a one."""
    found = [cell.ratio for cell in cells if cell.ratio and cell.ratio.word is Word.OPEN]
    if not any(one.low and one.high and (one.low > 1 or one.high < 1) for one in found):
        return ""
    by_luck = ceil(LEVEL * comparison.pairs)
    do = f"up to {by_luck} do" if by_luck > 1 else "one may do"
    return (
        f" A ratio whose interval leaves out 1 can still be open: of {comparison.pairs} ratios "
        f"{do} so by luck, and a word must be sure for all."
    )


def _again(comparison: Comparison) -> str:
    """What there must be more of, for more units."""
    return "rounds" if comparison.unit == "volume" else f"{comparison.unit}s"
