"""The control: the reference's second set of volumes, judged as if it were a class."""

from statistics import median

import numpy as np

from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.ratios import Logs
from reports.speed.words import activity, differs, ratio, slower, tally, verdict
from reports.text.markdown import Markdown, table


def alarm(comparison: Comparison) -> str:
    """The warning that two sets of volumes of one class were told apart; empty if they were not."""
    apart = [
        f"{'slower' if slower(row, row.control) else 'faster'} at {activity(row)}"
        for row in comparison.rows
        if row.control and differs(row.control)
    ]
    if not apart:
        return ""
    return (
        f"{comparison.control} is {comparison.classes[0]} itself, and came out "
        f"{' and '.join(apart)}: believe no verdict of this run"
    )


def sentences(comparison: Comparison) -> list[str]:
    """What became of the control, if there was one, and how far volumes of the class lie apart."""
    known = [(row, row.control) for row in comparison.rows if row.control and row.control.known]
    if not known:
        return []
    judged = [(row, cell) for row, cell in known if cell.ratio and cell.ratio.word]
    said = f"{tally(judged, comparison.margin_percent)} of {len(judged)} figures"
    spreads = [s for row, _ in known if (s := spread(row)) is not None]
    apart = (
        f" Volumes of {comparison.classes[0]} spread by {100 * median(spreads):.0f} % (standard "
        f"deviation) in the median of its figures, by {100 * max(spreads):.0f} % at most."
        if spreads
        else ""
    )
    what = f"{comparison.control}, a second set of volumes of the reference"
    return [f"{what}, is {said if judged else 'of too few volumes to be judged'}.{apart}"]


def spread(row: ComparisonRow) -> float | None:
    """Standard deviation between volumes of the reference, of the logarithm, by both of its sets.

    That of repeats on one volume is in it. None if neither set has two volumes.
    """
    sets = [list(logs.values()) for logs in _sets(row) if len(logs) > 1]
    freedom = sum(len(logs) - 1 for logs in sets)
    if not freedom:
        return None
    return float(np.sqrt(sum((len(logs) - 1) * np.var(logs, ddof=1) for logs in sets) / freedom))


def _sets(row: ComparisonRow) -> list[Logs]:
    return [row.cells[0].logs, *([row.control.logs] if row.control else [])]


def control_table(comparison: Comparison) -> Markdown:
    """Each figure of the control beside the reference's; empty without a control."""
    rows = [
        [row.job["job"], row.figure.label, ratio(row.control), *_judged(row, row.control)]
        for row in comparison.rows
        if row.control
    ]
    header = ["job", "figure", "control ÷ reference", "verdict", "spread of volumes"]
    return table(header, rows) if rows else Markdown()


def _judged(row: ComparisonRow, cell: Cell) -> list[str]:
    apart = spread(row)
    return [verdict(row, cell, "volume"), "" if apart is None else f"{100 * apart:.1f} %"]
