"""What a run has measured so far, and how it stands; saved again after each step."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from tasks import results
from tasks.run import Run

Rows = list[dict[str, Any]]


@dataclass
class Record:
    """The rows of a run. `step` is where it is, or where it stopped."""

    run: Run
    flow: str
    classes: Rows
    nodes: Rows
    kubernetes_version: str
    volumes: Rows = field(default_factory=list)
    fio: Rows = field(default_factory=list)
    fio_version: str | None = None
    step: str = "start"

    @property
    def cells_planned(self) -> int:
        """Cells of the plan: class × job × repeat."""
        return len(self.classes) * self.run.plan.repeats * len(self.run.workload.jobs)

    def failures(self) -> list[str]:
        """One sentence for each failed cell: class, job, repeat, reason."""
        return [
            f"{row['storage_class']} {row['job']} repeat {row['repeat']}: {row['error']}"
            for row in self.fio
            if row["status"] == "failed"
        ]


def save(record: Record, outcome: str, error: str | None = None) -> None:
    """Write every table of the run; a later save replaces an earlier one."""
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
        "cluster": record.run.cluster.name,
        "namespace": plan.namespace,
        "kubernetes_version": record.kubernetes_version,
        "stormark_version": version("stormark"),
        "fio_version": record.fio_version,
        "image": plan.image,
        "nodes": record.nodes,
        "warnings": [],
        "plan": plan.model_dump_json(),
    }
    tables = {"runs": [about], "classes": record.classes, "volumes": record.volumes}
    for table, rows in (tables | {"fio": record.fio}).items():
        results.write_table(plan.results, table, record.run.run_id, record.run.started_at, rows)


def summary(record: Record) -> str | None:
    """What failed, in a sentence; None when nothing did."""
    failures = record.failures()
    if not failures:
        return None
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{len(failures)} of {record.cells_planned} cells failed: {failures[0]}{more}"


def outcome_of(record: Record) -> str:
    """Return `complete` when every planned cell has a figure, else `incomplete`."""
    measured = sum(row["status"] == "measured" for row in record.fio)
    return "complete" if measured == record.cells_planned else "incomplete"
