"""What a run has measured so far, and how it stands; saved again after each step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from threading import RLock
from typing import Any

from tasks.lifecycle.run import Run
from tasks.results import store
from tasks.results.checks import Check
from tasks.results.store import ResultsError

RUNNING = "running"
NOT_WRITTEN = "for a while nothing that was measured could be written: "
Rows = list[dict[str, Any]]


@dataclass
class Record:
    """The rows of a run. `step` is where it is, or where it stopped.

    Threads that add rows hold `changing`, for no longer than that; one of them saves at a time.
    """

    run: Run
    flow: str
    classes: Rows
    nodes: Rows
    kubernetes_version: str
    checks: list[Check] = field(default_factory=list)
    volumes: Rows = field(default_factory=list)
    fio: Rows = field(default_factory=list)
    fio_seconds: Rows = field(default_factory=list)
    node_seconds: Rows = field(default_factory=list)
    storms: Rows = field(default_factory=list)
    storm_events: Rows = field(default_factory=list)
    fio_version: str | None = None
    cells_planned: int = 0
    storm_volumes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    step: str = "start"
    outcome: str = RUNNING
    changing: RLock = field(default_factory=RLock)  # re-entrant: an interrupt may have kept one
    saving: RLock = field(default_factory=RLock)
    unsaved: bool = False
    written: dict[str, Rows] = field(default_factory=dict)  # as it lies there, by table

    @property
    def storms_planned(self) -> int:
        """How many storm cells the plan has: volume × storm × round."""
        plan = self.run.plan
        return len(self.storm_volumes) * len(plan.storms) * plan.storm_rounds

    def failures(self) -> list[str]:
        """One sentence for each failed cell: what it was, and why there is no figure."""
        return [
            f"{row['storage_class']} {row['job']} round {row['round'] or row['repeat']}: "
            f"{row['error']}"
            for row in self.fio
            if row["status"] == "failed"
        ] + [
            f"{row['storm']} on {row['volume']} round {row['round']}: {row['error']}"
            for row in self.storms
            if row["status"] == "failed"
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
    with record.changing:
        tables = _tables(record, outcome, error)
    run = record.run
    for table, rows in tables.items():
        now = [dict(row) for row in rows]  # a row may still be filled in
        if record.written.pop(table, None) != now:
            store.write_table(run.plan.results, table, run.run_id, run.started_at, now)
        record.written[table] = now


def _tables(record: Record, outcome: str, error: str | None) -> dict[str, Rows]:
    """Every table's rows as they are now."""
    measured = sum(row["status"] == "measured" for row in record.fio)
    plan = record.run.plan
    about = {
        "flow": record.flow,
        "started_at": record.run.started_at,
        "ended_at": datetime.now(UTC),
        "outcome": outcome,
        "stopped_at": record.step if outcome in ("failed", "cancelled") else None,
        "error": error,
        "cells_planned": record.cells_planned,
        "cells_measured": measured,
        "cells_failed": len(record.fio) - measured,
        "storms_planned": record.storms_planned,
        "storms_measured": sum(row["status"] != "failed" for row in record.storms),
        "storm_volumes": record.storm_volumes,
        "cluster": record.run.cluster.name,
        "namespace": record.run.cluster.namespace,
        "kubernetes_version": record.kubernetes_version,
        "stormark_version": version("stormark"),
        "fio_version": record.fio_version,
        "image": plan.image,
        "image_ids": image_ids(record),
        "nodes": record.nodes,
        "warnings": record.warnings + _several_images(record),
        "plan": plan.model_dump_json(),
    }
    return {
        "classes": list(record.classes),
        "volumes": list(record.volumes),
        "checks": [check.row() for check in record.checks],
        "fio": list(record.fio),
        "fio_seconds": list(record.fio_seconds),
        "node_seconds": list(record.node_seconds),
        "storms": list(record.storms),
        "storm_events": list(record.storm_events),
        "runs": [about],
    }


def image_ids(record: Record) -> list[str]:
    """What nodes ran under the name of the plan's image, each once."""
    rows = record.volumes + record.storms
    return sorted({row["image_id"] for row in rows if row.get("image_id")})


def _several_images(record: Record) -> list[str]:
    """A warning where nodes ran different images under one name, so different fios it may be."""
    if len(ran := image_ids(record)) < 2:
        return []
    image = record.run.plan.image
    return [
        f"nodes ran {len(ran)} images under the name {image}: {', '.join(ran)}. Name it by its "
        "digest in plan field image"
    ]


def counted(record: Record) -> str:
    """How many cells have a figure or a verdict, and how many none could be had of."""
    statuses = [row["status"] for row in record.fio + record.storms]
    skipped = statuses.count("skipped") + statuses.count("not offered")
    words = f"{statuses.count('measured')} cells measured"
    return f"{words}, {skipped} skipped" if skipped else words


def summary(record: Record) -> str | None:
    """What failed or is missing, in a sentence; None when every planned cell is there."""
    failures = record.failures()
    planned = record.cells_planned + record.storms_planned
    missing = planned - len(record.fio) - len(record.storms)
    if not failures:
        return f"{missing} of {planned} cells are missing" if missing else None
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{len(failures)} of {planned} cells failed: {failures[0]}{more}"


def outcome_of(record: Record) -> str:
    """Return `complete` when every planned cell is there and none failed, else `incomplete`."""
    return "complete" if summary(record) is None else "incomplete"
