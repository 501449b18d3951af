"""The figure of one class: one number a volume, and what these say of the class."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, sqrt
from statistics import median
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from reports.data.load import Row, Run, class_names
from reports.data.percentiles import PERCENTILES, TooFew, histogram, pooled, too_few
from reports.data.stats import FEWEST
from reports.decision.doubts import doubt, warnings
from reports.text.units import COUNT, LATENCY, MIB, quantity, seconds, tenths
from tasks.results.column import CONTROL

CONFIDENCE = 0.95
ENOUGH = FEWEST  # volumes; of fewer, nothing is concluded
LONG = 5.0  # seconds; of a job that ran for less, the verdict is not set in bold
RANDOM_READ, RANDOM_WRITE = ("randread",), ("randwrite",)
SMALL, LARGE = (1, 16 * 2**10), (128 * 2**10, None)
# How jobs at a fixed rate are called, whose rows do not have the rate: mixed reads and writes.
PACED, PACED_ACCESS = "paced", ("randrw",)
PERCENTILE = re.compile(r"(\w+)_latency_(p\d+)_ns")
ZEROS = re.compile(r"(?:(\.\d*?[1-9])|\.)0+(?=\D|$)")


class Kind(NamedTuple):
    """A figure of a class: the column it stands in, and the jobs that measure it, by their rows."""

    label: str
    column: str
    access: tuple[str, ...]
    blocks: tuple[int, int | None]
    depths: tuple[int, int | None]
    words: Callable[[float], str]
    less_is_better: bool = False
    direct: bool = True
    per_unit: float = 1.0  # how many of the column's unit are one of the figure's


def _operations(value: float) -> str:
    return f"{quantity(value, COUNT)} IOPS"


def _bandwidth(value: float) -> str:
    return f"{quantity(value, MIB)} MiB/s"


def _latency(value: float) -> str:
    return quantity(value * 1e9, LATENCY)


READ_BYTES, WRITE_BYTES = "read_bandwidth_bytes_per_second", "write_bandwidth_bytes_per_second"
DEEP, DEEP_ENOUGH_FOR_BYTES, ALONE = (32, None), (8, None), (1, 1)
PROVISIONING = "provision_seconds"
KINDS = {
    "read_iops": Kind("random reads", "read_iops", RANDOM_READ, SMALL, DEEP, _operations),
    "write_iops": Kind("random writes", "write_iops", RANDOM_WRITE, SMALL, DEEP, _operations),
    "read_bytes_per_second": Kind(
        "reading", READ_BYTES, ("read", "randread"), LARGE, DEEP_ENOUGH_FOR_BYTES, _bandwidth
    ),
    "write_bytes_per_second": Kind(
        "writing", WRITE_BYTES, ("write", "randwrite"), LARGE, DEEP_ENOUGH_FOR_BYTES, _bandwidth
    ),
    "commit_p99_seconds": Kind(
        "commit p99", "sync_latency_p99_ns", ("write", "randwrite"), SMALL, ALONE, _latency,
        less_is_better=True, direct=False, per_unit=1e9,
    ),
    "read_p99_seconds": Kind(
        "read p99", "read_latency_p99_ns", ("randread", "randrw"), SMALL, ALONE, _latency,
        less_is_better=True, per_unit=1e9,
    ),
    PROVISIONING: Kind(
        "ready after", "first_pod_seconds", (), SMALL, ALONE, seconds, less_is_better=True
    ),
}  # fmt: skip


def throughput_kind(figure: str) -> Kind:
    """Any job's operations, `iops`, or bytes a second, of reads and writes together."""
    if figure == "iops":
        return Kind("operations", "iops", (), SMALL, ALONE, _operations)
    return Kind("throughput", "bandwidth_bytes_per_second", (), LARGE, ALONE, _bandwidth)


@dataclass(frozen=True)
class ClassFigure:
    """The geometric mean over a class's volumes, and each volume's; bounds from three volumes on.

    `jobs` are the names of what measured it, and the longest of them `ran_for` so many seconds;
    `doubt` says why it may not be the storage's, `warned` that a warning touches it. A percentile
    has its I/Os by `volumes` in `histograms`, where these are known, and `tail` is the share of
    them that lies beyond it; of TooFew for it, the value is not for printing.
    """

    kind: Kind
    value: float
    low: float | None
    high: float | None
    volumes: tuple[float, ...]
    jobs: tuple[str, ...] = ()
    doubt: str = ""
    warned: bool = False
    too_few: TooFew | None = None
    histograms: tuple[Mapping[int, int], ...] = ()
    tail: float = 0.0
    ran_for: float | None = None

    @property
    def basis(self) -> str:
        """`one volume, jobs of 3.0 s`: on how little it rests; empty where that is enough."""
        brief = self.ran_for is not None and self.ran_for < LONG
        return ", ".join(filter(None, [self.of_few, f"jobs of {tenths(self.ran_for)}" * brief]))

    @property
    def words(self) -> str:
        """The figure, with the bounds that it has."""
        known = [bound for bound in (self.low, self.high) if bound is not None]
        value, *bounds = map(self.kind.words, [self.value, *known])
        if set(bounds) <= {value}:
            return value
        return f"{value}, between {' and '.join(bounds)}"

    @property
    def of_few(self) -> str:
        """`one volume`, where there are too few for a conclusion; else empty."""
        return volumes_in_words(len(self.volumes)) if len(self.volumes) < ENOUGH else ""


