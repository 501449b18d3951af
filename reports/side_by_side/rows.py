"""The comparison and the survival matrix as rows of plain text, for whoever draws tables."""

from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.words import gap, ratio, shape, too_few, verdict
from reports.storms.survival import StormCell, Survival
from reports.storms.words import gap_words, parts
from reports.text.units import interval, quantity

TextRow = dict[str, str]


def comparison_rows(comparison: Comparison) -> list[TextRow]:
    """A row a figure: the job's name, what it does, the figure, and one of it a class."""
    return [
        {"job": row.job["job"], "what": shape(row.job), "figure": row.figure.label}
        | {cell.storage_class: _figure(cell, row, comparison) for cell in row.cells}
        for row in comparison.rows
    ]


def survival_rows(survival: Survival) -> list[TextRow]:
    """A row of the matrix: its name, and what became of it in each storm."""
    return [
        {"volume": name} | {cell.storm: _fate(cell) for cell in cells}
        for name, cells in survival.lines().items()
    ]


def volume_rows(survival: Survival) -> list[TextRow]:
    """A row a volume, also where two writers were alike: in another night they may not be."""
    return [
        {"volume": volume} | {cell.storm: _fate(cell) for cell in survival.row(volume)}
        for volume in survival.volumes
    ]


def _figure(cell: Cell, row: ComparisonRow, comparison: Comparison) -> str:
    words = [too_few(cell), gap(cell, comparison.turn), "⚠" if cell.warned else ""]
    if cell.known is not None:
        scales = row.figure.scales
        figure = [quantity(cell.known.value, scales), interval(cell.known, scales), ratio(cell)]
        words = [*figure, verdict(row, cell, comparison.unit), *words]
    return " ".join(filter(None, words))


def _fate(cell: StormCell) -> str:
    gaps = [gap_words(cell, gap) for gap in cell.gaps]
    return " · ".join([*parts(cell), *gaps, *(["surprise"] if cell.surprises else [])])
