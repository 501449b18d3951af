"""Runs as stormark leaves them in Parquet, small and without chance."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.results.store import write_table

RUN_ID = "20261123-180000-a1b2c3"
STARTED = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
Row = dict[str, Any]

MIB = 2**20
# job: fio's rw, block size, depth, and its figure on local-path: IOPS up to 16 KiB, else MiB/s
LAB = {
    "read_iops": ("randread", 4096, 64, 12_300),
    "write_iops": ("randwrite", 4096, 64, 8_000),
    "read_bw": ("randread", 131_072, 64, 640),
    "write_bw": ("randwrite", 131_072, 64, 330),
}
STANDARD = LAB | {
    "seq_read": ("read", MIB, 16, 700),
    "seq_write": ("write", MIB, 16, 350),
    "read_latency": ("randread", 4096, 1, 1_150),
    "write_latency": ("randwrite", 4096, 1, 900),
    "mixed_read70": ("randrw", 4096, 32, 6_000),
}
WAL = {"etcd_fdatasync": ("write", 2300, 1, 420)}
# one factor a round, or a repeat on the one volume; the geometric mean of three or five is 1
SPREAD = (1.0, 0.97, 1 / 0.97, 0.99, 1 / 0.99)


def fio_row(name: str, job: str, number: int, speed: float, jobs: Mapping[str, Any]) -> Row:
    """A measured cell of a round or a repeat; `speed` is a factor on the job's figure."""
    rw, block, depth, base = jobs[job]
    figure = base * speed * SPREAD[number - 1]
    iops = figure if block <= 16_384 else figure * MIB / block
    row = {
        "storage_class": name, "job": job, "profile": "standard",
        "status": "measured", "warnings": [], "started_at": STARTED, "node": "w2",
        "engine": "libaio", "fio_version": "fio-3.38", "rw": rw, "block_size_bytes": block,
        "io_depth": depth, "num_jobs": 1, "concurrent_jobs": 1, "direct": True,
        "file_size_bytes": 3 * 2**30, "node_memory_bytes": 8 * 2**30, "ramp_seconds": 2.0,
        "runtime_seconds": 15.0, "iops": iops, "bandwidth_bytes_per_second": iops * block,
    }  # fmt: skip
    directions = [d for d in ("read", "write") if d in rw or rw == "randrw"]
    for direction in directions:
        row[f"{direction}_iops"] = iops / len(directions)
        row[f"{direction}_bandwidth_bytes_per_second"] = iops * block / len(directions)
        row |= latency(direction, depth / iops * 1e9)
    if "fdatasync" in job:
        row |= latency("sync", 1.6e6 / speed * SPREAD[number - 1])
    return row


def latency(direction: str, mean: float) -> Row:
    shape = {"mean": 1, "p50": 0.9, "p95": 1.6, "p99": 2.4, "p99_9": 5, "max": 12}
    return {f"{direction}_latency_{name}_ns": mean * factor for name, factor in shape.items()}


def failed(row: Row, error: str) -> Row:
    """The same cell when it failed: what was asked is known, no figure is."""
    figures = ("iops", "bandwidth", "read_", "write_", "sync_", "runtime")
    return {k: v for k, v in row.items() if not k.startswith(figures)} | {
        "status": "failed", "error": error,
    }  # fmt: skip


def class_row(name: str, position: int) -> Row:
    return {
        "storage_class": name, "position": position, "is_default": position == 0,
        "provisioner": f"example.org/{name}", "volume_binding_mode": "WaitForFirstConsumer",
        "allow_volume_expansion": False, "reclaim_policy": "Delete",
        "mount_options": ["noatime"], "parameters": json.dumps({"tier": "fast|cheap"}),
    }  # fmt: skip


def volume_row(name: str) -> Row:
    return {
        "storage_class": name, "pvc": f"stormark-{name}", "access_mode": "ReadWriteOnce",
        "volume_mode": "Filesystem", "requested_bytes": 4 * 2**30, "capacity_bytes": 4 * 2**30,
        "free_bytes": 3_900_000_000, "created_at": STARTED, "bind_seconds": 1.84,
        "attach_seconds": None, "first_pod_seconds": 4.31, "pv": f"pvc-{name}",
        "pv_type": "hostPath", "node_affinity": "kubernetes.io/hostname in [w2]", "node": "w2",
        "filesystem": "ext4", "memory_backed": False,
    }  # fmt: skip


def run_row(
    fio: Sequence[Row], planned: int, classes: Sequence[str], often: Mapping[str, int]
) -> Row:
    measured = sum(row["status"] == "measured" for row in fio)
    return {
        "flow": "benchmark", "started_at": STARTED, "ended_at": STARTED + timedelta(minutes=14),
        "outcome": "complete" if measured == planned else "incomplete",
        "cells_planned": planned, "cells_measured": measured,
        "cells_failed": len(fio) - measured, "cluster": "kind-prod", "namespace": "default",
        "kubernetes_version": "v1.34.4", "stormark_version": "0.1.0", "fio_version": "fio-3.38",
        "image": "example.org/fio:3.38", "warnings": [],
        "nodes": [
            {"name": node, "kernel": "6.8.0-45-generic", "os_image": "Debian 13",
             "kubelet_version": "v1.34.4", "container_runtime": "containerd://2.1.4",
             "cpus": 4.0, "memory_bytes": 8 * 2**30}
            for node in ("w1", "w2")
        ],
        "plan": json.dumps({"storage_classes": list(classes), "profile": "standard",
                            "fio_file": None, **often}),
    }  # fmt: skip


def write_run(
    root: Path | str,
    speeds: Mapping[str, float],
    *,
    rounds: int = 3,
    old: bool = False,
    jobs: Mapping[str, Any] = LAB,
    run_id: str = RUN_ID,
    cell: Callable[[Row], Row | None] = lambda row: row,
    volume: Callable[[Row], Row] = lambda row: row,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Write a run of `{class: speed}`, the first is the reference, and return its location.

    An `old` one knows no rounds: each class has one volume and so many repeats on it. `cell` and
    `volume` change rows on their way; a cell that becomes None was never run.
    """
    location = str(root)
    planned = [
        fio_row(name, job, number, speed, jobs)
        | ({"round": None, "repeat": number} if old else {"round": number, "repeat": 1})
        for number in range(1, rounds + 1)
        for name, speed in speeds.items()
        for job in jobs
    ]
    fio = [row for row in map(cell, planned) if row is not None]
    for sequence, row in enumerate(fio, start=1):
        row["sequence"] = sequence
    run = run_row(fio, len(planned), list(speeds), {"repeats" if old else "rounds": rounds}) | dict(
        facts or {}
    )
    started = run["started_at"]
    write_table(location, "fio", run_id, started, fio)
    write_table(
        location, "classes", run_id, started, [class_row(n, i) for i, n in enumerate(speeds)]
    )
    volumes = [
        volume(volume_row(name) | {"round": number})
        for number in ([None] if old else range(1, rounds + 1))
        for name in speeds
    ]
    write_table(location, "volumes", run_id, started, volumes)
    write_table(location, "runs", run_id, started, [run])
    return location
