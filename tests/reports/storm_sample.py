"""Runs with storms, as stormark leaves them in Parquet."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.results.store import write_table
from tests.reports.sample import RUN_ID, STARTED, Row, class_row, run_row, write_run

STORMS = ("container-restart", "pod-delete", "pod-kill", "drain")
KINDS = ("emptyDir", "hostPath-pinned", "hostPath", "local")
CLASSES = ("local-path", "nfs-client")
HOLD = 30.0
UNSCHEDULABLE = (
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match "
    "PersistentVolume's node affinity"
)
PREEMPTION = ". preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
TIED = "kubernetes.io/hostname In w2"
# What each volume does in a drain on a cluster that keeps its promises.
MOVES = ("emptyDir", "hostPath", "nfs-client")
PENDING = {
    "hostPath-pinned": "node selector",
    "local": "volume node affinity",
    "local-path": "volume node affinity",
}


def storm_row(volume: str, storm: str, number: int) -> Row:
    """A measured row in which everything went as Kubernetes promises."""
    replaced, drained = storm != "container-restart", storm == "drain"
    lost = (replaced and volume == "emptyDir") or (drained and volume == "hostPath")
    recovery = {"container-restart": 0.91, "pod-delete": 2.24, "pod-kill": 1.87, "drain": 3.42}
    row: Row = {
        "volume": volume, "storm": storm, "round": number, "status": "measured",
        "storage_class": volume if volume in CLASSES else None,
        "kept": not lost, "acknowledged_records": 1_240, "lost_records": 143 if lost else 0,
        "torn_records": 0, "unexpected_records": 1, "recovery_seconds": recovery[storm],
        "overlap_seconds": 0.0, "came_back": "same node", "node_before": "w2",
        "node_after": "w2", "verified_on": "w2", "fault_at": STARTED + timedelta(minutes=15),
        "writes_per_second": 9.97, "clock_error_seconds": 0.012, "container_started_seconds": 0.84,
    }  # fmt: skip
    if volume in CLASSES or volume == "local":
        row |= {"access_mode": "ReadWriteOnce", "pv_type": "nfs", "node_affinity": None}
    if volume in ("local", "local-path"):
        row |= {"pv_type": "local", "node_affinity": TIED}
    if replaced:
        row |= steps(recovery[storm])
    if drained:
        row |= {"hold_seconds": HOLD, "away_seconds": recovery[storm]}
        row |= {"came_back": "other node", "node_after": "w1", "verified_on": "w1"}
        row |= stays(PENDING[volume]) if volume in PENDING else {}
    return row


def steps(recovery: float) -> Row:
    return {
        "new_pod_created_seconds": 0.05, "scheduled_seconds": recovery * 0.1,
        "volume_ready_seconds": recovery * 0.6, "container_started_seconds": recovery * 0.9,
        "old_pod_gone_seconds": recovery * 1.2,
    }  # fmt: skip


def stays(reason: str) -> Row:
    """What changes in a drain when the pod waits for the uncordon."""
    return {
        "volume_ready_seconds": HOLD + 1.4, "container_started_seconds": HOLD + 1.9,
        "came_back": "after uncordon", "node_after": "w2", "verified_on": "w2",
        "recovery_seconds": HOLD + 2.1, "return_seconds": 2.1, "away_seconds": HOLD,
        "pending_reason": reason, "pending_message": UNSCHEDULABLE + PREEMPTION,
        "scheduled_seconds": HOLD + 0.2,
        "new_pod_created_seconds": 0.05, "old_pod_gone_seconds": 1.9,
    }  # fmt: skip


def never(row: Row) -> Row:
    """The same row when no record came within the limit."""
    return {
        key: value for key, value in row.items()
        if key not in ("recovery_seconds", "return_seconds", "container_started_seconds",
                       "volume_ready_seconds", "scheduled_seconds")
    } | {"came_back": "never", "node_after": None}  # fmt: skip


def without(row: Row, status: str, error: str) -> Row:
    """A row that was not measured."""
    known = {key: row[key] for key in ("volume", "storm", "round")}
    return known | {"status": status, "error": error}


def events_of(row: Row) -> list[Row]:
    """The events that belong to a measured row."""
    if row["status"] != "measured":
        return []
    at = {"fault": 0.0, "last record": -0.04, "first record": row.get("recovery_seconds")}
    for column, value in row.items():
        if column.endswith("_seconds") and column.split("_")[0] in (
            "old", "new", "scheduled", "volume", "container",
        ):  # fmt: skip
            at[column.removesuffix("_seconds").replace("_", " ")] = value
    if "hold_seconds" in row:
        at |= {"cordoned": 0.0, "uncordoned": row["hold_seconds"]}
    cell = {key: row[key] for key in ("volume", "storm", "round")}
    return [
        cell | {"event": event, "offset_seconds": offset, "at": STARTED + timedelta(seconds=offset)}
        for event, offset in at.items()
        if offset is not None
    ]


SHARED_FACTS = {
    "storm_volumes": [*KINDS, *(f"{name} (RWX)" for name in CLASSES)],
}
NODE_PATH = "NodePath only supports ReadWriteOnce access modes"


def shared(row: Row) -> Row:
    """The row with a ReadWriteMany volume of its class, which local-path does not offer."""
    if row["storage_class"] is None:
        return row
    row |= {"volume": f"{row['storage_class']} (RWX)", "access_mode": "ReadWriteMany"}
    if row["storage_class"] == "nfs-client":
        return row
    key = {name: row[name] for name in ("volume", "storage_class", "storm", "round")}
    return key | {"status": "not offered", "error": f"local-path has no RWX: {NODE_PATH}"}


def write_storms(
    root: Path,
    *,
    rounds: int = 1,
    volumes: Sequence[str] = KINDS,
    classes: Sequence[str] = CLASSES,
    change: Callable[[Row], Row | None] = lambda row: row,
    speeds: Mapping[str, float] | None = None,
    run_id: str = RUN_ID,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Write a run of every storm on `volumes` and `classes`; with `speeds` it has fio cells too.

    `change` alters rows on their way; a row that becomes None was never run.
    """
    planned = [
        storm_row(volume, storm, number)
        for volume in (*volumes, *classes)
        for storm in STORMS
        for number in range(1, rounds + 1)
    ]
    rows = [row for row in map(change, planned) if row is not None]
    plan = {
        "storage_classes": list(classes), "storms": list(STORMS), "storm_rounds": rounds,
        "storm_volumes": [*volumes, *(["storage-classes"] if classes else [])],
        "writes_per_second": 10, "hold_seconds": int(HOLD), "recovery_limit_seconds": 120,
        "repeats": 3,
    }  # fmt: skip
    about = {
        "storms_planned": len(planned), "plan": json.dumps(plan),
        "storm_volumes": [*volumes, *classes],
        "storms_measured": sum(row["status"] != "failed" for row in rows),
    } | dict(facts or {})  # fmt: skip
    location, started = str(root), about.get("started_at", STARTED)
    if speeds:
        write_run(root, speeds, run_id=run_id, facts=about)
    else:
        named = [class_row(name, position) for position, name in enumerate(classes)]
        write_table(location, "classes", run_id, started, named)
        write_table(
            location, "runs", run_id, started, [run_row([], 0, classes, {"rounds": 3}) | about]
        )
    write_storm_tables(location, run_id, started, rows)
    return location


def write_storm_tables(location: str, run_id: str, started: datetime, rows: Sequence[Row]) -> None:
    """Write rows of storms, and the events that belong to them."""
    events = [event for row in rows for event in events_of(row)]
    write_table(location, "storms", run_id, started, rows)
    write_table(location, "storm_events", run_id, started, events)
