"""Which class fits which workload, by the thresholds that `workloads.yaml` states."""

from dataclasses import replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reports.data.load import Row, Run
from reports.decision.fate import MEASURED, NOT_OFFERED, fate_of, records_in_words
from reports.decision.figures import KINDS, PROVISIONING, classes_of, figures_of, in_words
from reports.decision.verdicts import Verdict, against, decisive, took_longer

STATED = Path(__file__).parent / "workloads.yaml"
SHARED_MODE = "ReadWriteMany"


class Fit(Enum):
    """What is said of a class for a workload."""

    YES = "fits"
    NO = "does not fit"
    UNKNOWN = "not known"


FITS = {Verdict.MET: Fit.YES, Verdict.NOT_MET: Fit.NO, Verdict.OPEN: Fit.UNKNOWN}


class Need(NamedTuple):
    """One need of a workload, and how a class meets it.

    It is `sure` where it rests on three volumes and no warning, `warned` where one touches it;
    `missing` is the figure that was not measured.
    """

    fit: Fit
    words: str
    sure: bool = True
    warned: bool = False
    missing: str = ""


class Cell(NamedTuple):
    """A class for a workload: the verdict, and the figures behind it, as a Need has them."""

    fit: Fit
    words: str
    sure: bool
    warned: bool
    missing: tuple[str, ...]


class Workload(NamedTuple):
    """A row of the decision table: a cell for each class, and what the workload needs."""

    name: str
    cells: tuple[Cell, ...]
    needs: list[dict[str, Any]]


def decide(run: Run) -> tuple[Workload, ...]:
    """Every workload of `workloads.yaml`, with a cell for each of the run's classes."""
    return tuple(
        Workload(
            row["workload"],
            tuple(_cell([*_needs(run, name, row)]) for name in classes_of(run)),
            row.get("needs", []),
        )
        for row in stated()
    )


@cache
def stated() -> list[dict[str, Any]]:
    """The workloads as the file has them."""
    rows: list[dict[str, Any]] = yaml.safe_load(STATED.read_text())
    return rows


def threshold(need: dict[str, Any]) -> str:
    """A threshold in words, such as `≤ 10 ms`."""
    sign, value = ("≤", need["at_most"]) if "at_most" in need else ("≥", need["at_least"])
    return f"{sign} {in_words(need['figure'], float(value))}"


def _cell(needs: list[Need]) -> Cell:
    """One need that is not met decides, then one that is not known; else all that is known."""
    fits = [need.fit for need in needs]
    fit = next((fit for fit in (Fit.NO, Fit.UNKNOWN) if fit in fits), Fit.YES)
    said = [need for need in needs if need.fit is fit]
    # One sure reason is enough to be no fit; to fit, each has to be sure.
    sure = any(need.sure for need in said) if fit is Fit.NO else all(need.sure for need in said)
    return Cell(
        fit,
        ", ".join(dict.fromkeys(need.words for need in said if need.words)),
        sure,
        any(need.warned for need in said),
        tuple(need.missing for need in said if need.missing),
    )


def _needs(run: Run, name: str, row: dict[str, Any]) -> list[Need]:
    shared = bool(row.get("shared"))
    found = [_sharing(run, name)] if shared else []
    found += [_figure(run, name, need) for need in row.get("needs", [])]
    if row.get("records") == "kept" and not (shared and found[0].fit is Fit.NO):
        found.append(_records(run, name, shared=shared))
    return found


def _figure(run: Run, name: str, need: dict[str, Any]) -> Need:
    kind = KINDS[need["figure"]]
    value = float(need["at_most"] if "at_most" in need else need["at_least"])
    figures = figures_of(run, name, need["figure"], _blocks(need))
    decided = decisive(figures, value)
    if need["figure"] == PROVISIONING and (error := _unusable(run, name)):
        return Need(Fit.NO, f"{kind.label}: {error}")
    if decided is None:
        words = f"{kind.label} was not measured"
        return Need(Fit.UNKNOWN, words, missing=need["figure"])
    figure, verdict = decided
    fit = FITS[verdict]
    sure, warned = not (figure.basis or figure.warned), figure.warned or bool(figure.doubt)
    doubtful = replace(figure, doubt="")
    if fit is Fit.UNKNOWN and against(doubtful, value) is Verdict.MET:
        return Need(fit, figure.doubt, sure, warned)
    words = figure.words if fit is Fit.UNKNOWN else kind.words(figure.value)
    seen = took_longer(figure, value) or words
    said = ", ".join(filter(None, [threshold(need), figure.basis]))
    return Need(fit, f"{kind.label} {seen} ({said})", sure, warned)


def _unusable(run: Run, name: str) -> str:
    failed = any(v["storage_class"] == name and v["error"] for v in run.volumes)
    return "a volume could not be used" if failed else ""


def _blocks(need: dict[str, Any]) -> tuple[int, int | None] | None:
    bounds = need.get("block_bytes")
    return (bounds[0], bounds[1]) if bounds else None


def _records(run: Run, name: str, *, shared: bool) -> Need:
    """Whether records were kept: a loss decides; where nothing was broken, that is said."""
    fate = fate_of(run, name, shared=shared)
    words = records_in_words(fate)
    if fate.lossy:
        return Need(Fit.NO, words)
    if fate.unread:
        return Need(Fit.UNKNOWN, words)
    if words and not shared:  # a row of the table says it once for all workloads
        return Need(Fit.YES, "")
    return Need(Fit.YES, words or "speed alone")


def _sharing(run: Run, name: str) -> Need:
    """Whether the class gave a volume that pods on several nodes may share."""
    given = [v for v in run.volumes if v["storage_class"] == name and not v["error"]]
    rows = [*given, *(row for row in run.storms if _is_of(row, name))]
    if any(row["access_mode"] == SHARED_MODE for row in rows):
        return Need(Fit.YES, SHARED_MODE)
    if any(row["storage_class"] == name and row["status"] == NOT_OFFERED for row in run.storms):
        return Need(Fit.NO, f"no {SHARED_MODE}")
    return Need(Fit.UNKNOWN, f"no {SHARED_MODE} volume was asked for")


def _is_of(row: Row, name: str) -> bool:
    return bool(row["storage_class"] == name and row["status"] == MEASURED)
