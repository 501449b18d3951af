"""The sentences for somebody who reads nothing else, computed and honest."""

from textwrap import shorten
from typing import NamedTuple

from reports.data.load import Run
from reports.speed.comparison import Cell, Comparison, ComparisonRow, Verdict
from reports.speed.words import activity, unit
from reports.storms.sentences import finding as survived
from reports.storms.survival import NOT_OFFERED, Survival
from reports.text.markdown import Markdown, markdown
from reports.text.reasons import three_words
from reports.text.units import factor, quantity

ENDINGS = {
    "incomplete": "is incomplete",
    "failed": "failed",
    "cancelled": "was cancelled",
    "running": "has not ended, or was killed",
}
LONGEST_ERROR = 120  # the whole of it stands where the run's facts are
Pair = tuple[ComparisonRow, Cell]


class Clause(NamedTuple):
    """What is said of one class; the largest difference comes first."""

    size: float
    claim: str
    extent: str


def headline(run: Run, comparison: Comparison, survival: Survival | None) -> Markdown:
    """What differs most from the reference, what the storms did, how complete and sound it is."""
    findings = [_finding(comparison), survived(survival) if survival else ""]
    said = " ".join(filter(None, findings)) or "**Nothing was measured.**"
    return Markdown(f"{said} {_completeness(run, comparison, survival)}")


def _finding(comparison: Comparison) -> str:
    if not any(cell.estimate for row in comparison.rows for cell in row.cells):
        return ""
    if len(comparison.classes) == 1:
        return _alone(comparison)
    clauses = sorted((_clause(comparison, name) for name in comparison.classes[1:]), reverse=True)
    first = f"**{clauses[0].claim}**{clauses[0].extent}"
    return "; ".join([first, *(clause.claim + clause.extent for clause in clauses[1:])]) + "."


def _alone(comparison: Comparison) -> str:
    name = markdown(comparison.classes[0])
    measured = [(row, row.cells[0].estimate) for row in comparison.rows]
    figures = [
        f"{quantity(figure.median, row.figure.scales)} {unit(row)}".strip()
        + f" at {markdown(activity(row))}"
        for row, figure in measured
        if figure is not None
    ]
    return (
        f"**{name} reached {' and '.join(figures[:2])}**; there is no other class to compare with."
    )


def _clause(comparison: Comparison, name: str) -> Clause:
    me, reference = markdown(name), markdown(comparison.classes[0])
    position = comparison.classes.index(name)
    pairs = [(row, row.cells[position]) for row in comparison.rows]
    compared = [pair for pair in pairs if pair[1].ratio]
    if not compared:
        return Clause(0, f"{me} cannot be compared with {reference}", _why_not(pairs))
    different = [pair for pair in compared if pair[1].verdict is Verdict.DIFFERENT]
    if different:
        size, text = _largest(different, reference)
        if same := _mostly_same(compared, len(different)):
            claim = f"{me} and {reference} are not distinguishable in {same}"
            return Clause(size, claim, f"; at most, {me} is {text}")
        return Clause(size, f"{me} is {text}", f" ({_extent(compared)})")
    if all(cell.verdict is Verdict.ONE_REPEAT for _, cell in compared):
        size, text = _largest(compared, reference)
        return Clause(size, f"{me} measured {text}", ", in one repeat: this may be chance")
    return Clause(1, f"{me} is not distinguishable from {reference}", f" in {_figures(compared)}")


def _mostly_same(compared: list[Pair], different: int) -> str:
    """`3 of 4 figures` where more than half are not distinguishable, else empty."""
    same = len(compared) - different
    return f"{same} of {_figures(compared)}" if same > different else ""


def _why_not(pairs: list[Pair]) -> str:
    failures = [failure for _, cell in pairs for failure in cell.failures]
    return (
        f": {markdown(three_words(failures[0].error))}"
        if failures
        else ": a figure is missing or zero"
    )


