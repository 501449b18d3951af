"""The comparison in the terminal."""

from rich.table import Table
from rich.text import Text

from reports.comparison import Cell, Comparison, ComparisonRow
from reports.units import interval, quantity
from reports.words import against_reference, gap, shape, unit


def comparison_table(comparison: Comparison) -> Table:
    """The table of the report for a terminal: legible at 80 columns with two classes."""
    reference, *others = comparison.classes
    grid = Table(show_lines=True)
    grid.add_column("job")
    grid.add_column(Text(f"{reference} (reference)" if others else reference))
    for name in others:
        grid.add_column(Text(name))
    for row in comparison.rows:
        job = Text(row.job["job"], style="bold").append(f"\n{shape(row.job)}", style="not bold dim")
        grid.add_row(job, *(_cell(cell, row, comparison) for cell in row.cells))
    return grid


def _cell(cell: Cell, row: ComparisonRow, comparison: Comparison) -> Text:
    text = Text()
    if cell.estimate is not None:
        figure = f"{quantity(cell.estimate.median, row.figure.scales)} {unit(row)}".rstrip()
        text.append(figure, style="bold green" if cell.best else "")
        text.append(f" {interval(cell.estimate, row.figure.scales)}", style="dim")
        text.append(f"\n{against_reference(cell)}")
    if missing := gap(cell, comparison):
        text.append(f"\n{missing}", style="red")
    if cell.warned:
        text.append("\nsee warnings", style="yellow")
    text.rstrip()
    return text
