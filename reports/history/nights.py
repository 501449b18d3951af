"""The nights of a cluster as series: a figure of a class, one point a night."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log
from statistics import fmean
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reports.data.load import Row, newest_first, rows
from reports.history.changes import LATEST
from reports.speed.cross_check import disturbed
from reports.speed.figures import DIRECTIONS, JUDGED, Figure, figures_of, jobs, latency
from reports.text.units import SECONDS
from tasks.results.column import CONTROL
from tasks.results.store import ResultsError, read

# What else may have changed with a figure, of a run's facts and of its plan.
FACTS = ("kubernetes_version", "fio_version", "stormark_version", "image", "image_ids")
FIELDS = (
    "profile", "fio_file", "runtime_seconds", "ramp_seconds", "volume_size", "access_mode",
    "volume_mode", "rounds",
)  # fmt: skip
OF_RUNS = ("run_id", "started_at", "outcome", "cluster", "plan", "nodes", "flow", *FACTS)
OF_FIO = (
    "run_id", "storage_class", "job", "status", "pvc", "block_size_bytes", "io_depth", "num_jobs",
    "rw", "iops", "bandwidth_bytes_per_second",
    *(latency(d, percentile).column for d in DIRECTIONS for percentile in JUDGED),
)  # fmt: skip
CELL = ("run_id", "storage_class", "job")
OF_VOLUMES = ("run_id", "storage_class", "first_pod_seconds", "delete_seconds", "error")
NIGHTLY = "nightly"
# Where a pod came back, the worse later; which of two nodes is the scheduler's choice.
PLACES = (("same node", "other node"), ("after uncordon", "after repair"), ("never",))
OF_STORMS = (
    "run_id", "volume", "storage_class", "storm", "status", "kept", "recovery_seconds", "came_back",
)  # fmt: skip
PROVISIONING = (
    Figure("first_pod_seconds", "first pod", SECONDS),
    Figure("delete_seconds", "deletion", SECONDS),
)
RECOVERY = Figure("recovery_seconds", "recovery", SECONDS)


@dataclass(frozen=True)
class Series:
    """One figure of a class over the nights that have it: `runs` and `logs` of its points.

    `what` is a job, a storm, or provisioning.
    """

    name: str
    what: str
    figure: Figure
    runs: tuple[str, ...]
    logs: tuple[float, ...]

    @property
    def less_is_better(self) -> bool:
        """Whether it is a time."""
        return self.figure.less_is_better or self.figure.scales is SECONDS


class Fate(NamedTuple):
    """What became of a cell in a night: of a job on a class, or of a storm on a volume.

    `failed` where it has no result at all; `kept` is None where a storm's volume was not read back;
    `place` is the worst of where pods came back, empty for a job.
    """

    failed: bool
    kept: bool | None = True
    place: str = ""


@dataclass(frozen=True)
class Nights:
    """The nights of a cluster, the oldest first, and what they measured.

    `fates` has by night those of each (class, job) and (volume, storm) that it tried.
    """

    cluster: str
    runs: tuple[Row, ...]
    series: tuple[Series, ...]
    fates: dict[str, dict[tuple[str, str], Fate]]


def nights(location: str, cluster: str = "", until: datetime | None = None) -> Nights:
    """The newest nights of a cluster, or of that of the newest run, up to a time.

    Runs of the flow nightly, or where there is none, of the newest run's flow. ResultsError where
    there is no run.
    """
    runs = _newest_runs(location, cluster, until)[::-1]
    ids = [row["run_id"] for row in runs]
    fio = read(location, "fio", ids, OF_FIO)
    fio = fio.filter(pc.invert(pc.ends_with(fio["storage_class"], CONTROL)))
    others = disturbed(location, ids)
    cells = zip(*(fio[key].to_pylist() for key in CELL), strict=True) if others else ()
    quiet = fio.filter(pa.array([cell not in others for cell in cells])) if others else fio
    storms = rows(location, "storms", ids, OF_STORMS)
    volumes = rows(location, "volumes", ids, OF_VOLUMES)
    fates: dict[str, dict[tuple[str, str], Fate]] = {run: {} for run in ids}
    for run, cell, fate in (*_of_cells(fio), *_of_storm_cells(storms)):
        fates[run][cell] = fate
    return Nights(
        cluster=runs[0]["cluster"],
        runs=tuple(runs),
        series=(*_of_jobs(ids, quiet), *_of_volumes(ids, volumes), *_of_storms(ids, storms)),
        fates=fates,
    )


def _newest_runs(location: str, cluster: str, until: datetime | None) -> list[Row]:
    """The newest nights, the newest first: those of the first run's cluster and of one flow."""
    other_flows = list[Row]()
    nightly = list[Row]()
    for row in newest_first(location, OF_RUNS):
        if cluster not in ("", row["cluster"]) or (until and row["started_at"] > until):
            continue
        cluster = row["cluster"]
        (nightly if row["flow"] == NIGHTLY else other_flows).append(row)
        if len(nightly) > LATEST:
            break
    if not (nightly or other_flows):
        of = f" of cluster {cluster!r}" if cluster else ""
        raise ResultsError(f"no history: {location!r} holds no run{of}. `stormark runs` lists them")
    flow = NIGHTLY if nightly else other_flows[0]["flow"]
    return [row for row in nightly or other_flows if row["flow"] == flow][: LATEST + 1]


