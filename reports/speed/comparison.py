"""The comparison of a run's classes as data, before it is text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from reports.data.load import Row, Run, class_names
from reports.data.stats import Estimate, distinguishable, estimate
from reports.speed.caveats import Caveat, caveats
from reports.text.units import COUNT, LATENCY, MIB, Scales

LAB = ("read_iops", "write_iops", "read_bw", "write_bw")
SMALL_BLOCK = 16 * 1024  # up to here a device is limited by operations, above by bytes


@dataclass(frozen=True)
class Figure:
    """A column of the fio table by which a job is judged."""

    column: str
    label: str
    scales: Scales
    less_is_better: bool = False


IOPS = Figure("iops", "IOPS", COUNT)
BANDWIDTH = Figure("bandwidth_bytes_per_second", "MiB/s", MIB)
SYNC_P99 = Figure("sync_latency_p99_ns", "sync p99", LATENCY, less_is_better=True)


class Verdict(Enum):
    """What may be said of a cell next to the reference's."""

    REFERENCE = "is the reference"
    DIFFERENT = "the intervals do not overlap"
    SAME = "the intervals overlap"
    ONE_REPEAT = "one of the two is a single repeat"
    UNKNOWN = "one of the two has no figure"


@dataclass(frozen=True)
class Failure:
    """One reason on one class, numbered as in the report, and the (job, repeat) pairs it cost."""

    number: int
    storage_class: str
    error: str
    of_volume: bool
    cells: tuple[tuple[str, int], ...]

    def touches(self, storage_class: str, job: str) -> bool:
        """Whether it explains a missing figure; an unusable volume explains all of its class."""
        mine = self.storage_class == storage_class
        return mine and (self.of_volume or any(name == job for name, _ in self.cells))


@dataclass(frozen=True)
class Cell:
    """A figure of one job on one class; `ratio` is its median ÷ the reference's.

    Of `planned` repeats so many are `measured`. `ratio_interval` is filled in where runs stand side
    by side (reports/nights.py).
    """

    storage_class: str
    estimate: Estimate | None
    measured: int
    failures: tuple[Failure, ...]
    warned: bool
    planned: int = 0
    ratio: float | None = None
    ratio_interval: Estimate | None = None
    verdict: Verdict = Verdict.UNKNOWN
    best: bool = False


@dataclass(frozen=True)
class ComparisonRow:
    """One job (a fio row that knows its block size and so on) judged by one figure."""

    job: Row
    figure: Figure
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Comparison:
    """All rows; each has one cell a class, in the order of `classes`, the reference first."""

    classes: tuple[str, ...]
    repeats: int
    rows: tuple[ComparisonRow, ...]
    failures: tuple[Failure, ...]
    caveats: tuple[Caveat, ...]


def compare(run: Run, planned: Mapping[str, int] | None = None) -> Comparison:
    """Compare the run's classes, job by job; `planned` has their repeats, if not the plan's."""
    classes = class_names(run)
    repeats = {name: run.plan.get("repeats", 0) for name in classes} | dict(planned or {})
    for row in run.fio:
        if (name := row["storage_class"]) in repeats:
            repeats[name] = max(repeats[name], row["repeat"])
    failures, warnings = _failures(run), caveats(run)
    warned = {cell for warning in warnings for cell in warning.cells}
    return Comparison(
        classes=classes,
        repeats=max(repeats.values(), default=0),
        rows=tuple(
            ComparisonRow(
                job,
                figure,
                _cells(run, repeats, job["job"], figure, failures=failures, warned=warned),
            )
            for job in jobs(run)
            for figure in _figures(run, job)
        ),
        failures=failures,
        caveats=warnings,
    )


def jobs(run: Run) -> list[Row]:
    """One row a job, the lab's four first; a row that was measured stands for the others."""
    measured_last = sorted(run.fio, key=lambda row: row["status"] == "measured")
    best = {row["job"]: row for row in measured_last}
    names = dict.fromkeys(row["job"] for row in run.fio)
    order = [name for name in LAB if name in names] + [name for name in names if name not in LAB]
    return [best[name] for name in order]


def values(rows: Iterable[Row], column: str) -> list[float]:
    """The column's figures in the rows that were measured and have one."""
    return [row[column] for row in rows if row["status"] == "measured" and row[column] is not None]


def cell_rows(run: Run, storage_class: str, job: str) -> list[Row]:
    """All repeats of a job on a class."""
    return [r for r in run.fio if r["storage_class"] == storage_class and r["job"] == job]


def _figures(run: Run, job: Row) -> list[Figure]:
    large = (job["block_size_bytes"] or 0) > SMALL_BLOCK
    syncs = values([row for row in run.fio if row["job"] == job["job"]], SYNC_P99.column)
    return [BANDWIDTH if large else IOPS, *([SYNC_P99] if syncs else [])]


def _failures(run: Run) -> tuple[Failure, ...]:
    volumes = {(v["storage_class"], v["error"]) for v in run.volumes if v["error"]}
    cells: dict[tuple[str, str], list[tuple[str, int]]] = {key: [] for key in sorted(volumes)}
    for row in run.fio:
        if row["status"] != "measured":
            key = (row["storage_class"], row["error"] or "no reason was recorded")
            cells.setdefault(key, []).append((row["job"], row["repeat"]))
    return tuple(
        Failure(number, *key, of_volume=key in volumes, cells=tuple(lost))
        for number, (key, lost) in enumerate(cells.items(), start=1)
    )


def _cells(
    run: Run,
    repeats: Mapping[str, int],
    job: str,
    figure: Figure,
    *,
    failures: Sequence[Failure],
    warned: set[tuple[str, str]],
) -> tuple[Cell, ...]:
    cells = []
    for name, planned in repeats.items():
        measured = values(cell_rows(run, name, job), figure.column)
        cells.append(
            Cell(
                storage_class=name,
                estimate=estimate(measured) if measured else None,
                measured=len(measured),
                failures=tuple(f for f in failures if f.touches(name, job)),
                warned=(name, job) in warned,
                planned=planned,
            )
        )
    best = _best(cells, figure)
    return tuple(
        replace(_judged(cell, cells[0]), best=cell.storage_class == best) for cell in cells
    )


def _judged(cell: Cell, reference: Cell) -> Cell:
    if cell is reference:
        return replace(cell, verdict=Verdict.REFERENCE)
    mine, theirs = cell.estimate, reference.estimate
    if mine is None or theirs is None:
        return cell
    ratio = mine.median / theirs.median if theirs.median else None
    if 1 in (mine.repeats, theirs.repeats):
        return replace(cell, ratio=ratio, verdict=Verdict.ONE_REPEAT)
    different = distinguishable(mine, theirs)
    return replace(cell, ratio=ratio, verdict=Verdict.DIFFERENT if different else Verdict.SAME)


def _best(cells: Sequence[Cell], figure: Figure) -> str | None:
    """The class whose figure is better than, and distinguishable from, that of all others."""
    known = [(c.estimate, c.storage_class) for c in cells if c.estimate is not None]
    known.sort(key=lambda k: k[0].median, reverse=not figure.less_is_better)
    if len(known) < 2 or not all(distinguishable(known[0][0], k[0]) for k in known[1:]):
        return None
    return known[0][1]
