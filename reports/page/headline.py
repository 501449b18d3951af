"""The sentences for somebody who reads nothing else, computed and honest."""

from math import floor, log10
from textwrap import shorten
from typing import NamedTuple

from reports.data.load import Run
from reports.data.stats import FEWEST, MOST
from reports.speed.caveats import by_kind
from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.control import alarm
from reports.speed.limits import limit_words, limits_of
from reports.speed.words import activity, differs, slower, tally, unit, volumes, word
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
FEW = "too few for a verdict on the classes"
WORTH = 1.01  # the smallest bound that is printed
TINY = 1e-9  # a bound of 1.50 is not rounded down to 1.49
LONGEST_ERROR = 120  # the whole of it stands where the run's facts are
Pair = tuple[ComparisonRow, Cell]


class Clause(NamedTuple):
    """What is said of one class: the largest difference comes first."""

    size: float
    said: str


def headline(run: Run, comparison: Comparison, survival: Survival | None) -> Markdown:
    """What differs most from the reference, what the storms did, how complete and sound it is."""
    control = f"**Warning: {markdown(words)}.**" if (words := alarm(comparison)) else ""
    findings = [control, _finding(run, comparison), survived(survival) if survival else ""]
    said = " ".join(filter(None, findings)) or "**Nothing was measured.**"
    return Markdown(f"{said} {_completeness(run, comparison, survival)}")


def _finding(run: Run, comparison: Comparison) -> str:
    if not any(cell.known for row in comparison.rows for cell in row.cells):
        return ""
    if len(comparison.classes) == 1:
        return _alone(comparison)
    names = comparison.classes[1:]
    clauses = sorted((_clause(run, comparison, name) for name in names), reverse=True)
    return " ".join(f"{clause.said}." for clause in clauses)


def _alone(comparison: Comparison) -> str:
    name = markdown(comparison.classes[0])
    known = [(row, row.cells[0].known) for row in comparison.rows]
    measured = [(row, figure) for row, figure in known if figure is not None][:2]
    figures = [
        f"{quantity(figure.value, row.figure.scales)} {unit(row)}".strip()
        + f" at {markdown(activity(row))}"
        for row, figure in measured
    ]
    bold = "**" if min(figure.volumes for _, figure in measured) >= FEWEST else ""
    return (
        f"{bold}{name} reached {' and '.join(figures)}{bold}, on {volumes(comparison)}; there is "
        "no other class to compare with."
    )


def _clause(run: Run, comparison: Comparison, name: str) -> Clause:
    """Its limit, and the largest difference, in bold where most figures differ; or that none do."""
    me, reference = markdown(name), markdown(comparison.classes[0])
    position = comparison.classes.index(name)
    pairs = [(row, row.cells[position]) for row in comparison.rows]
    compared = [(row, cell) for row, cell in pairs if cell.ratio]
    judged = [(row, cell) for row, cell in compared if cell.ratio and cell.ratio.word]
    if not compared:
        return Clause(0, f"{me} cannot be compared with {reference}{_why_not(pairs)}")
    if not judged:
        few = f", on {volumes(comparison)}: {FEW}"
        return Clause(0, _unjudged(compared, me, reference) + few)
    limited = _limited(run, comparison, position, len(compared))
    at_limit = _limited(run, comparison, 0, len(compared))
    reference_too = f"; {reference} is {at_limit}" if at_limit else ""
    different = [(row, cell) for row, cell in judged if differs(cell)]
    if not different:
        own = f"; {me} is {limited}" if limited else ""
        both = _alike(compared, comparison, f"{me} and {reference} are")
        return Clause(1, both + own + reference_too)
    free = [p for p in different if not p[1].at_limit and not p[0].cells[0].at_limit]
    size, text = _largest(free or different, reference)
    most = len(different) * 2 >= len(compared)
    bold = "**" if most else ""
    before = " and ".join(filter(None, [limited, "" if most else _equal(compared, comparison)]))
    said = f"{me} is {before}, and {bold}{text}{bold}" if before else f"{bold}{me} is {text}{bold}"
    equal = [pair for pair in judged if most and _is_equal(*pair)]
    extent = tally([*different, *equal], comparison.margin_percent)
    of = "" if before else f" of {_figures(compared)}"
    return Clause(size, f"{said} ({extent}{of}){_open(compared, comparison)}{reference_too}")


def _alike(compared: list[Pair], comparison: Comparison, both: str) -> str:
    """Of two classes that differ in no figure: in how many they are equal, if in any."""
    if not (equal := _equal(compared, comparison)):
        would = _would_decide(compared)
        return f"{both} not told apart in any of {_figures(compared)}{would}"
    margin, _, many = equal.partition(" in ")
    return f"**{both} {margin}** in {many}{_open(compared, comparison)}"


def _equal(compared: list[Pair], comparison: Comparison) -> str:
    """`equal within 10 % in 3 of 4 figures`; empty for none."""
    count = sum(_is_equal(row, cell) for row, cell in compared)
    within = f"equal within {comparison.margin_percent:g} %"
    return f"{within} in {_of(count, len(compared))}" if count else ""


