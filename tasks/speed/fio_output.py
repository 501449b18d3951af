"""fio's JSON output as rows of the `fio` table. Only computes."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tasks.plan.job_file import Job, measured, merged_into
from tasks.results.fio_columns import Bin, FioRow

PERCENTILES = {"p50": "50.000000", "p95": "95.000000", "p99": "99.000000", "p99_9": "99.900000"}
# fio reports these apart, or with unified_rw_reporting all as one.
DIRECTIONS = ("read", "write", "trim", "mixed")


class UnreadableOutput(Exception):
    """What fio wrote is not its JSON, or lacks a job."""


def rows(output: str, group: list[Job], cell: FioRow) -> dict[str, FioRow]:
    """The row of each job of a group that has a result, by the job's name: `cell` with its figures.

    Raises UnreadableOutput, quoting it, when the output is cut, lacks a job or has another form.
    """
    document = _document(output)
    try:
        return _rows(document, group, cell)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        why = f"fio's output is none that is known here ({type(error).__name__}: {error})"
        raise UnreadableOutput(f"{why}: {output[:300]!r}") from error


def _document(output: str) -> dict[str, Any]:
    """The JSON in fio's output, among other words; UnreadableOutput where there is none."""
    try:
        # fio writes nan, which JSON has not; words before the document may end within a line
        text = re.sub(r"(:\s*)-?(nan|inf)\b", r"\1null", output)
        begins = re.search(r'\{\s*"fio version"', text)
        document: dict[str, Any]
        document, _ = json.JSONDecoder().raw_decode(text[begins.start() if begins else 0 :])
    except ValueError as error:
        raise UnreadableOutput(f"fio's output is not JSON ({error}): {output[-200:]!r}") from error
    return document


