"""What a run has measured so far, and how it stands; saved again after each step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from threading import RLock
from typing import Any

from tasks.lifecycle.part import Cell, Part
from tasks.lifecycle.run import Run
from tasks.results.checks import Check
from tasks.results.run_columns import ClassRow, Node, RunRow
from tasks.results.sink import Sink
from tasks.results.store import ResultsError

RUNNING = "running"
NOT_WRITTEN = "for a while nothing that was measured could be written: "


@dataclass
class Record:
    """The rows of a run. `step` is where it is, or where it stopped.

    A part is among `parts` once its cells are planned. Threads append rows; one saves at a time.
    """

    run: Run
    flow: str
    classes: list[ClassRow]
    nodes: list[Node]
    kubernetes_version: str
    checks: list[Check] = field(default_factory=list)
    sink: Sink = field(default_factory=Sink)
    parts: list[Part[Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    step: str = "start"
    outcome: str = RUNNING
    saving: RLock = field(default_factory=RLock)
    unsaved: bool = False

    def cells(self) -> list[tuple[Part[Any], Cell]]:
        """Every cell that has come to an end, beside its part."""
        return [(part, cell) for part in self.parts for cell in self.sink.rows(part.cell)]

    def failures(self) -> list[str]:
        """One sentence for each failed cell: what it was, and why there is no figure."""
        return [
            f"{part.named(cell)}: {cell.error}"
            for part, cell in self.cells()
            if cell.status == "failed"
        ]


def save(record: Record, outcome: str, error: str | None = None) -> None:
    """Write every table of the run that has changed since it was written; the whole of it.

    The table `runs` is the last: whoever finds a run there finds its rows. Raises ResultsError.
    """
    with record.saving:
        record.outcome = outcome
        _save(record, outcome, error)


def save_so_far(record: Record, warn: Callable[[str], object]) -> None:
    """Write what there is while the run goes on; where that fails, `warn` is told, once.

    All rows are in the next save. Nobody waits for a slow one: while another thread saves, that one
    saves again. What has ended is not written as running.
    """
    record.unsaved = True
    while record.unsaved and record.saving.acquire(blocking=False):
        try:
            record.unsaved = False
            if record.outcome == RUNNING:
                _save(record, RUNNING, None)
        except ResultsError as error:
            _warn_once(record, error, warn)
        finally:
            record.saving.release()


def _warn_once(record: Record, error: ResultsError, warn: Callable[[str], object]) -> None:
    if not any(said.startswith(NOT_WRITTEN) for said in record.warnings):
        record.warnings.append(f"{NOT_WRITTEN}{error}")
        warn(f"it is tried again after the next cell: {error}")


def _save(record: Record, outcome: str, error: str | None) -> None:
    run = record.run
    with record.sink.changing:  # so that the counts are of these rows
        about = _about(record, outcome, error)
        tables = record.sink.tables(*record.classes, *record.checks, about)
    record.sink.flush(tables, run.plan.results, run.run_id, run.started_at)


def _about(record: Record, outcome: str, error: str | None) -> RunRow:
    """The run's own row, as it is now."""
    plan = record.run.plan
    images = sorted(record.sink.values("image_id") - {""})
    row = RunRow(
        flow=record.flow,
        started_at=record.run.started_at,
        ended_at=datetime.now(UTC),
        outcome=outcome,
        stopped_at=record.step if outcome in ("failed", "cancelled") else None,
        error=error,
        cluster=record.run.cluster.name,
        namespace=record.run.cluster.namespace,
        kubernetes_version=record.kubernetes_version,
        stormark_version=version("stormark"),
        image=plan.image,
        image_ids=tuple(images),
        nodes=tuple(record.nodes),
        warnings=(*record.warnings, *_several_images(images, plan.image)),
        plan=plan.model_dump_json(),
    )
    for part in record.parts:
        row = part.told(row, record.sink.rows(part.cell))
    return row


def _several_images(ran: list[str], image: str) -> list[str]:
    """A warning where nodes ran different images under one name, so different fios it may be."""
    if len(ran) < 2:
        return []
    return [
        f"nodes ran {len(ran)} images under the name {image}: {', '.join(ran)}. Name it by its "
        "digest in plan field image"
    ]


def counted(record: Record) -> str:
    """How many cells have a figure or a verdict, and how many none could be had of."""
    statuses = [cell.status for _, cell in record.cells()]
    skipped = statuses.count("skipped") + statuses.count("not offered")
    words = f"{statuses.count('measured')} cells measured"
    return f"{words}, {skipped} skipped" if skipped else words


def summary(record: Record) -> str | None:
    """What failed or is missing, in a sentence; None when every planned cell is there."""
    failures = record.failures()
    planned = sum(part.planned for part in record.parts)
    missing = planned - len(record.cells())
    if not failures:
        return f"{missing} of {planned} cells are missing" if missing else None
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{len(failures)} of {planned} cells failed: {failures[0]}{more}"


def outcome_of(record: Record) -> str:
    """Return `complete` when every planned cell is there and none failed, else `incomplete`."""
    return "complete" if summary(record) is None else "incomplete"
