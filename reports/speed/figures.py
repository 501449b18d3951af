"""By what a job is judged, and a class's figure of it: over its volumes, in one number and in many.

A row's `volume` (reports/data/load.py) says which rows are of one volume.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

from reports.data.load import Row
from reports.data.percentiles import TooFew, pooled, too_few
from reports.data.stats import Estimate
from reports.text.units import COUNT, LATENCY, MIB, Scales

LAB = ("read_iops", "write_iops", "read_bw", "write_bw")
SMALL_BLOCK = 16 * 1024  # up to here a device is limited by operations, above by bytes
DIRECTIONS = ("sync", "mixed", "read", "write", "trim")
JUDGED = ("p50", "p99")  # of a latency
WAITING = ("latency", "paced")  # in the name of a job that is asked how long it takes, at any depth


@dataclass(frozen=True)
class Figure:
    """A column of the fio table by which a job is judged; `direction` where it is a latency's."""

    column: str
    label: str
    scales: Scales
    direction: str = ""
    percentile: str = ""

    @property
    def less_is_better(self) -> bool:
        """Whether it is a latency."""
        return bool(self.direction)


IOPS = Figure("iops", "IOPS", COUNT)
BANDWIDTH = Figure("bandwidth_bytes_per_second", "MiB/s", MIB)


def latency(direction: str, percentile: str) -> Figure:
    """A percentile of reads, writes or syncs."""
    label = f"{direction} {percentile.replace('_', '.')}"
    column = f"{direction}_latency_{percentile}_ns"
    return Figure(column, label, LATENCY, direction, percentile)


def figures_of(job: Row, rows: Sequence[Row]) -> list[Figure]:
    """The figures of a job, of which `rows` are all rows.

    One I/O at a time, or so many a second, is asked how long it takes: by p50 and p99, of its syncs
    where it has any. All else is asked how much it does: its latency is only its depth ÷ IOPS.
    """
    timed = [d for d in DIRECTIONS if values(rows, latency(d, "p99").column)]
    syncs = timed[:1] if "sync" in timed else []
    small = (job["block_size_bytes"] or 0) <= SMALL_BLOCK
    alone = job["io_depth"] == 1 and (job["num_jobs"] or 1) == 1 and small
    if timed and (alone or any(word in job["job"] for word in WAITING)):
        return [latency(d, percentile) for d in syncs or timed for percentile in JUDGED]
    return [IOPS if small else BANDWIDTH, *(latency(d, "p99") for d in syncs)]


def jobs(rows: Iterable[Row]) -> list[Row]:
    """One row a job, the lab's four first; a row that was measured stands for the others."""
    rows = list(rows)
    measured_last = sorted(rows, key=lambda row: row["status"] == "measured")
    best = {row["job"]: row for row in measured_last}
    names = dict.fromkeys(row["job"] for row in rows)
    order = [name for name in LAB if name in names] + [name for name in names if name not in LAB]
    return [best[name] for name in order]


def values(rows: Iterable[Row], column: str) -> list[float]:
    """The column's figures in the rows that were measured and have one."""
    return [row[column] for row in rows if row["status"] == "measured" and row[column] is not None]


def cell_rows(rows: Iterable[Row], storage_class: str, job: str) -> list[Row]:
    """All rows of a job on a class."""
    return [r for r in rows if r["storage_class"] == storage_class and r["job"] == job]


def logs(rows: Iterable[Row], column: str) -> Mapping[Hashable, float]:
    """By volume the mean logarithm of a cell's figures; empty if one of them is 0."""
    by_volume: dict[Hashable, list[float]] = {}
    for row in rows:
        if row["status"] == "measured" and row[column] is not None:
            by_volume.setdefault(row["volume"], []).append(row[column])
    if any(figure <= 0 for figures in by_volume.values() for figure in figures):
        return {}
    return {volume: fmean(map(log, figures)) for volume, figures in by_volume.items()}


def estimate(rows: Sequence[Row], figure: Figure) -> Estimate | TooFew | None:
    """A cell's figure with the range of its volumes, or of the repeats on its only one.

    It is the geometric mean; a percentile is that of all I/Os of all volumes, where their
    histograms are known, and TooFew where fewer than 100 I/Os lie beyond it.
    """
    measured = values(rows, figure.column)
    if not measured:
        return None
    if figure.direction and (few := too_few(rows, figure.direction, figure.percentile)):
        return few
    by_volume = logs(rows, figure.column)
    if not by_volume:
        return Estimate(0.0, min(measured), max(measured), len({r["volume"] for r in rows}))
    spread = [exp(one) for one in by_volume.values()] if len(by_volume) > 1 else measured
    value = pooled(rows, figure.direction, figure.percentile) if figure.direction else None
    if value is None:
        value = exp(fmean(by_volume.values()))
    several = len(spread) > 1
    low, high = (min(*spread, value), max(*spread, value)) if several else (None, None)
    return Estimate(value, low, high, len(by_volume))