def results(output: str, group: list[Job]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What fio wrote, and in it what it says of each job of a group that has a result, by its name.

    Raises UnreadableOutput.
    """
    document = _document(output)
    return document, _results(document, group)


def _results(document: dict[str, Any], group: list[Job]) -> dict[str, dict[str, Any]]:
    # in the order of the file, by which two of one name are told apart
    told = [one for one in document.get("jobs", []) if "jobname" in one]  # not one with stats=0
    jobs = [job for job in group if not job.merged and job.has_entry]
    if [one["jobname"] for one in told] != [job.reported or job.name for job in jobs]:
        names = {one["jobname"] for one in told}
        missing = [job.name for job in jobs if (job.reported or job.name) not in names]
        raise UnreadableOutput(
            f"fio's output has no job {', '.join(missing)}"
            if missing
            else f"fio's output has other jobs: {', '.join(sorted(names))}"
        )
    return {job.name: result for job, result in zip(jobs, told, strict=True)}


def _rows(document: dict[str, Any], group: list[Job], cell: FioRow) -> dict[str, FioRow]:
    told = _results(document, group)
    common, version = document.get("global options", {}), document["fio version"]
    busy = [device["util"] for device in document.get("disk_util", []) if "util" in device]
    cell = replace(cell, fio_version=version, device_busy_percent=max(busy, default=None))
    return {
        job.name: _row(cell, job, merged_into(job, group), told[job.name], common)
        for job in measured(group)
    }


def errors(output: str) -> list[str]:
    """Which jobs say that they failed, and how; empty where the output cannot be read."""
    try:
        return [
            f"job {job['jobname']}: {os.strerror(job['error'])}"
            for job in _document(output)["jobs"]
            if job.get("error")
        ]
    except (UnreadableOutput, KeyError, TypeError):
        return []


def _row(
    cell: FioRow, job: Job, merged: list[Job], result: dict[str, Any], common: dict[str, str]
) -> FioRow:
    """The row with the figures of a job, and of those that fio adds to it."""
    # fio ended well: an error beside such a count was gone on after (continue_on_error)
    if result.get("error") and not result.get("total_err"):
        raise UnreadableOutput(f"fio says of job {job.name}: {os.strerror(result['error'])}")
    # the engine of a job that names none was chosen in the pod
    options = common | result["job options"]
    told = {name: result[name] for name in DIRECTIONS if name in result}
    moved = {name: figures for name, figures in told.items() if figures["total_ios"] > 0}
    if not moved:
        raise UnreadableOutput(f"fio did no I/O in job {job.name}, and says of no error")
    counted = _counted(job, moved)
    latencies: dict[str, Any] = _latency("sync", result.get("sync", {}).get("lat_ns", {}))
    for name, figures in moved.items():
        latencies |= _direction(name, job, figures)
    kind = "lat" if _whole_latency(job) else "clat"
    timed = any(column.endswith("_ns") for column in latencies)
    return replace(
        cell,
        job=job.name,
        engine=options.get("ioengine", "psync"),
        rw=job.options.get("rw", "read"),
        block_size_bytes=_same(_block_size(one) for one in merged),
        io_depth=_same(one.numbers.get("iodepth", 1) for one in merged),
        num_jobs=sum(max(one.numbers.get("numjobs", 1), 1) for one in merged),
        direct=_direct(job),
        runtime_seconds=max(figures["runtime"] for figures in told.values()) / 1000,
        iops=float(sum(figures["iops"] for figures in counted)),
        bandwidth_bytes_per_second=float(sum(f["bw_bytes"] for f in counted)),
        ignored_errors=result.get("total_err", 0),
        user_cpu_percent=result.get("usr_cpu"),
        system_cpu_percent=result.get("sys_cpu"),
        latency_kind=kind if timed else None,
        **latencies,
        **_steady(result.get("steadystate")),
    )


def _steady(told: dict[str, Any] | None) -> dict[str, Any]:
    """Whether a job was steady in the end, by its own criterion; nothing where it has none."""
    if told is None:
        return {}
    row = {"steady": bool(told["attained"]), "steady_seconds": float(told["duration"])}
    return row | ({"steady_iops": float(told["data"]["iops_mean"])} if row["steady"] else {})


def _counted(job: Job, moved: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The directions that the job's figure is of: verify's reads are not what was asked for."""
    if "mixed" in moved:  # unified_rw_reporting=both has the directions as well
        return [moved["mixed"]]
    rw = job.options.get("rw", "read")
    asked = [f for name, f in moved.items() if name != "read" or "read" in rw or "rw" in rw]
    verifies = job.options.get("verify", "0") not in ("0", "none")
    return asked if verifies and asked else list(moved.values())


def _direct(job: Job) -> bool:
    """Whether it goes past the page cache: direct and buffered are opposites, the last counts."""
    last = [option for option in job.options if option in ("direct", "buffered")][-1:]
    return bool(last) and job.flag(last[0]) == (last[0] == "direct")


def _same(values: Iterable[int | None]) -> int | None:
    """The value that all have; None where they differ."""
    several = set(values)
    return several.pop() if len(several) == 1 else None


def _block_size(job: Job) -> int | None:
    several = {"bsrange", "bssplit"} & job.options.keys() or "," in job.options.get("bs", "")
    return None if several else job.numbers.get("bs", 4096)


def _whole_latency(job: Job) -> bool:
    """Whether the percentiles are those of submission and completion together."""
    off = job.options.get("clat_percentiles") in ("0", "false") or job.flag("disable_clat")
    return job.flag("lat_percentiles") and off


def _direction(name: str, job: Job, figures: dict[str, Any]) -> dict[str, Any]:
    kind = "lat_ns" if _whole_latency(job) else "clat_ns"
    row = {
        f"{name}_iops": figures["iops"],
        f"{name}_bandwidth_bytes_per_second": float(figures["bw_bytes"]),
        **_latency(name, figures[kind]),
    }
    if name in ("read", "write"):
        row |= {f"{name}_ios": figures["total_ios"]}
        if figures.get("iops_samples", 0) > 1:
            row |= {f"{name}_stddev_iops": float(figures["iops_stddev"])}
    return row


def _latency(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """Latencies in ns, and their histogram; none where fio took no samples, as with gtod_reduce."""
    percentiles = figures.get("percentile")
    if not figures.get("N") or not percentiles:
        return {}
    latencies = {"mean": figures["mean"], "max": figures["max"]}
    latencies |= {
        label: percentiles[key] for label, key in PERCENTILES.items() if key in percentiles
    }
    bins = tuple(Bin(ns=int(ns), count=count) for ns, count in figures.get("bins", {}).items())
    return {f"{name}_latency_{label}_ns": float(value) for label, value in latencies.items()} | (
        {f"{name}_latency_bins": bins} if bins else {}
    )
