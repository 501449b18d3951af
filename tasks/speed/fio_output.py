"""fio's JSON output as rows of the `fio` table. Only computes."""

import json
from typing import Any

from tasks.plan.job_file import Job, measured

PERCENTILES = {"p50": "50.000000", "p95": "95.000000", "p99": "99.000000", "p99_9": "99.900000"}
# fio reports these apart, or with unified_rw_reporting all as one.
DIRECTIONS = ("read", "write", "trim", "mixed")


class UnreadableOutput(Exception):
    """What fio wrote is not its JSON, or lacks a job."""


def rows(output: str, group: list[Job]) -> dict[str, dict[str, Any]]:
    """The measured columns of each job of a group that has a result, by the job's name.

    Raises UnreadableOutput, quoting it, when the output is cut, lacks a job or has another form.
    """
    try:
        document, _ = json.JSONDecoder().raw_decode(output[output.index("{") :])
    except ValueError as error:
        raise UnreadableOutput(f"fio's output is not JSON ({error}): {output[-200:]!r}") from error
    try:
        return _rows(document, group)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        why = f"fio's output is none that is known here ({type(error).__name__}: {error})"
        raise UnreadableOutput(f"{why}: {output[:300]!r}") from error


def _rows(document: dict[str, Any], group: list[Job]) -> dict[str, dict[str, Any]]:
    # in the order of the file, by which two of one name are told apart
    told, jobs = document.get("jobs", []), [job for job in group if not job.merged]
    if [one["jobname"] for one in told] != [job.reported or job.name for job in jobs]:
        names = {one["jobname"] for one in told}
        missing = [job.name for job in jobs if (job.reported or job.name) not in names]
        raise UnreadableOutput(
            f"fio's output has no job {', '.join(missing)}"
            if missing
            else f"fio's output has other jobs: {', '.join(sorted(names))}"
        )
    common, version = document.get("global options", {}), document["fio version"]
    results = zip(jobs, told, strict=True)
    wanted = measured(group)
    return {
        job.name: {"fio_version": version} | _row(job, result, common)
        for job, result in results
        if job in wanted
    }


def _row(job: Job, result: dict[str, Any], common: dict[str, str]) -> dict[str, Any]:
    # the engine of a job that names none was chosen in the pod
    options = common | result["job options"]
    told = {name: result[name] for name in DIRECTIONS if name in result}
    moved = {name: figures for name, figures in told.items() if figures["total_ios"] > 0}
    latencies = {
        **{key: value for name in moved for key, value in _direction(name, job, moved[name])},
        **_latency("sync", result.get("sync", {}).get("lat_ns", {})),
    }
    kind = "lat" if _whole_latency(job) else "clat"
    timed = any(column.endswith("_ns") for column in latencies)
    return {
        "engine": options.get("ioengine", "psync"),
        "rw": job.options.get("rw", "read"),
        "block_size_bytes": _block_size(job),
        "io_depth": job.numbers.get("iodepth", 1),
        "num_jobs": max(job.numbers.get("numjobs", 1), 1),
        "direct": job.flag("direct") or job.options.get("buffered") == "0",
        "runtime_seconds": max(figures["runtime"] for figures in told.values()) / 1000,
        "iops": float(sum(figures["iops"] for figures in told.values())),
        "bandwidth_bytes_per_second": float(sum(f["bw_bytes"] for f in told.values())),
        "ignored_errors": result.get("total_err", 0),
        **({"latency_kind": kind} if timed else {}),
        **latencies,
    }


def _block_size(job: Job) -> int | None:
    several = {"bsrange", "bssplit"} & job.options.keys() or "," in job.options.get("bs", "")
    return None if several else job.numbers.get("bs", 4096)


def _whole_latency(job: Job) -> bool:
    """Whether the percentiles are those of submission and completion together."""
    return job.flag("lat_percentiles") and job.options.get("clat_percentiles") in ("0", "false")


def _direction(name: str, job: Job, figures: dict[str, Any]) -> list[tuple[str, float]]:
    kind = "lat_ns" if _whole_latency(job) else "clat_ns"
    row = {
        f"{name}_iops": figures["iops"],
        f"{name}_bandwidth_bytes_per_second": float(figures["bw_bytes"]),
        **_latency(name, figures[kind]),
    }
    return list(row.items())


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
