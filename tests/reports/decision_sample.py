"""Runs of which a class is decided: figures by volume, storms, and what the plan says of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reports.data.load import Run, load
from tasks.results.store import write_table
from tests.reports.sample import RUN_ID, STARTED, Row, class_row, volume_row
from tests.reports.storm_sample import storm_row

# What makes a job of the same name another than the one that measures 4K random reads.
under_other_conditions = pytest.mark.parametrize(
    "conditions",
    [
        {"direct": False},
        {"concurrent_jobs": 4},
        {"io_depth": 1},
        {"rw": "randrw"},
        {"block_size_bytes": 65_536},
        {"status": "failed"},
    ],
    ids=lambda conditions: next(iter(conditions)),
)
MIB = 2**20
# job: what its row says of itself, and the columns that hold its figure
CONDITIONS: dict[str, Row] = {
    "read_iops": {"rw": "randread", "block_size_bytes": 4096, "io_depth": 64},
    "write_iops": {"rw": "randwrite", "block_size_bytes": 4096, "io_depth": 64},
    "seq_read": {"rw": "read", "block_size_bytes": MIB, "io_depth": 16},
    "seq_write": {"rw": "write", "block_size_bytes": MIB, "io_depth": 16},
    "mixed_read70": {"rw": "randrw", "block_size_bytes": 4096, "io_depth": 64, "read_iops": 700.0},
    "read_latency": {"rw": "randread", "block_size_bytes": 4096, "io_depth": 1},
    "paced_4k": {"rw": "randrw", "block_size_bytes": 4096, "io_depth": 16},
    "etcd_fdatasync": {"rw": "write", "block_size_bytes": 2300, "io_depth": 1, "direct": False},
    "commit_8k": {"rw": "write", "block_size_bytes": 8192, "io_depth": 1, "direct": False},
}
LATENCIES = {
    "read_latency": "read_latency_p99_ns",
    "paced_4k": "read_latency_p99_ns",
    "etcd_fdatasync": "sync_latency_p99_ns",
    "commit_8k": "sync_latency_p99_ns",
}
# Good enough for every workload: IOPS, bytes a second, or seconds of a p99.
GOOD: dict[str, float] = {
    "read_iops": 12_000, "write_iops": 8_000, "seq_read": 700 * MIB, "seq_write": 350 * MIB,
    "paced_4k": 0.002, "etcd_fdatasync": 0.0016, "commit_8k": 0.0012,
}  # fmt: skip


def fio_row(name: str, job: str, number: int, figure: float) -> Row:
    """A measured cell of a round; `figure` is IOPS, bytes a second, or seconds of a p99."""
    row: Row = {
        "storage_class": name, "job": job, "round": number, "repeat": 1, "sequence": number,
        "status": "measured", "pvc": f"{name}-{number}", "node": f"w{number % 2 + 1}",
        "direct": True, "num_jobs": 1, "concurrent_jobs": 1, "file_size_bytes": 3 * 2**30,
        "node_memory_bytes": 8 * 2**30, "runtime_seconds": 15.0,
    } | CONDITIONS[job]  # fmt: skip
    if job in LATENCIES:
        return row | {"iops": 400.0, LATENCIES[job]: figure * 1e9}
    block = row["block_size_bytes"]
    iops = figure if block < MIB else figure / block
    direction = "read" if "read" in row["rw"] else "write"
    return row | {
        "iops": iops, f"{direction}_iops": iops, "bandwidth_bytes_per_second": iops * block,
        f"{direction}_bandwidth_bytes_per_second": iops * block,
    }  # fmt: skip


def write_decision(
    root: Path,
    figures: Mapping[str, Mapping[str, Sequence[float] | float]],
    *,
    volumes: int = 3,
    plan: Mapping[str, Any] | None = None,
    storms: Sequence[Row] = (),
    classes: dict[str, Row] | None = None,
    cell: Row | None = None,
    of_job: Mapping[str, Row] | None = None,
    of_volume: Sequence[Row] = (),
    volume: Row | None = None,
) -> str:
    """Write a run of `{class: {job: a figure a volume, or one for all}}`; return its location.

    `classes`, `cell`, `of_job`, `of_volume` and `volume` change the rows of a class, of all fio
    cells, of those of a job, of those of each volume, and of all volumes.
    """
    location, rows = str(root), []
    for name, jobs in figures.items():
        for job, given in jobs.items():
            each = [given] * volumes if isinstance(given, int | float) else given
            rows += [
                fio_row(name, job, number, float(figure))
                | (cell or {})
                | (of_job or {}).get(job, {})
                | (of_volume[number - 1] if of_volume else {})
                for number, figure in enumerate(each, start=1)
            ]
    facts = {
        "flow": "nightly", "started_at": STARTED, "ended_at": STARTED, "outcome": "complete",
        "cluster": "kind-prod", "cells_planned": len(rows), "cells_measured": len(rows),
        "cells_failed": 0, "storms_planned": len(storms) or None, "nodes": [], "warnings": [],
        "storm_volumes": list(dict.fromkeys(row["volume"] for row in storms)),
        "plan": json.dumps({"storage_classes": list(figures)} | dict(plan or {})),
    }  # fmt: skip
    named = [
        class_row(name, position) | (classes or {}).get(name, {})
        for position, name in enumerate(figures)
    ]
    made = [
        volume_row(name) | {"round": number, "pvc": f"{name}-{number}"} | (volume or {})
        for number in range(1, volumes + 1)
        for name in figures
    ]
    for table, of_table in (
        ("fio", rows), ("classes", named), ("volumes", made), ("storms", storms), ("runs", [facts]),
    ):  # fmt: skip
        write_table(location, table, RUN_ID, STARTED, of_table)
    return location


def decided(root: Path, *arguments: Any, **changes: Any) -> Run:
    """The rows of such a run, as a report reads them."""
    return load(write_decision(root, *arguments, **changes), RUN_ID)


def storm(name: str, kind: str, **changes: Any) -> Row:
    """A round of a storm on a volume of a class, which kept its data unless told otherwise."""
    return storm_row(name, kind, 1) | {"storage_class": name} | changes