def _largest(pairs: list[Pair], reference: str) -> tuple[float, str]:
    """The largest factor, either way, as `6.1× slower than local-path at 4K random reads`."""
    size, row, cell = max(
        ((max(cell.ratio, 1 / cell.ratio), row, cell) for row, cell in pairs if cell.ratio),
        key=lambda candidate: candidate[0],
    )
    way = "slower" if _is_slower(row, cell) else "faster"
    return size, f"{factor(size)} {way} than {reference} at {markdown(activity(row))}"


def _is_slower(row: ComparisonRow, cell: Cell) -> bool:
    return cell.ratio is not None and (cell.ratio > 1) == row.figure.less_is_better


def _extent(compared: list[Pair]) -> str:
    different = [pair for pair in compared if pair[1].verdict is Verdict.DIFFERENT]
    slower = sum(_is_slower(row, cell) for row, cell in different)
    counts = {
        "slower": slower,
        "faster": len(different) - slower,
        "not distinguishable": len(compared) - len(different),
    }
    said = [f"{word} in {count}" for word, count in counts.items() if count]
    return f"{', '.join(said)} of {_figures(compared)}"


def _figures(compared: list[Pair]) -> str:
    return "1 figure" if len(compared) == 1 else f"{len(compared)} figures"


def _completeness(run: Run, comparison: Comparison, survival: Survival | None) -> str:
    counts = [_storms(run, survival)] if survival else []
    if run.facts["cells_planned"] or run.fio or not survival:
        counts.insert(0, _cells(run, comparison))
    if number := len(comparison.caveats):
        counts.append(f"{number} warning{'s' if number > 1 else ''} below")
    if number := len(survival.surprises) if survival else 0:
        counts.append(f"[{number} surprise{'s' if number > 1 else ''}](#expected-and-seen) below")
    sentence = f"{_outcome(run)}{'; '.join(counts)}."
    return sentence[0].upper() + sentence[1:]


def _cells(run: Run, comparison: Comparison) -> str:
    facts = run.facts
    planned, measured = facts["cells_planned"] or 0, facts["cells_measured"] or 0
    failed = facts["cells_failed"] or 0
    if measured == planned:
        return f"all {planned} cells were measured"
    missing = {"failed": failed, "not run": planned - measured - failed}
    said = [f"{count} of {planned} cells {what}" for what, count in missing.items() if count]
    return f"{', '.join(said)}{_reasons(comparison)}"


def _storms(run: Run, survival: Survival) -> str:
    offered = sum(row["status"] != NOT_OFFERED for row in run.storms)
    planned = max((run.facts["storms_planned"] or 0) - len(run.storms) + offered, offered)
    missing: dict[str, int] = {}
    for gap in survival.gaps:
        missing[gap.status] = missing.get(gap.status, 0) + len(gap.cells)
    if not missing:
        return (
            f"all {planned} storm cells were measured" if planned > 1 else "the storm was measured"
        )
    measured = planned - sum(missing.values())
    said = [f"{count} {what}" for what, count in missing.items()]
    return f"{measured} of {planned} storm cells measured, {', '.join(said)}"


def _reasons(comparison: Comparison) -> str:
    reasons = dict.fromkeys(
        f"{failure.storage_class}: {three_words(failure.error)}" for failure in comparison.failures
    )
    return f" ({markdown('; '.join(reasons))})" if reasons else ""


def _outcome(run: Run) -> str:
    """Empty for a run that is complete, else how, where and why it ended."""
    facts = run.facts
    if facts["outcome"] in (None, "complete"):
        return ""
    where = f" at {markdown(facts['stopped_at'])}" if facts["stopped_at"] else ""
    if facts["outcome"] == "incomplete" or not facts["error"]:
        why = ""  # the failed cells, which follow, are the reason
    else:
        why = f" ({markdown(shorten(facts['error'], LONGEST_ERROR, placeholder=' …'))})"
    return f"**The run {ENDINGS.get(facts['outcome'], facts['outcome'])}**{where}{why}: "
