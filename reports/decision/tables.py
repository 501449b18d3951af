"""The decision as markdown: which class fits what, and whether it holds what was promised."""

from reports.data.load import Run
from reports.decision.basis import basis, has_few_volumes, untested
from reports.decision.fate import node_in_words
from reports.decision.figures import KINDS, Verdict, classes_of
from reports.decision.references import Held, Share
from reports.decision.requirements import Judged, counted, unmet
from reports.decision.workloads import Cell, Workload, stated, threshold
from reports.text.markdown import Markdown, markdown, table

TextRow = dict[str, str]
FEW = (
    "Of fewer than three volumes only what is at least twice as good as the threshold, or twice as "
    "bad, is decided."
)


def decision_table(run: Run, workloads: tuple[Workload, ...]) -> Markdown:
    """A row a workload, a column a class, and what happens when its node goes; empty for none."""
    if not (names := classes_of(run)):
        return Markdown()
    rows = [[row.name, *(_cell(cell) for cell in row.cells)] for row in workloads]
    gone = [node_in_words(run, name) or "not known: no node was taken away" for name in names]
    return table(["for", *names], [*rows, ["when its node goes", *gone]])


def _cell(cell: Cell) -> Markdown:
    return Markdown(f"**{cell.fit.value}**: {markdown(cell.words)}")


def basis_line(run: Run) -> Markdown:
    """On what the decision rests, and what was not tested."""
    found = untested(run)
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


def reference_lines(found: tuple[Held, ...]) -> list[Markdown]:
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
    return f"{share.job} {share.share * 100:,.3g} % of {share.promised}{at_limit}"
