"""The newest nights as one: what classes are to each other, whatever a single volume was."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reports.data.load import Row, newest, rows
from reports.data.percentiles import TooFew, too_few
from reports.speed.comparison import (
    MARGIN_PERCENT,
    Cell,
    Comparison,
    bare,
    judged,
    of_control,
    unjudged,
)
from reports.speed.control import alarm, sentences
from reports.speed.cross_check import disturbed, told
from reports.speed.figures import DIRECTIONS, JUDGED, Figure, latency
from reports.speed.tables import comparison_table, note
from reports.text.markdown import markdown
from tasks.results.store import ResultsError, write_text

FACTS = ("kubernetes_version", "fio_version", "stormark_version", "image")
# What makes two nights the same measurement, of the plan. Where it says nothing, as old ones do of
# what was not known then, or an empty list, that is the same.
SAME = (
    "storage_classes", "profile", "fio_file", "fio_env", "rounds", "repeats", "within", "control",
    "runtime_seconds", "ramp_seconds", "volume_size", "access_mode", "volume_mode", "pvc",
    "node_selector",
)  # fmt: skip
OF_RUNS = (
    "run_id", "started_at", "outcome", "cells_planned", "cells_measured", "cluster", "plan", *FACTS,
)  # fmt: skip
OF_FIO = (
    "run_id", "storage_class", "job", "round", "repeat", "sequence", "status", "rw",
    "block_size_bytes", "io_depth", "num_jobs", "concurrent_jobs", "runtime_seconds", "iops",
    "bandwidth_bytes_per_second", *(f"{d}_iops" for d in DIRECTIONS if d != "sync"),
    "read_ios", "write_ios",
    *(latency(d, percentile).column for d in DIRECTIONS for percentile in JUDGED),
)  # fmt: skip


@dataclass(frozen=True)
class Pooled:
    """Nights of one measurement, the oldest first; what became of others; what changed within.

    `left_out` measured other jobs or classes, and of a date the `earlier` runs are left out. Of
    another plan were so `many` runs, which `differed` in so many of them by a field each.
    """

    cluster: str
    runs: tuple[str, ...]
    left_out: tuple[str, ...]
    earlier: tuple[str, ...]
    many: int
    differed: Mapping[str, int]
    unlike: tuple[str, ...]
    comparison: Comparison


def over_nights(location: str, last: int, cluster: str = "") -> Pooled:
    """Pair the classes by night, over the newest complete runs that measured the same.

    The newest complete run, of `cluster` if it is named, says what that is. Raises ResultsError if
    there is none.
    """
    known = [row for row in newest(location, columns=OF_RUNS) if _complete(row)]
    of_cluster = [row for row in known if cluster in ("", row["cluster"])]
    if not of_cluster:
        clusters = ", ".join(sorted({row["cluster"] for row in known})) or "none"
        raise ResultsError(
            f"no nights to compare: {location!r} holds no complete run with figures"
            + (f" of cluster {cluster!r}; it holds those of {clusters}" if cluster else "")
            + ". `stormark runs` lists what it holds."
        )
    first = of_cluster[0]
    on_it = [row for row in of_cluster if row["cluster"] == first["cluster"]]
    others = [found for row in on_it if (found := _differs(row, first))]
    same = [row for row in on_it if not _differs(row, first)]
    nights = {row["started_at"].date(): row for row in reversed(same)}  # of a date, the newest run
    alike = [row for row in same if nights[row["started_at"].date()] is row][:last]
    since = alike[-1]["started_at"].date()
    fio = rows(location, "fio", [row["run_id"] for row in alike], OF_FIO)
    cells: dict[str, set[tuple[str, str]]] = {row["run_id"]: set() for row in alike}
    for row in fio:
        cells[row["run_id"]].add((row["storage_class"], row["job"]))
    used = [row for row in alike if cells[row["run_id"]] == cells[first["run_id"]]]
    runs = tuple(row["run_id"] for row in reversed(used))
    noisy = disturbed(location, runs)  # what somebody else's I/O decided says nothing of a class
    fio = [row for row in fio if (row["run_id"], row["storage_class"], row["job"]) not in noisy]
    return Pooled(
        cluster=first["cluster"],
        runs=runs,
        left_out=tuple(row["run_id"] for row in alike if row["run_id"] not in runs),
        earlier=tuple(
            row["run_id"] for row in same if row not in alike and row["started_at"].date() >= since
        ),
        many=len(others),
        differed=Counter(field for fields in others for field in fields),
        unlike=(*_unlike(used), *told(noisy)),
        comparison=_comparison(location, first, [row for row in fio if row["run_id"] in runs]),
    )


def _complete(row: Row) -> bool:
    return row["outcome"] == "complete" and (row["cells_measured"] or 0) > 0


def _differs(row: Row, first: Row) -> list[str]:
    """The fields of a run's plan by which it measured something else than the first."""
    mine, other = (json.loads(run["plan"] or "{}") for run in (row, first))
    return [field for field in SAME if (mine.get(field) or None) != (other.get(field) or None)]


