"""One run's rows, read from Parquet."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tasks.results.column import CONTROL
from tasks.results.store import ResultsError, read, run_ids

Row = dict[str, Any]
# Ends the name of a volume that a StatefulSet wrote to; no class has such a name.
STATEFUL = " (StatefulSet)"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of a node's seconds what reports read: the device beside fio.
OF_NODE = (
    "storage_class", "job", "round", "repeat", "volume", "storm", "second", "at", "ramp", "device",
    "read_iops", "write_iops", "read_bytes", "write_bytes", "below_read_bytes", "below_write_bytes",
    "own_read_bytes", "own_write_bytes", "sampling_cpu_percent",
)  # fmt: skip
OF_CLASSES = ("run_id", "storage_class", "position")
AT_ONCE = 150  # runs that are read together where more may be asked for
# All but tab and newline, which a plan's fio file has.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Run:
    """The rows of one run: itself, its preflight, its classes (the reference first), and so on."""

    facts: Row
    checks: list[Row]
    classes: list[Row]
    volumes: list[Row]
    fio: list[Row]
    storms: list[Row]
    storm_events: list[Row]
    fio_seconds: list[Row] = field(default_factory=list)
    node_seconds: list[Row] = field(default_factory=list)

    @property
    def plan(self) -> Row:
        """The plan that was run; empty if the file is too old to hold it."""
        plan: Row = json.loads(self.facts["plan"] or "{}")
        return plan

    @property
    def rounds(self) -> int:
        """How often each job was to run on each class; 0 if the file is too old to say."""
        return rounds(self.plan)


def bare(volume: str) -> str:
    """A storm volume's name without the kind of its writer."""
    return volume.removesuffix(STATEFUL)


def rounds(plan: Row) -> int:
    """The rounds of a plan; of one before there were any, its repeats."""
    return int(plan.get("rounds") or plan.get("repeats") or 0)


def load(location: str, run_id: str) -> Run:
    """Read a run; ResultsError names the newest runs where there is none with this id."""
    runs = _rows(read(location, "runs", run_id))
    if not runs:
        raise ResultsError(_unknown(location, run_id))
    tables = {
        name: _rows(read(location, name, run_id))
        for name in (
            "checks",
            "classes",
            "volumes",
            "fio",
            "fio_seconds",
            "storms",
            "storm_events",
        )
    }
    return Run(
        facts=runs[0],
        checks=tables["checks"],
        classes=sorted(tables["classes"], key=lambda row: row["position"]),
        volumes=tables["volumes"],
        fio=sorted(with_volumes(tables["fio"], runs[0]), key=lambda row: row["sequence"] or 0),
        storms=sorted(tables["storms"], key=lambda row: row["round"]),
        storm_events=sorted(tables["storm_events"], key=lambda row: row["offset_seconds"]),
        fio_seconds=tables["fio_seconds"],
        node_seconds=_rows(read(location, "node_seconds", run_id, OF_NODE)),
    )


def with_volumes(fio: list[Row], facts: Row) -> list[Row]:
    """The fio rows of a run, of which each says on which `volume` of its class it ran, from 0.

    Each round has a new one. All rows are of one in files that knew no rounds, and where the plan
    named a PVC that was there.
    """
    one = bool(json.loads(facts["plan"] or "{}").get("pvc"))
    return [row | {"volume": 0 if one else row["round"] or 0} for row in fio]


def rows(location: str, table: str, runs: Collection[str], columns: Collection[str]) -> list[Row]:
    """Some columns of several runs' rows of a table. Raises ResultsError as `load` does."""
    return _rows(read(location, table, runs, columns))


def _rows(table: pa.Table) -> list[Row]:
    columns = [map(_printable, _values(column)) for column in table.columns]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    since = column.cast(pa.int64()).to_pylist()  # by itself it would import pandas
    return [None if one is None else EPOCH + timedelta(microseconds=one) for one in since]


def _printable(value: object) -> object:
    """A value without control characters: whoever wrote the file does not rule a terminal."""
    if isinstance(value, str):
        return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {name: _printable(item) for name, item in value.items()}
    return value


def newest(
    location: str, most: int | None = None, columns: Collection[str] | None = None
) -> list[Row]:
    """The rows of the newest runs, or of all, the newest first."""
    ids = None if most is None else run_ids(location)[-most:]
    runs = _rows(read(location, "runs", ids, columns))
    return sorted(runs, key=lambda row: row["started_at"], reverse=True)


def newest_first(location: str, columns: Collection[str]) -> Iterator[Row]:
    """Some columns of all runs, the newest first, read as far as somebody asks."""
    ids = run_ids(location)
    for end in range(len(ids), 0, -AT_ONCE):
        found = _rows(read(location, "runs", ids[max(0, end - AT_ONCE) : end], columns))
        yield from sorted(found, key=lambda row: row["started_at"], reverse=True)


def classes_of_runs(location: str, runs: Collection[str]) -> dict[str, list[str]]:
    """The StorageClasses of some runs by their ids, the reference first."""
    found: dict[str, list[str]] = {}
    for row in sorted(rows(location, "classes", runs, OF_CLASSES), key=_position):
        found.setdefault(row["run_id"], []).append(row["storage_class"])
    return found


def _position(row: Row) -> int:
    return row["position"] or 0


def _unknown(location: str, run_id: str) -> str:
    known = newest(location, 5)
    if not known:
        return (
            f"no report of run {run_id!r}: {location!r} holds no run at all. "
            "Start one with `stormark run`, or give another results location."
        )
    return (
        f"no report of run {run_id!r}: {location!r} holds no such run. "
        f"The newest there: {', '.join(row['run_id'] for row in known)}."
    )


def without_wire(storage_class: Row) -> bool:
    """Whether a class says that what should be its network is none, as a test cluster's may."""
    return bool(json.loads(storage_class["parameters"] or "{}").get("wire") == "none")


def class_names(run: Run) -> tuple[str, ...]:
    """The plan's classes in its order, the reference first; the control, if there is one, last."""
    rows = [*run.classes, *run.volumes, *run.fio]
    names = dict.fromkeys(row["storage_class"] for row in rows)
    return tuple(sorted(names, key=lambda name: name.endswith(CONTROL)))