def _is_equal(row: ComparisonRow, cell: Cell) -> bool:
    return word(row, cell) == "equal"


def _open(compared: list[Pair], comparison: Comparison) -> str:
    """Of how many figures the rounds cannot tell; empty for none."""
    count = sum(word(row, cell) == "open" for row, cell in compared)
    rounds = {3: "three"}.get(comparison.rounds, str(comparison.rounds))
    would = _would_decide(compared)
    return f"; {rounds} rounds cannot tell {_of(count, count)} apart{would}" if count else ""


def _would_decide(compared: list[Pair]) -> str:
    """How many rounds would decide half of the open figures; empty beyond MOST, and for none."""
    needed = sorted(
        cell.ratio.rounds or MOST + 1
        for row, cell in compared
        if cell.ratio and word(row, cell) == "open"
    )
    half = needed[(len(needed) - 1) // 2] if needed else MOST + 1
    return f" (about {half} rounds in all would decide half of them)" if half <= MOST else ""


def _unjudged(compared: list[Pair], me: str, reference: str) -> str:
    """The range of ratios of speed; a latency's is turned over, so that more is faster."""
    ratios = sorted(
        (cell.ratio.value if not row.figure.less_is_better else 1 / cell.ratio.value)
        for row, cell in compared
        if cell.ratio
    )
    ends = " to ".join(dict.fromkeys(factor(one) for one in (ratios[0], ratios[-1])))
    return f"{me} had {ends} the speed of {reference} in {_figures(compared)}"


def _limited(run: Run, comparison: Comparison, position: int, figures: int) -> str:
    """That a class is at a limit that it names, and in how many figures; empty if it is not."""
    name = comparison.classes[position]
    at = sum(row.cells[position].at_limit for row in comparison.rows)
    limits = [limits_of(row) for row in run.classes if row["storage_class"] == name]
    if not at or not limits:
        return ""
    return f"at its limit ({limit_words(limits[0])}) in {_of(at, figures)}"


def _of(count: int, figures: int) -> str:
    """`2 of 4 figures`, `4 figures` for all of them."""
    plural = "" if figures == 1 else "s"
    return (
        f"{figures} figure{plural}" if count == figures else f"{count} of {figures} figure{plural}"
    )


def _why_not(pairs: list[Pair]) -> str:
    failures = [failure for _, cell in pairs for failure in cell.failures]
    return (
        f": {markdown(three_words(failures[0].error))}"
        if failures
        else ": a figure is missing or zero"
    )


def _largest(pairs: list[Pair], reference: str) -> tuple[float, str]:
    """The largest sure factor: `at least 6.1× slower than local-path at 4K random reads`.

    Its bound holds for all ratios of the table at once, so that choosing the largest is no luck.
    """
    size, row, cell = max(
        ((_sure(cell), row, cell) for row, cell in pairs), key=lambda candidate: candidate[0]
    )
    way = "slower" if slower(row, cell) else "faster"
    least = f"at least {factor(size)} " if size >= WORTH else ""
    return size, f"{least}{way} than {reference} at {markdown(activity(row))}"


def _sure(cell: Cell) -> float:
    """The bound nearest 1 as a factor of 1 or more; rounded down to what is printed of it."""
    bound = cell.ratio.sure if cell.ratio and cell.ratio.sure else 1.0
    size = max(bound, 1 / bound)
    step = 0.01 if size < 2 else 10 ** (floor(log10(size)) - 1)
    return floor(size / step + TINY) * step


def _figures(compared: list[Pair]) -> str:
    return _of(len(compared), len(compared))


def _completeness(run: Run, comparison: Comparison, survival: Survival | None) -> str:
    counts = [_storms(run, survival)] if survival else []
    if run.facts["cells_planned"] or run.fio or not survival:
        counts.insert(0, _cells(run, comparison))
    if number := len(by_kind(comparison.caveats)):
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
        return f"all {planned} fio jobs were measured"
    missing = {"failed": failed, "not run": planned - measured - failed}
    said = [f"{count} of {planned} fio jobs {what}" for what, count in missing.items() if count]
    return f"{', '.join(said)}{_reasons(comparison)}"


def _storms(run: Run, survival: Survival) -> str:
    offered = sum(row["status"] != NOT_OFFERED for row in run.storms)
    planned = max((run.facts["storms_planned"] or 0) - len(run.storms) + offered, offered)
    missing: dict[str, int] = {}
    for gap in survival.gaps:
        missing[gap.status] = missing.get(gap.status, 0) + len(gap.cells)
    if not missing:
        return (
            f"all {planned} storms on volumes were measured"
            if planned > 1
            else "the storm was measured"
        )
    measured = planned - sum(missing.values())
    said = [f"{count} {what}" for what, count in missing.items()]
    return f"{measured} of {planned} storms on volumes measured, {', '.join(said)}"


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
