"""The nights of a cluster as series: a figure of a class, one point a night."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log
from statistics import fmean
from typing import TYPE_CHECKING

from reports.data.load import CONTROL, Row, newest, rows
from reports.history.changes import LATEST
from reports.speed.figures import DIRECTIONS, JUDGED, Figure, figures_of, jobs, latency
from reports.text.units import SECONDS
from tasks.results.store import ResultsError, read_table

if TYPE_CHECKING:  # whoever has one night only need not wait for its import
    import pandas as pd

# What else may have changed with a figure, of a run's facts and of its plan.
FACTS = ("kubernetes_version", "fio_version", "stormark_version", "image")
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
OF_VOLUMES = ("run_id", "storage_class", "first_pod_seconds", "delete_seconds", "error")
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


@dataclass(frozen=True)
class Nights:
    """The nights of a cluster, the oldest first, and what they measured.

    `fates` has by night, for each (volume, storm), whether every round kept what was acknowledged,
    and where its pod came back; `failed` what had no figure at all.
    """

    cluster: str
    runs: tuple[Row, ...]
    series: tuple[Series, ...]
    fates: dict[str, dict[tuple[str, str], tuple[bool | None, str]]]
    failed: dict[str, set[tuple[str, str]]]


def nights(location: str, cluster: str = "", until: datetime | None = None) -> Nights:
    """The newest nights of a cluster, or of that of the newest run, up to a time: runs of one flow.

    ResultsError where there is none.
    """
    known = [
        row
        for row in newest(location, columns=OF_RUNS)
        if cluster in ("", row["cluster"]) and (until is None or row["started_at"] <= until)
    ]
    alike = ("cluster", "flow")
    of_one = [row for row in known if all(row[of] == known[0][of] for of in alike)][: LATEST + 1]
    if not of_one:
        of = f" of cluster {cluster!r}" if cluster else ""
        raise ResultsError(f"no history: {location!r} holds no run{of}. `stormark runs` lists them")
    ids = [row["run_id"] for row in reversed(of_one)]
    fio = read_table(location, "fio", ids, OF_FIO)
    storms = rows(location, "storms", ids, OF_STORMS)
    volumes = rows(location, "volumes", ids, OF_VOLUMES)
    return Nights(
        cluster=of_one[0]["cluster"],
        runs=tuple(reversed(of_one)),
        series=(*_of_jobs(ids, fio), *_of_volumes(ids, volumes), *_of_storms(ids, storms)),
        fates={run: _fates(row for row in storms if row["run_id"] == run) for run in ids},
        failed=_failed(fio),
    )


def _of_jobs(ids: Sequence[str], fio: "pd.DataFrame") -> list[Series]:
    """The figures of each job by which the newest of these nights judges it."""
    classes = ~fio["storage_class"].str.endswith(CONTROL).astype(bool)
    measured = fio[(fio["status"] == "measured") & classes]
    last = measured[measured["run_id"] == measured.groupby("job")["run_id"].transform("max")]
    found = last.astype(object).where(last.notna(), None).to_dict("records")
    newest_rows = [{f"{column}": value for column, value in row.items()} for row in found]
    return [
        series
        for job in jobs(newest_rows)
        for figure in figures_of(job, [row for row in newest_rows if row["job"] == job["job"]])
        for series in _of_figure(ids, measured[measured["job"] == job["job"]], job["job"], figure)
    ]


def _of_figure(
    ids: Sequence[str], measured: "pd.DataFrame", job: str, figure: Figure
) -> list[Series]:
    known = measured[measured[figure.column] > 0]
    logs = known[figure.column].astype(float).map(log)
    points = logs.groupby([known["storage_class"], known["run_id"]], sort=False).mean()
    found: dict[str, dict[str, float]] = {}
    names, runs = (points.index.get_level_values(level) for level in (0, 1))
    for name, run, point in zip(names, runs, points, strict=True):
        found.setdefault(name, {})[run] = point
    return [_in_order(ids, name, job, figure, by_run) for name, by_run in found.items()]


def _in_order(
    ids: Sequence[str], name: str, what: str, figure: Figure, by_run: Mapping[str, float]
) -> Series:
    there = tuple(run for run in ids if run in by_run)
    return Series(name, what, figure, there, tuple(by_run[run] for run in there))


def _of_volumes(ids: Sequence[str], volumes: Sequence[Row]) -> list[Series]:
    usable = [row for row in volumes if not row["error"] and row["storage_class"]]
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


def _fates(storms: Iterable[Row]) -> dict[tuple[str, str], tuple[bool | None, str]]:
    by_cell: dict[tuple[str, str], list[Row]] = {}
    for row in storms:
        if row["status"] == "measured":
            by_cell.setdefault((row["volume"], row["storm"]), []).append(row)
    return {cell: _fate(rounds) for cell, rounds in by_cell.items()}


def _fate(rounds: Sequence[Row]) -> tuple[bool | None, str]:
    """Whether all rounds kept everything, None if one was not read; and where pods came back."""
    kept = [row["kept"] for row in rounds]
    places = ", ".join(sorted({row["came_back"] for row in rounds if row["came_back"]}))
    return (False if False in kept else None if None in kept else True), places


def _failed(fio: "pd.DataFrame") -> dict[str, set[tuple[str, str]]]:
    """By night, the (class, job) pairs that were tried and have no figure at all."""
    measured = (
        (fio["status"] == "measured")
        .groupby([fio["run_id"], fio["storage_class"], fio["job"]])
        .any()
    )
    found = defaultdict[str, set[tuple[str, str]]](set)
    for run, name, job in measured[~measured].index:
        found[run].add((name, job))
    return found


def other_changes(before: Row, after: Row) -> list[str]:
    """What else was not the same in two nights, in words: versions, image, kernels, the plan."""
    plans = [json.loads(row["plan"] or "{}") for row in (before, after)]
    pairs = {fact: (before[fact], after[fact]) for fact in FACTS}
    pairs |= {f"plan field {one}": (plans[0].get(one), plans[1].get(one)) for one in FIELDS}
    pairs["kernels"] = (_kernels(before), _kernels(after))
    return [f"{what} {old} → {new}" for what, (old, new) in pairs.items() if old != new]


def _kernels(run: Row) -> str:
    return ", ".join(sorted({str(node["kernel"]) for node in run["nodes"] or []})) or "unknown"