def _unlike(runs: Sequence[Row]) -> list[str]:
    """What changed between the nights besides the storage, a sentence each."""
    counted = {fact: Counter(str(row[fact]) for row in runs) for fact in FACTS}
    return [
        f"Not alike: {fact} was {', '.join(_times(*one) for one in values.items())}"
        for fact, values in counted.items()
        if len(values) > 1
    ]


def _times(value: str, runs: int) -> str:
    return f"{value} in {_runs(runs)}"


def _runs(number: int) -> str:
    return f"{number} run{'s' if number > 1 else ''}"


def _comparison(location: str, first: Row, fio: Sequence[Row]) -> Comparison:
    """The classes of the newest run over all nights, each night a unit."""
    of_nights = [row | {"volume": row["run_id"]} for row in fio]
    found = rows(location, "classes", [first["run_id"]], ("storage_class", "position"))
    order = [row["storage_class"] for row in sorted(found, key=lambda row: row["position"] or 0)]
    there = dict.fromkeys(row["storage_class"] for row in fio)
    names = [name for name in dict.fromkeys([*order, *there]) if name in there]
    classes, control = of_control(names)

    def make(name: str, _: Row, figure: Figure, of_class: list[Row]) -> Cell:
        cell = bare(name, of_class, figure)
        few = _fewest(of_class, figure)
        return replace(cell, estimate=few, logs={}) if few else cell

    plan = json.loads(first["plan"] or "{}")
    margin = float(plan.get("equal_within_percent") or MARGIN_PERCENT)
    return Comparison(
        classes,
        rounds=len({row["run_id"] for row in fio}),
        rows=judged(unjudged(of_nights, names, make), margin, by_night=True),
        control=control,
        margin_percent=margin,
        unit="night",
    )


def _fewest(of_class: Sequence[Row], figure: Figure) -> TooFew | None:
    """The night with the fewest I/Os, if that has too few for its own percentile."""
    if not figure.percentile:
        return None
    by_night: dict[str, list[Row]] = {}
    for row in of_class:
        by_night.setdefault(row["run_id"], []).append(row)
    found = (too_few(rows_of, figure.direction, figure.percentile) for rows_of in by_night.values())
    return min(filter(None, found), key=lambda few: few.seen, default=None)


def about(pooled: Pooled) -> list[str]:
    """Which nights these are, a sentence each."""
    said = [f"{len(pooled.runs)} nights of {pooled.cluster}: {pooled.runs[0]} to {pooled.runs[-1]}"]
    if pooled.left_out:
        said.append(
            f"Left out, having measured other jobs or classes: {', '.join(pooled.left_out)}"
        )
    if pooled.earlier:
        said.append(
            "Left out, since a date is one night and its newest run stands for it: "
            f"{', '.join(pooled.earlier)}"
        )
    if pooled.many:
        fields = ", ".join(f"{field} in {runs}" for field, runs in pooled.differed.items())
        said.append(f"Left out, of another plan: {_runs(pooled.many)}, by {fields}")
    return [*said, *pooled.unlike]


def render(pooled: Pooled) -> str:
    """The nights as markdown."""
    parts = [
        f"# {markdown(' and '.join(pooled.comparison.classes))} over {len(pooled.runs)} nights",
        "\n".join(f"- {markdown(words)}" for words in about(pooled)),
        *(f"**Warning: {markdown(words)}.**" for words in [alarm(pooled.comparison)] if words),
        comparison_table(pooled.comparison),
        f"{note(pooled.comparison)} Figures of one night are a pair: what a night does to all "
        "classes alike is in no ratio.",
        *(f"- {markdown(words)}" for words in sentences(pooled.comparison)),
    ]
    return "\n\n".join(parts) + "\n"


def write(location: str, pooled: Pooled) -> str:
    """Write them below `reports/`, and return where."""
    name = f"reports/last-{len(pooled.runs)}-until-{pooled.runs[-1]}.md"
    return write_text(location, name, render(pooled))