def _of_jobs(ids: Sequence[str], fio: pa.Table) -> list[Series]:
    """The figures of each job by which the newest of these nights judges it."""
    measured = fio.filter(pc.equal(fio["status"], "measured"))
    cells = measured.group_by(["job", "run_id"]).aggregate([]).to_pylist()
    last = {row["job"]: row["run_id"] for row in sorted(cells, key=lambda row: row["run_id"])}
    its_runs = measured.filter(
        pc.is_in(measured["run_id"], pa.array({*last.values()}, pa.string()))
    )
    newest_rows = [row for row in its_runs.to_pylist() if row["run_id"] == last[row["job"]]]
    return [
        series
        for job in jobs(newest_rows)
        for figure in figures_of(job, [row for row in newest_rows if row["job"] == job["job"]])
        for series in _of_figure(ids, measured, job["job"], figure)
    ]


def _of_figure(ids: Sequence[str], measured: pa.Table, job: str, figure: Figure) -> list[Series]:
    of_job = measured.filter(pc.equal(measured["job"], job))
    known = of_job.filter(pc.greater(of_job[figure.column], 0))
    logs = pc.ln(known[figure.column].cast(pa.float64()))
    cells = known.select(["storage_class", "run_id"]).append_column("log", logs)
    points = cells.group_by(["storage_class", "run_id"], use_threads=False)
    names = known["storage_class"].unique().to_pylist()
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    for row in points.aggregate([("log", "mean")]).to_pylist():
        found[row["storage_class"]][row["run_id"]] = row["log_mean"]
    return [_in_order(ids, name, job, figure, by_run) for name, by_run in found.items()]


def _in_order(
    ids: Sequence[str], name: str, what: str, figure: Figure, by_run: Mapping[str, float]
) -> Series:
    there = tuple(run for run in ids if run in by_run)
    return Series(name, what, figure, there, tuple(by_run[run] for run in there))


def _of_volumes(ids: Sequence[str], volumes: Sequence[Row]) -> list[Series]:
    usable = [
        row for row in volumes if not row["error"] and not row["storage_class"].endswith(CONTROL)
    ]
    return [
        series
        for figure in PROVISIONING
        for series in _series(ids, usable, figure, lambda _row: "provisioning")
    ]


def _of_storms(ids: Sequence[str], storms: Sequence[Row]) -> list[Series]:
    of_classes = [row for row in storms if row["status"] == "measured" and row["storage_class"]]
    named = [row | {"storage_class": row["volume"]} for row in of_classes]
    return _series(ids, named, RECOVERY, lambda row: row["storm"])


def _series(
    ids: Sequence[str], found: Iterable[Row], figure: Figure, what: Callable[[Row], str]
) -> list[Series]:
    """A series for each class and thing; a night's point is the mean logarithm of its rows."""
    points: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in found:
        if (value := row[figure.column]) is not None and value > 0:
            of = points.setdefault((row["storage_class"], what(row)), {})
            of.setdefault(row["run_id"], []).append(log(value))
    return [
        _in_order(ids, name, thing, figure, {run: fmean(logs) for run, logs in by_run.items()})
        for (name, thing), by_run in points.items()
    ]


def _of_cells(fio: pa.Table) -> Iterator[tuple[str, tuple[str, str], Fate]]:
    keys = ["run_id", "storage_class", "job"]
    measured = fio.select(keys).append_column("measured", pc.equal(fio["status"], "measured"))
    for cell in measured.group_by(keys).aggregate([("measured", "any")]).to_pylist():
        failed = not cell["measured_any"]
        yield cell["run_id"], (cell["storage_class"], cell["job"]), Fate(failed)


def _of_storm_cells(storms: Iterable[Row]) -> Iterator[tuple[str, tuple[str, str], Fate]]:
    by_cell: dict[tuple[str, tuple[str, str]], list[Row]] = {}
    for row in storms:
        if row["status"] in ("measured", "failed"):
            by_cell.setdefault((row["run_id"], (row["volume"], row["storm"])), []).append(row)
    for (run, cell), rounds in by_cell.items():
        yield run, cell, _fate([row for row in rounds if row["status"] == "measured"])


def _fate(measured: Sequence[Row]) -> Fate:
    """Of all rounds of a storm the worst."""
    kept = [row["kept"] for row in measured]
    places = [row["came_back"] for row in measured if row["came_back"]]
    return Fate(
        failed=not measured,
        kept=False if False in kept else None if None in kept else True,
        place=max(places, key=rank, default=""),
    )


def rank(place: str) -> int:
    """How bad it is to come back there, 0 the best."""
    return next((bad for bad, places in enumerate(PLACES) if place in places), 0)


def other_changes(before: Row, after: Row) -> list[str]:
    """What else was not the same in two nights, in words: versions, image, kernels, the plan."""
    plans = [json.loads(row["plan"] or "{}") for row in (before, after)]
    pairs = {fact: (before[fact], after[fact]) for fact in FACTS}
    pairs |= {f"plan field {one}": (plans[0].get(one), plans[1].get(one)) for one in FIELDS}
    pairs["kernels"] = (_kernels(before), _kernels(after))
    return [f"{what} {old} → {new}" for what, (old, new) in pairs.items() if old != new]


def _kernels(run: Row) -> str:
    return ", ".join(sorted({str(node["kernel"]) for node in run["nodes"] or []})) or "unknown"
