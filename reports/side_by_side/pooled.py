"""The newest nights as one: what classes are to each other, whatever a single volume was."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports.data.load import Row, newest, rows
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
# What makes two nights the same measurement, of the plan.
SAME = (
    "storage_classes", "profile", "fio_file", "runtime_seconds", "ramp_seconds", "volume_size",
    "access_mode", "volume_mode",
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
    """Nights of one measurement, the oldest first; what became of others; what changed within."""

    cluster: str
    runs: tuple[str, ...]
    left_out: tuple[str, ...]
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
    alike = [row for row in of_cluster if _measured(row) == _measured(first)][:last]
    fio = rows(location, "fio", [row["run_id"] for row in alike], OF_FIO)
    cells: dict[str, set[tuple[str, str]]] = {row["run_id"]: set() for row in alike}
    for row in fio:
        cells[row["run_id"]].add((row["storage_class"], row["job"]))
    used = [row for row in alike if cells[row["run_id"]] == cells[first["run_id"]]]
    runs = tuple(row["run_id"] for row in reversed(used))
    others = disturbed(location, runs)  # what somebody else's I/O decided says nothing of a class
    fio = [row for row in fio if (row["run_id"], row["storage_class"], row["job"]) not in others]
    return Pooled(
        cluster=first["cluster"],
        runs=runs,
        left_out=tuple(row["run_id"] for row in alike if row["run_id"] not in runs),
        unlike=(*_unlike(used), *told(others)),
        comparison=_comparison(location, first, [row for row in fio if row["run_id"] in runs]),
    )


def _complete(row: Row) -> bool:
    return row["outcome"] == "complete" and (row["cells_measured"] or 0) > 0


def _measured(row: Row) -> tuple[str, str]:
    """What a run measured, and where."""
    plan = json.loads(row["plan"] or "{}")
    return row["cluster"], json.dumps([plan.get(field) for field in SAME])


def _unlike(runs: Sequence[Row]) -> list[str]:
    """What changed between the nights besides the storage, a sentence each."""
    counted = {fact: Counter(str(row[fact]) for row in runs) for fact in FACTS}
    return [
        f"Not alike: {fact} was {', '.join(_times(*one) for one in values.items())}"
        for fact, values in counted.items()
        if len(values) > 1
    ]


def _times(value: str, runs: int) -> str:
    return f"{value} in {runs} run{'s' if runs > 1 else ''}"


def _comparison(location: str, first: Row, fio: Sequence[Row]) -> Comparison:
    """The classes of the newest run over all nights, each night a unit."""
    of_nights = [row | {"volume": row["run_id"]} for row in fio]
    found = rows(location, "classes", [first["run_id"]], ("storage_class", "position"))
    order = [row["storage_class"] for row in sorted(found, key=lambda row: row["position"] or 0)]
    there = dict.fromkeys(row["storage_class"] for row in fio)
    names = [name for name in dict.fromkeys([*order, *there]) if name in there]
    classes, control = of_control(names)

    def make(name: str, _: Row, figure: Figure, of_class: list[Row]) -> Cell:
        return bare(name, of_class, figure)

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


def about(pooled: Pooled) -> list[str]:
    """Which nights these are, a sentence each."""
    said = [f"{len(pooled.runs)} nights of {pooled.cluster}: {pooled.runs[0]} to {pooled.runs[-1]}"]
    if pooled.left_out:
        said.append(
            f"Left out, having measured other jobs or classes: {', '.join(pooled.left_out)}"
        )
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
