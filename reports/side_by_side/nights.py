"""Runs side by side: one night and another, or one cluster and another."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.data.load import Run, class_names, load
from reports.side_by_side.rows import TextRow, comparison_rows, volume_rows
from reports.speed.comparison import Comparison, compare
from reports.speed.words import few
from reports.storms.survival import survive
from reports.text.markdown import Markdown, markdown, table
from tasks.results.store import ResultsError, write_text

FACTS = ("cluster", "kubernetes_version", "fio_version", "stormark_version", "image")
MOST = 8  # columns that a person can read, and run ids that fit into a file name


@dataclass(frozen=True)
class Nights:
    """Runs, the first is the reference; figures by class, a column a run, and what survived."""

    runs: tuple[str, ...]
    unlike: list[str]
    speed: dict[str, Comparison]
    survival: list[TextRow]


def side_by_side(location: str, run_ids: Sequence[str]) -> Nights:
    """Put runs side by side, what they have in common. ResultsError if one is not there."""
    run_ids = list(dict.fromkeys(run_ids))
    if not 2 <= len(run_ids) <= MOST:
        raise ResultsError(
            f"{len(run_ids)} runs cannot stand side by side, 2 to {MOST} can. "
            "`stormark runs` lists them"
        )
    runs = [load(location, run_id) for run_id in run_ids]
    names = dict.fromkeys(name for run in runs for name in class_names(run))
    planned = {run_id: run.rounds for run_id, run in zip(run_ids, runs, strict=True)}
    return Nights(
        runs=tuple(run_ids),
        unlike=_unlike(runs),
        speed={
            name: compare(_of_class(name, runs, run_ids), planned)
            for name in names
            if any(row["storage_class"] == name for run in runs for row in run.fio)
        },
        survival=_survival(runs, run_ids),
    )


def render(nights: Nights) -> str:
    """The runs side by side as markdown."""
    first, *others = nights.runs
    parts = [
        f"# {markdown(first)} and {markdown(', '.join(others))}",
        "\n".join(f"- {markdown(words)}" for words in nights.unlike)
        or "The runs had the same plan, on the same cluster, with the same versions.",
    ]
    for name, comparison in nights.speed.items():
        parts += [f"## Speed of {markdown(name)}", _table(comparison_rows(comparison))]
    if nights.survival:
        parts += ["## Survival", _table(nights.survival)]
    parts.append(about(nights))
    return "\n\n".join(parts) + "\n"


def about(nights: Nights) -> str:
    """What the ratios between runs are, and what they are not."""
    first = markdown(nights.runs[0])
    cells = [c for speed in nights.speed.values() for row in speed.rows for c in row.cells[1:]]
    if few(cells):
        return (
            f"Geometric means with their range; `0.90×` is the ratio to {first}. Two runs are two "
            "volumes, where they have fewer than three rounds each: it may be these that differ, "
            "so there is no verdict. `stormark compare --last 28` judges classes by many nights."
        )
    return (
        f"Geometric means with their range; `0.90× [0.85× – 0.97×]` is the ratio to {first} with "
        "its 95 % interval, by volumes; a verdict is sure at 5 % for all ratios of its table. "
        "It may be the night that differs, not the class: `stormark compare --last 28` judges "
        "classes by many nights."
    )


def write(location: str, nights: Nights) -> str:
    """Write the runs side by side below `reports/`, and return where."""
    name = f"reports/{'-and-'.join(nights.runs)}.md"
    return write_text(location, name, render(nights))


def _table(rows: Sequence[TextRow]) -> Markdown:
    header = list(rows[0]) if rows else ["job"]
    return table(header, [[row.get(column) for column in header] for row in rows])


def _unlike(runs: Sequence[Run]) -> list[str]:
    """What makes the runs differ besides the storage itself, a sentence each."""
    seen: dict[str, list[object]] = {fact: [run.facts.get(fact) for run in runs] for fact in FACTS}
    ran = [run.facts.get("image_ids") or [] for run in runs]
    if all(ran):  # of a run by an earlier version it is not known
        seen["the image that ran"] = [" and ".join(ids) for ids in ran]
    fields = dict.fromkeys(field for run in runs for field in run.plan)
    seen |= {f"plan field {field}": [run.plan.get(field) for run in runs] for field in fields}
    seen |= {f"nodes of {name}": nodes for name, nodes in _nodes(runs).items()}
    return [
        f"Not alike: {what} was {', '.join(map(_text, values))}"
        for what, values in seen.items()
        if any(value != values[0] for value in values) and what != "plan field results"
    ]


def _nodes(runs: Sequence[Run]) -> dict[str, list[object]]:
    """By class that every run measured: on which nodes, and their kernels, a text a run."""
    ran = [
        {(row["storage_class"], row["node"]) for row in run.fio if row["status"] == "measured"}
        for run in runs
    ]
    kernels = [{n["name"]: n["kernel"] for n in run.facts["nodes"] or []} for run in runs]
    everywhere = set.intersection(*({name for name, _ in pairs} for pairs in ran))
    return {
        name: [
            " and ".join(
                f"{node} (kernel {known.get(node, 'unknown')})"
                for of, node in sorted(pairs)
                if of == name
            )
            for pairs, known in zip(ran, kernels, strict=True)
        ]
        for name in sorted(everywhere)
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _of_class(name: str, runs: Sequence[Run], run_ids: Sequence[str]) -> Run:
    """One class of all runs as a run of its own, in which each run stands where a class would."""
    pairs = list(zip(runs, run_ids, strict=True))

    def of(rows: str) -> list[dict[str, object]]:
        return [
            row | {"storage_class": run_id}
            for run, run_id in pairs
            for row in getattr(run, rows)
            if row["storage_class"] == name
        ]

    # each run has a column, also one that lacks the class: the first stays the reference
    known = {row["storage_class"]: row for row in of("classes")}
    columns = [known.get(run_id, _absent(run_id)) for run_id in run_ids]
    return replace(runs[0], classes=columns, volumes=of("volumes"), fio=of("fio"), storms=[])


def _absent(run_id: str) -> dict[str, object]:
    return {"storage_class": run_id, "parameters": None}


def _survival(runs: Sequence[Run], run_ids: Sequence[str]) -> list[TextRow]:
    """A row a volume and storm, a column a run."""
    cells: dict[tuple[str, str], TextRow] = {}
    for run, run_id in zip(runs, run_ids, strict=True):
        for row in volume_rows(known) if (known := survive(run)) else []:
            for storm in row.keys() - {"volume"}:
                place = {"volume": row["volume"], "storm": storm} | dict.fromkeys(run_ids, "")
                cells.setdefault((row["volume"], storm), place)[run_id] = row[storm]
    return [cells[place] for place in sorted(cells)]
