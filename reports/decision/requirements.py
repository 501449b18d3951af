"""What the plan demands of each class, judged by what was measured."""

from collections.abc import Iterable
from typing import NamedTuple

from reports.data.load import Row, Run
from reports.data.proof import faults
from reports.decision.fate import WITH_ITS_NODE, fate_of, records_in_words
from reports.decision.figures import PROVISIONING, classes_of, figures_of, in_words
from reports.decision.verdicts import Verdict, decisive, took_longer
from reports.text.units import tenths

EVERY_CLASS = "*"
RECOVERY, RECORDS = "max_recovery_seconds", "no_lost_records"


class Judged(NamedTuple):
    """A requirement of a class: what was demanded, what was seen, and whether it is met."""

    storage_class: str
    requirement: str
    demanded: str
    seen: str
    verdict: Verdict


def judge(run: Run) -> tuple[Judged, ...]:
    """Every requirement of the run's plan, class by class; of a class that is not there it is open.

    What a class's own requirements leave empty is that of `*`; false excuses it from one.
    """
    demands = run.plan.get("requirements") or {}
    named = [name for name in demands if name != EVERY_CLASS]
    found = []
    for name in dict.fromkeys([*classes_of(run), *named]):
        own = demands.get(name) or {}
        wanted = dict(demands.get(EVERY_CLASS) or {})
        wanted |= {field: value for field, value in own.items() if value is not None}
        found += [_judged(run, name, field, value) for field, value in wanted.items() if value]
    return tuple(found)


def counted(judged: tuple[Judged, ...]) -> str:
    """How many requirements are met, are not, and are open; empty where the plan has none."""
    counts = {verdict: sum(one.verdict is verdict for one in judged) for verdict in Verdict}
    said = [
        f"{counts[verdict]} {words}"
        for verdict, words in (
            (Verdict.NOT_MET, "not met"),
            (Verdict.OPEN, "open"),
            (Verdict.MET, "met"),
        )
        if counts[verdict]
    ]
    many = "" if len(judged) == 1 else "s"
    return f"of {len(judged)} requirement{many} {', '.join(said)}" if judged else ""


def unmet(judged: tuple[Judged, ...]) -> str:
    """The requirements that are surely not met, in a sentence; empty where none failed."""
    failed = [
        f"{one.storage_class} {one.requirement} {one.demanded}: {one.seen}"
        for one in judged
        if one.verdict is Verdict.NOT_MET
    ]
    return f"{counted(judged)}: {'; '.join(failed)}" if failed else ""


def _judged(run: Run, name: str, field: str, value: float) -> Judged:
    if field == RECORDS:
        return Judged(name, field, "none", *_records(run, name))
    if field == RECOVERY:
        return Judged(name, field, tenths(value), *_recovery(run, name, value))
    kind_name = field.split("_", 1)[1]
    if kind_name == PROVISIONING and (error := _unusable(run, name)):
        return Judged(name, field, tenths(value), error, Verdict.NOT_MET)
    demanded = in_words(kind_name, value)
    decided = decisive(figures_of(run, name, kind_name), value)
    if decided is None:
        return Judged(name, field, demanded, "not measured", Verdict.OPEN)
    figure, verdict = decided
    why = figure.doubt if verdict is Verdict.OPEN else ""
    said = took_longer(figure, value) or figure.words
    seen = ", ".join(filter(None, [said, figure.of_few, why]))
    return Judged(name, field, demanded, seen, verdict)


def _unusable(run: Run, name: str) -> str:
    errors = [v["error"] for v in run.volumes if v["storage_class"] == name and v["error"]]
    return f"a volume could not be used: {errors[0]}" if errors else ""


def _records(run: Run, name: str) -> tuple[str, Verdict]:
    """By every round; how many faults that were says how much a pass is worth."""
    fate = fate_of(run, name)
    if fate.lossy:
        many = f"in {len(faults(fate.lossy))} of {_faults(fate.measured)}"
        return f"{records_in_words(fate)}, {many}", Verdict.NOT_MET
    if fate.unread or not fate.measured:
        return records_in_words(fate) or "no storm was measured", Verdict.OPEN
    return f"lost in 0 of {_faults(fate.measured)}", Verdict.MET


def _faults(rows: Iterable[Row]) -> str:
    count = len(faults(rows))
    return f"{count} fault{'' if count == 1 else 's'}"


def _recovery(run: Run, name: str, limit: float) -> tuple[str, Verdict]:
    """By the worst round: one that never came back, or only with its node, is past any limit."""
    fate = fate_of(run, name)
    for place in ("never", *WITH_ITS_NODE):
        for row in fate.measured:
            if row["came_back"] == place:
                words = "never" if place == "never" else "only with its node"
                return f"came back {words} ({row['storm']})", Verdict.NOT_MET
    known = [row for row in fate.measured if row["recovery_seconds"] is not None]
    if not known:
        return "no storm was measured", Verdict.OPEN
    worst = max(known, key=lambda row: row["recovery_seconds"])
    words = (
        f"{tenths(worst['recovery_seconds'])} at most, in {_faults(fate.measured)} "
        f"({worst['storm']})"
    )
    if worst["recovery_seconds"] > limit:
        return words, Verdict.NOT_MET
    return words, Verdict.OPEN if fate.failed else Verdict.MET
