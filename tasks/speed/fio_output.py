"""fio's JSON output as rows of the `fio` table. Only computes."""

import json
from typing import Any

from tasks.plan.job_file import Job, fio_bytes

PERCENTILES = {"p50": "50.000000", "p95": "95.000000", "p99": "99.000000", "p99_9": "99.900000"}


class UnreadableOutput(Exception):
    """What fio wrote is not its JSON, or lacks a job."""


def rows(output: str, group: list[Job]) -> dict[str, dict[str, Any]]:
    """The measured columns of each job of a group, by the job's name.

    Raises UnreadableOutput when the output is cut or lacks a job.
    """
    try:
        document = json.loads(output[output.index("{") :])
    except ValueError as error:
        raise UnreadableOutput(f"fio's output is not JSON ({error}): {output[-200:]!r}") from error
    measured = {job["jobname"]: job for job in document.get("jobs", [])}
    if missing := [job.name for job in group if job.name not in measured]:
        raise UnreadableOutput(f"fio's output has no job {', '.join(missing)}")
    common = document.get("global options", {})
    version = document["fio version"]
    return {job.name: {"fio_version": version} | _row(measured[job.name], common) for job in group}


def _row(job: dict[str, Any], common: dict[str, str]) -> dict[str, Any]:
    # fio reports options by their first names: bs, rw, whatever the job file calls them
    options = common | job["job options"]
    read, write = job["read"], job["write"]
    several_sizes = "bsrange" in options or "bssplit" in options
    moved = {"read": read["total_ios"] > 0, "write": write["total_ios"] > 0}
    return {
        "engine": options.get("ioengine", "psync"),
        "rw": options.get("rw", "read"),
        "block_size_bytes": None if several_sizes else fio_bytes(options.get("bs", "4k")),
        "io_depth": fio_bytes(options.get("iodepth", "1")),
        "num_jobs": fio_bytes(options.get("numjobs", "1")),
        "direct": options.get("direct", "0") != "0" or options.get("buffered") == "0",
        "runtime_seconds": max(read["runtime"], write["runtime"]) / 1000,
        "iops": read["iops"] + write["iops"],
        "bandwidth_bytes_per_second": float(read["bw_bytes"] + write["bw_bytes"]),
        **_direction("read", read, moved["read"]),
        **_direction("write", write, moved["write"]),
        **_latency("sync", job.get("sync", {}).get("lat_ns", {})),
    }


def _direction(name: str, figures: dict[str, Any], moved: bool) -> dict[str, Any]:
    if not moved:
        return {}
    return {
        f"{name}_iops": figures["iops"],
        f"{name}_bandwidth_bytes_per_second": float(figures["bw_bytes"]),
        **_latency(name, figures["clat_ns"]),
    }


def _latency(name: str, figures: dict[str, Any]) -> dict[str, float]:
    """Latencies in ns; none where fio took no samples, as with gtod_reduce."""
    percentiles = figures.get("percentile")
    if not figures.get("N") or not percentiles:
        return {}
    latencies = {"mean": figures["mean"], "max": figures["max"]}
    latencies |= {
        label: percentiles[key] for label, key in PERCENTILES.items() if key in percentiles
    }
    return {f"{name}_latency_{label}_ns": float(value) for label, value in latencies.items()}
