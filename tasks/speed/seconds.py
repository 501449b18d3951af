"""What fio did in each second, from its own logs: rows of the table `fio_seconds`. Only computes.

fio says a row a second for each process of a job, from the end of its ramp: I/Os and KiB a second
of what was completed, and the histogram of its latencies or their mean. It leaves out seconds
without any.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.plan.job_file import Job, group_seconds, measured, merged_into, ramp_seconds, waves
from tasks.provision.bench_log import unpacked
from tasks.results.fio_columns import Key
from tasks.results.second_columns import SecondRow
from tasks.speed import fio_output
from tasks.speed.looks import SHORTEST_MS, Log, Rate, counted, moved

DIRECTIONS = ("read", "write", "trim")  # as fio's logs number them
HEADING = re.compile(r"# \w+?_(iops|bw|clat|clat_hist)\.(\d+)\.log$")
BINS, PER_POWER = 1856, 64  # of a histogram at coarseness 0, and of each power of two
FEWEST_BINS = 20  # as columns: a line of another log has 5
NONE = "none: "  # then the reason, in the place of what is packed


class NoSeconds(Exception):
    """There is no series, and why."""


def rows(packed: str, output: str, group: list[Job], key: Key) -> dict[str, list[SecondRow]]:
    """The seconds of each job of a group, by its name: a row a second and direction.

    `key` is that of the group's cells, but for the job; `packed` is what fio.sh says of its logs,
    `output` fio's JSON. Times are UTC by the node's clock, from the moment at which fio wrote its
    output: right within a tenth of a second. Raises NoSeconds, and UnreadableOutput as
    `fio_output.rows`.
    """
    if packed.startswith(NONE):
        raise NoSeconds(packed.removeprefix(NONE))
    try:
        text = unpacked(packed)
    except ValueError as error:
        raise NoSeconds(f"what fio logged of each second did not come whole: {error}") from error
    try:
        logs = list(_logs(text))
        document, results = fio_output.results(output, group)
        begins = _begins(document["timestamp_ms"] / 1000, results, group)
        found, first = {}, 1
        for job in group:
            processes = max(job.numbers.get("numjobs", 1), 1)
            found[job.name] = [one for one in logs if first <= one.process < first + processes]
            first += processes
        return {
            job.name: list(
                _of_job(
                    job,
                    [log for one in merged_into(job, group) for log in found[one.name]],
                    results[job.name],
                    begins[job.name],
                    key._replace(job=job.name),
                )
            )
            for job in measured(group)
        }
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        why = f"fio's logs of each second are none that are known here ({type(error).__name__}: "
        raise NoSeconds(f"{why}{error}): {text[:200]!r}") from error


def _logs(text: str) -> Iterator[Log]:
    """Each log; a histogram's is two, of the mean and of the longest."""
    log: Log | None = None
    longest = Log("max", 0, {})
    for line in text.splitlines():
        if heading := HEADING.match(line):
            log = Log(heading[1].removesuffix("_hist"), int(heading[2]), defaultdict(list))
            yield log
            if heading[1] == "clat_hist":
                longest = Log("max", log.process, defaultdict(list))
                yield longest
        elif log is None:
            continue
        elif line.count(",") < FEWEST_BINS:
            at, value, direction, _ = line.split(", ", 3)
            log.rows[DIRECTIONS[int(direction)]].append((int(at), float(value)))
        else:
            at, number, _, bins = line.split(", ", 3)
            counts = np.array(bins.split(","), dtype=int)
            if counts.any():
                mean, most = _of_histogram(counts)
                log.rows[DIRECTIONS[int(number)]].append((int(at), mean))
                longest.rows[DIRECTIONS[int(number)]].append((int(at), most))