def in_words(kind_name: str, value: float) -> str:
    """A round figure, such as a threshold: `10 ms`, `3,000 IOPS`, where a measured one has k."""
    if KINDS[kind_name].words is _operations:
        return f"{value:,.10g} IOPS"
    return ZEROS.sub(r"\1", KINDS[kind_name].words(value))


def volumes_in_words(count: int) -> str:
    """So many volumes, as `one volume` or `12 volumes`."""
    names = {1: "one volume", 2: "two volumes", 3: "three volumes"}
    return names.get(count, f"{count} volumes")


def classes_of(run: Run) -> tuple[str, ...]:
    """The run's classes, the reference first, without its control."""
    return tuple(name for name in class_names(run) if not name.endswith(CONTROL))


def figures_of(
    run: Run, name: str, kind_name: str, blocks: tuple[int, int | None] | None = None
) -> list[ClassFigure]:
    """A class's figures of a kind, one for each job that measures it; `blocks` narrow the sizes."""
    kind = KINDS[kind_name]
    if kind_name == PROVISIONING:
        rows = [row for row in run.volumes if row["storage_class"] == name]
        known = [row[kind.column] for row in rows if row[kind.column]]
        figure = summary(kind, known)
        # as in the report's table of provisioning
        return [replace(figure, value=median(known))] if figure else []
    rows = [row for row in run.fio if row["storage_class"] == name and measures(kind, row, blocks)]
    if kind_name == "read_p99_seconds" and any(_is_paced(row) for row in rows):
        rows = [row for row in rows if _is_paced(row)]
    by_job: dict[str, list[Row]] = {}
    for row in rows:
        by_job.setdefault(row["job"], []).append(row)
    return [
        figure for job, mine in by_job.items() if (figure := _of_job(run, name, kind, job, mine))
    ]


def _of_job(run: Run, name: str, kind: Kind, job: str, rows: list[Row]) -> ClassFigure | None:
    """A job's figure; a percentile is that of all I/Os of all volumes, where histograms are."""
    figure = summary(kind, of_volumes(rows, kind), (job,))
    if figure is None:
        return None
    figure = replace(
        figure,
        doubt=doubt(run, name, rows),
        warned=bool(warnings(rows)),
        ran_for=max((row["runtime_seconds"] or 0 for row in rows), default=None),
    )
    found = PERCENTILE.fullmatch(kind.column)
    return _of_all(figure, rows, *found.groups()) if found else figure


def _of_all(figure: ClassFigure, rows: list[Row], direction: str, percentile: str) -> ClassFigure:
    """A percentile by all I/Os of all volumes; without histograms it stays the volumes' mean."""
    figure = replace(
        figure,
        too_few=too_few(rows, direction, percentile),
        tail=1 - PERCENTILES[percentile],
    )
    if not (of_all := pooled(rows, direction, percentile)):
        return figure
    by_volume: dict[object, list[Row]] = {}
    for row in rows:
        by_volume.setdefault(row["volume"], []).append(row)
    histograms = (histogram(mine, direction) for mine in by_volume.values())
    value = of_all / figure.kind.per_unit
    low, high = figure.low, figure.high
    if low is not None and high is not None:
        low, high = min(low, value), max(high, value)
    known = tuple(one for one in histograms if one)
    return replace(figure, value=value, low=low, high=high, histograms=known)


def measures(kind: Kind, row: Row, blocks: tuple[int, int | None] | None = None) -> bool:
    """Whether a row of the fio table measures a kind of figure, by the conditions it ran under."""
    depth = (row["io_depth"] or 1) * (row["num_jobs"] or 1)
    return (
        row["status"] == "measured"
        and bool(row[kind.column])
        and row["rw"] in kind.access
        and _within(row["block_size_bytes"] or 0, blocks or kind.blocks)
        and (row["rw"] in PACED_ACCESS) == _is_paced(row)
        and (_within(depth, kind.depths) or _is_paced(row))
        and (not kind.direct or row["direct"] is not False)
        and (row["concurrent_jobs"] or 1) == 1
    )


def _is_paced(row: Row) -> bool:
    return bool(row["job"].startswith(PACED))


def _within(value: int, bounds: tuple[int, int | None]) -> bool:
    return bounds[0] <= value and (bounds[1] is None or value <= bounds[1])


def of_volumes(rows: Iterable[Row], kind: Kind) -> list[float]:
    """One number a volume: the geometric mean of its repeats, in the figure's unit."""
    found: dict[object, list[float]] = {}
    for row in rows:
        if row[kind.column]:
            found.setdefault(row["volume"], []).append(row[kind.column] / kind.per_unit)
    return [_mean(repeats) for repeats in found.values()]


def summary(kind: Kind, volumes: list[float], jobs: tuple[str, ...] = ()) -> ClassFigure | None:
    """The geometric mean of volumes, with its 95 % interval from three on; None for none.

    The interval is Student's, of the mean of the logarithms: volumes of a class differ by factors.
    """
    if not volumes:
        return None
    mean, count = _mean(volumes), len(volumes)
    low = high = None
    if count >= ENOUGH:
        spread = float(np.std(np.log(volumes), ddof=1)) if len(set(volumes)) > 1 else 0.0
        reach = exp(float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * spread / sqrt(count))
        low, high = mean / reach, mean * reach
    return ClassFigure(kind, mean, low, high, tuple(sorted(volumes)), jobs)


def _mean(values: Sequence[float]) -> float:
    """The geometric mean; of equal values these, to the last bit, as a threshold may be one."""
    if len(set(values)) == 1:
        return values[0]
    with np.errstate(divide="ignore"):  # a figure of 0 makes a mean of 0
        return float(np.exp(np.log(values).mean()))
