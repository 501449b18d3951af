"""Which class fits which workload, by the thresholds that `workloads.yaml` states."""

from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reports.data.load import Row, Run
from reports.decision.fate import MEASURED, NOT_OFFERED, fate_of, records_in_words
from reports.decision.figures import (
    KINDS,
    PROVISIONING,
    Verdict,
    against,
    classes_of,
    far_from,
    figure_of,
    in_words,
)

STATED = Path(__file__).parent / "workloads.yaml"
SHARED_MODE = "ReadWriteMany"


class Fit(Enum):
    """What is said of a class for a workload."""

    YES = "fits"
    NO = "does not fit"
    UNKNOWN = "not known"


class Need(NamedTuple):
    """One need of a workload, and how a class meets it."""

    fit: Fit
    words: str


class Cell(NamedTuple):
    """A class for a workload: the verdict, and the figures behind it."""

    fit: Fit
    words: str


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
    for fit in (Fit.NO, Fit.UNKNOWN):
        if said := [need.words for need in needs if need.fit is fit]:
            return Cell(fit, ", ".join(said))
    return Cell(Fit.YES, ", ".join(need.words for need in needs if need.words))


def _needs(run: Run, name: str, row: dict[str, Any]) -> list[Need]:
    shared = bool(row.get("shared"))
    found = [_sharing(run, name)] if shared else []
    found += [_figure(run, name, need) for need in row.get("needs", [])]
    if row.get("records") == "kept" and not (shared and found[0].fit is Fit.NO):
        found.append(_records(run, name, shared=shared))
    return found


def _figure(run: Run, name: str, need: dict[str, Any]) -> Need:
    kind = KINDS[need["figure"]]
    figure = figure_of(run, name, need["figure"], _blocks(need))
    if need["figure"] == PROVISIONING and (error := _unusable(run, name)):
        return Need(Fit.NO, f"{kind.label}: {error}")
    if figure is None:
        return Need(Fit.UNKNOWN, f"{kind.label} was not measured")
    value = float(need["at_most"] if "at_most" in need else need["at_least"])
    verdict = far_from(figure, value) if figure.of_few else against(figure, value)
    fit = {Verdict.MET: Fit.YES, Verdict.NOT_MET: Fit.NO}.get(verdict, Fit.UNKNOWN)
    seen = figure.words if fit is Fit.UNKNOWN else kind.words(figure.value)
    few = f", {figure.of_few}" if figure.of_few else ""
    return Need(fit, f"{kind.label} {seen} ({threshold(need)}{few})")


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
