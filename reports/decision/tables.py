"""The decision as markdown: which class fits what, and whether it holds what was promised."""

from collections.abc import Iterable, Mapping

from reports.data.load import Run
from reports.data.proof import Proof
from reports.decision.basis import basis, has_few_volumes, untested
from reports.decision.fate import (
    fate_of,
    fsync_in_words,
    node_in_words,
    node_storms,
    records_in_words,
)
from reports.decision.figures import KINDS, LONG, classes_of
from reports.decision.references import Held, Share
from reports.decision.requirements import Judged, counted, unmet
from reports.decision.verdicts import Verdict
from reports.decision.workloads import Cell, Fit, Workload, stated, threshold
from reports.text.markdown import Markdown, markdown, table
from reports.text.units import factor

TextRow = dict[str, str]
TIMES = 9.99  # from here on a share is said as a factor
BOLD = f"In bold is what rests on three volumes, on jobs of {LONG:g} s or more, and no warning."
AWAY = {
    "drain": "is drained",
    "node-crash": "dies",
    "node-partition": "is cut off",
    "node-lost": "is lost",
}
NOT_IN_QUICK = {"commit_p99_seconds": "commits", "read_p99_seconds": "read latency"}
FEW = "Of fewer than three volumes no figure decides: it takes three rounds."


def decision_table(
    run: Run, workloads: tuple[Workload, ...], proved: Mapping[str, Proof]
) -> Markdown:
    """A row a workload, a column a class, and what storms did to its data; empty for no class."""
    if not (names := classes_of(run)):
        return Markdown()
    rows = [[row.name, *(_cell(cell) for cell in row.cells)] for row in workloads]
    kept = [records_in_words(fate_of(run, name, shared=False)) for name in names]
    gone = [node_in_words(run, name) or "not known: no node was taken away" for name in names]
    storms = node_storms(run, names)
    when = " or ".join(AWAY[storm] for storm in storms or ["drain"])
    more = [
        ["acknowledged records", *(words or "not known: no storm was run" for words in kept)],
        ["fsync", *(fsync_in_words(proved.get(name)) for name in names)],
        [f"when its node {when}", *gone],
    ]
    return table(["for", *names], [*rows, *more])


def _cell(cell: Cell) -> Markdown:
    """A verdict in bold is sure: of three volumes, and no warning touches it."""
    bold = "**" if cell.sure and cell.fit is not Fit.UNKNOWN else ""
    mark = " [⚠](#warnings)" if cell.warned else ""
    return Markdown(f"{bold}{cell.fit.value}{bold}{mark}: {markdown(cell.words)}")


def remarks(run: Run, workloads: tuple[Workload, ...]) -> Markdown:
    """What bold is, where not all is; and which profile measures what a quick run does not."""
    cells = [cell for row in workloads for cell in row.cells]
    missing = {name for cell in cells for name in cell.missing}
    unknown = [words for name, words in NOT_IN_QUICK.items() if name in missing]
    quick = run.plan.get("profile") == "quick" and not run.plan.get("fio_file")
    known = [cell.sure for cell in cells if cell.fit is not Fit.UNKNOWN]
    said = [
        "" if all(known) else BOLD if any(known) else _nothing_bold(run),
        f"Profile quick measures no {' and no '.join(unknown)}; `--profile standard` does."
        if quick and unknown
        else "",
    ]
    return Markdown(" ".join(filter(None, said)))


def _nothing_bold(run: Run) -> str:
    """Why no verdict is in bold."""
    longest = max((row["runtime_seconds"] or 0 for row in run.fio), default=0)
    why = (
        f"no job ran for {LONG:g} s" if longest < LONG else "each rests on a figure with a warning"
    )
    return f"Nothing here is bold: {why}. Take it as a first look."


def basis_line(run: Run, proved: Mapping[str, Proof]) -> Markdown:
    """On what the decision rests, and what was not tested."""
    found = untested(run, proved)
    few = f" {markdown(FEW)}" if has_few_volumes(run) else ""
    return Markdown(
        f"Measured: {markdown(basis(run))}.{few} "
        f"**Not tested**: {markdown(', '.join(found[:-1]))} and {markdown(found[-1])}."
    )


def needs_table() -> Markdown:
    """The thresholds, what they mean, and who says so."""
    rows = [
        [
            row["workload"],
            f"{KINDS[need['figure']].label} {threshold(need)}",
            need["why"],
            _source(need.get("source", ""), need.get("read_on", "")),
        ]
        for row in stated()
        for need in row.get("needs", [])
    ]
    return table(["for", "needs", "why", "source"], rows)


def _source(source: str, read_on: str) -> Markdown:
    if not source:
        return Markdown("stormark's own")
    read = f", read on {read_on}" if read_on else ""
    link = f"<{source}>" if source.startswith("https://") else markdown(source)
    return Markdown(f"{link}{read}")


def requirement_rows(judged: tuple[Judged, ...]) -> list[TextRow]:
    """A row a requirement, as plain text."""
    return [
        {
            "class": one.storage_class,
            "requirement": one.requirement,
            "demanded": one.demanded,
            "measured": one.seen,
            "verdict": one.verdict.value,
        }
        for one in judged
    ]


def requirements_table(judged: tuple[Judged, ...]) -> Markdown:
    """The plan's requirements, and whether each is met; empty where it has none."""
    rows = [list(row.values()) for row in requirement_rows(judged)]
    for row, one in zip(rows, judged, strict=True):
        row[-1] = Markdown(f"**{row[-1]}**" if one.verdict is Verdict.NOT_MET else row[-1])
    header = ["class", "requirement", "demanded", "measured", "verdict"]
    return table(header, rows) if rows else Markdown()


def requirements_line(judged: tuple[Judged, ...]) -> Markdown:
    """How many requirements are met, are not, and are open; empty where there is none."""
    text = counted(judged)
    said = f"{text[:1].upper()}{text[1:]}." if text else ""
    return Markdown(f"**{said}**" if unmet(judged) else said)


def reference_lines(found: Iterable[Held]) -> list[Markdown]:
    """A sentence for each class and specification: each figure's share, where it compares."""
    return [_held(one) for one in found]


def _held(one: Held) -> Markdown:
    about = one.specification
    shares = "; ".join(markdown(_share(share)) for share in one.shares)
    nothing = "no job ran under its conditions"
    note = f" {markdown(about.note)}" if about.note else ""
    return Markdown(
        f"**{markdown(one.storage_class)}** against {markdown(about.title)} "
        f"({_source(about.source, about.read_on)}): {shares or nothing}.{note}"
    )


def _share(share: Share) -> str:
    at_limit = ", at its limit" if share.at_its_limit else ""
    if share.share >= TIMES:
        return f"{share.job} {factor(share.share)} the promised {share.promised}"
    return f"{share.job} {share.share * 100:,.3g} % of {share.promised}{at_limit}"
