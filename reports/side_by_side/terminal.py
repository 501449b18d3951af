"""The comparison and the survival matrix in the terminal."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from reports.side_by_side.rows import TextRow
from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.control import alarm
from reports.speed.words import (
    differs,
    few,
    gap,
    ratio,
    shape,
    slower,
    too_few,
    unit,
    verdict,
    volumes,
)
from reports.storms.survival import StormCell, Survival
from reports.storms.words import gap_words, parts
from reports.text.units import interval, quantity


def comparison_table(comparison: Comparison) -> Table:
    """The table of the report for a terminal: legible at 80 columns with two classes."""
    grid = Table(box=box.HORIZONTALS, show_lines=True, caption=_caption(comparison))
    grid.add_column("job")
    for position, name in enumerate(comparison.classes):
        alone = position > 0 or len(comparison.classes) == 1
        grid.add_column(Text(name if alone else f"{name} (reference)"))
    for row in comparison.rows:
        job = Text(row.job["job"], style="bold").append(f"\n{shape(row.job)}", style="not bold dim")
        if row.figure.less_is_better:
            job.append(f"\n{row.figure.label}", style="not bold dim")
        grid.add_row(job, *(_cell(cell, row, comparison) for cell in row.cells))
    return grid


def _caption(comparison: Comparison) -> Text:
    if len(comparison.classes) < 2:
        return Text()
    if few(cell for row in comparison.rows for cell in row.cells[1:]):
        return Text(f"{volumes(comparison)}: too few for a verdict")
    about = Text(
        f"{volumes(comparison)}; ratio with its 95 % interval; "
        f"equal: within {comparison.margin_percent:g} %"
    )
    if words := alarm(comparison):
        about = Text(f"{words}\n", style="bold red").append_text(about)
    return about


def _cell(cell: Cell, row: ComparisonRow, comparison: Comparison) -> Text:
    lines = []
    if cell.known is not None:
        figure = f"{quantity(cell.known.value, row.figure.scales)} {unit(row)}".rstrip()
        lines.append(Text(figure).append(f" {interval(cell.known, row.figure.scales)}", "dim"))
        lines.append(Text(ratio(cell)))
        style = ("red" if slower(row, cell) else "green") if differs(cell) else "dim"
        lines.append(Text(verdict(row, cell, comparison.unit), style=style))
    lines.append(Text(too_few(cell), style="dim"))
    lines.append(Text(gap(cell, comparison.turn), style="red"))
    lines.append(Text("see warnings" if cell.warned else "", style="yellow"))
    return Text("\n").join(line for line in lines if line)


def text_table(rows: Sequence[TextRow]) -> Table:
    """Rows of plain text that have the same columns."""
    grid = Table(box=box.HORIZONTALS, show_lines=True)
    for header in rows[0]:
        grid.add_column(Text(header), overflow="fold")
    for row in rows:
        grid.add_row(*(Text(value) for value in row.values()))
    return grid


def survival_table(survival: Survival) -> Table:
    """The survival matrix for a terminal: legible at 80 columns with four storms."""
    kept = "kept: all acknowledged records read back; seconds until the next write"
    absent = ", ".join(survival.not_offered)
    caption = f"{kept}\nnot offered: {absent}" if absent else kept
    grid = Table(box=box.HORIZONTALS, show_lines=True, caption=Text(caption))
    lines = survival.lines()
    grid.add_column("volume", no_wrap=max(map(len, lines), default=0) <= 20)
    for storm in survival.storms:
        grid.add_column(storm.replace("-", "-\n"))  # rich breaks lines at spaces only
    for name, cells in lines.items():
        grid.add_row(Text(name, style="bold"), *map(_storm_cell, cells))
    return grid


def _storm_cell(cell: StormCell) -> Text:
    style = "red" if cell.lossy or cell.unread else "green" if cell.rounds else ""
    lines = [
        Text(part, style=style if not number else "") for number, part in enumerate(parts(cell))
    ]
    lines += [Text(gap_words(cell, gap), style="red") for gap in cell.gaps]
    lines += [Text("surprise", style="bold yellow")] if cell.surprises else []
    return Text("\n").join(lines)