def _of_histogram(counts: NDArray[np.int_]) -> tuple[float, float]:
    """Mean, and the upper end of the last bin that is not empty, both in ns.

    Bins are fio's (stat.c, plat_idx_to_val): 64 for each power of two, some of them as one here.
    """
    edges = np.arange(len(counts) + 1) * (BINS // len(counts))
    power = np.maximum(edges // PER_POWER - 1, 0)
    ends = np.where(edges < PER_POWER, edges, (PER_POWER + edges % PER_POWER) << power)
    middles = (ends[:-1] + ends[1:]) / 2
    return float(np.average(middles, weights=counts)), float(ends[1:][counts > 0][-1])


def _begins(ended: float, results: dict[str, Any], group: list[Job]) -> dict[str, float]:
    """When each job began, as seconds since the epoch: jobs at once began at once."""
    begins: dict[str, float] = {}
    for wave in reversed(waves(group)):
        lasted = [
            _delay(job) + ramp_seconds(job) + _runtime_ms(results[job.name]) / 1000
            if job.name in results
            else group_seconds([job])
            for job in wave
        ]
        ended -= max(lasted)
        begins |= {job.name: ended + _delay(job) for job in wave}
    return begins


def _delay(job: Job) -> float:
    return job.numbers.get("startdelay", 0) / 1e6


def _runtime_ms(result: dict[str, Any]) -> int:
    return max(int(result[name]["runtime"]) for name in (*DIRECTIONS, "mixed") if name in result)


def _of_job(
    job: Job, logs: list[Log], result: dict[str, Any], begin: float, key: Key
) -> Iterator[SecondRow]:
    """Every second of a job in every direction that it moved anything in."""
    lasted, ramp = _runtime_ms(result), ramp_seconds(job)
    seconds = max(lasted // 1000 + (lasted % 1000 >= SHORTEST_MS), 1)
    if seconds > 1 and not any(log.kind == "iops" for log in logs):
        raise NoSeconds(f"fio logged nothing of job {job.name}")
    for direction in DIRECTIONS:
        totals = result.get(direction, {})
        if not totals.get("total_ios") and not any(log.rows.get(direction) for log in logs):
            continue
        told = moved(logs, direction, totals, seconds, lasted)
        mean, longest = _latencies(logs, direction, told)
        ramps = ceil(ramp)
        for second in range(ramps + seconds):
            after = second - ramps
            rate = told[after] if after >= 0 else None
            yield SecondRow(
                **key._asdict(),
                direction=direction,
                second=second,
                at=datetime.fromtimestamp(begin + (second if after < 0 else ramp + after), UTC),
                ramp=after < 0,
                iops=_short(rate.iops) if rate else None,
                bytes=round(rate.bytes) if rate else None,
                mean_latency_seconds=_short(mean.get(after)),
                max_latency_seconds=_short(longest.get(after)),
            )


def _short(value: float | None) -> float | None:
    """A figure to four digits: those behind them are of chance, and half of a row's bytes."""
    return None if value is None else float(f"{value:.4g}")


def _latencies(
    logs: list[Log], direction: str, told: list[Rate | None]
) -> tuple[dict[int, float], dict[int, float]]:
    """Mean and longest latency by second, in s; none of a second without I/O.

    fio says a second's at the first completion after it, however late that is.
    """
    done = {
        process: counted([log for log in logs if log.process == process], "iops", direction, 1).done
        for process in {log.process for log in logs}
    }
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    longest: dict[int, float] = {}
    for log in logs:
        if log.kind not in ("clat", "max"):
            continue
        before = 0
        for at, value in log.rows.get(direction, []):
            near = range(before // 1000, min(at // 1000 + 1, len(told)))
            second = next((one for one in near if (rate := told[one]) is None or rate.iops), None)
            before = at
            if second is None:
                continue
            if log.kind == "clat":
                weight = done[log.process].get(second, 1.0)
                sums[second][0] += weight * value / 1e9
                sums[second][1] += weight
            else:
                longest[second] = max(longest.get(second, 0.0), value / 1e9)
    return {one: total / weight for one, (total, weight) in sums.items() if weight}, longest
