"""What could make a figure wrong, and which figures it touches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from reports.data.load import Row, Run, class_names, without_wire
from reports.speed.cross_check import checked, findings
from reports.speed.steady import course

# A job runs with these on every class; where it did not, its figures do not compare.
CONDITIONS = ("engine", "direct", "file_size_bytes")
# What may be said of many figures, each with its own numbers; and all of them in few words.
KINDS = {
    " is not steady on ": "not steady: there were stalls, or the speed changed",
    " times the bytes of fio": "its device moved more, or less, than fio did",
}


@dataclass(frozen=True)
class Caveat:
    """A warning; `cells` are the (class, job) pairs it touches, none means the whole run."""

    text: str
    cells: tuple[tuple[str, str], ...] = ()


def caveats(run: Run) -> tuple[Caveat, ...]:
    """Warnings of the run and of its cells, each text once."""
    return (
        *(Caveat(text) for text in run.facts["warnings"] or []),
        *_without_wire(run),
        *_of_cells(run),
        *_unsteady(run),
        *_of_device(run),
        *_unlike(run),
        *_elsewhere(run),
    )


def by_kind(found: Iterable[Caveat]) -> list[Caveat]:
    """Warnings of one kind as one, which touches the figures of all; others as they are."""
    kinds: dict[str, list[Caveat]] = {}
    for one in found:
        words = next((words for kind, words in KINDS.items() if kind in one.text), one.text)
        kinds.setdefault(words, []).append(one)
    return [
        same[0] if len(same) == 1 else Caveat(words, tuple(c for one in same for c in one.cells))
        for words, same in kinds.items()
    ]


def touched(caveat: Caveat, run: Run) -> str:
    """The figures a caveat touches, in words: `gp3: read_iops, read_bw; nfs: all figures`."""
    if not caveat.cells:
        return "the whole run"
    everything = _jobs_of_classes([(r["storage_class"], r["job"]) for r in run.fio])
    return "; ".join(
        f"{name}: {'all figures' if jobs == everything.get(name) else ', '.join(jobs)}"
        for name, jobs in _jobs_of_classes(caveat.cells).items()
    )


def _jobs_of_classes(cells: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = {}
    for name, job in dict.fromkeys(cells):
        jobs.setdefault(name, []).append(job)
    return jobs


def _without_wire(run: Run) -> Iterator[Caveat]:
    for row in run.classes:
        name = row["storage_class"]
        if without_wire(row):
            jobs = dict.fromkeys(r["job"] for r in run.fio if r["storage_class"] == name)
            text = (
                f"{name}: there is no network in its path (its parameter wire is none): "
                "its figures are the disk's"
            )
            yield Caveat(text, tuple((name, job) for job in jobs))


def _of_cells(run: Run) -> Iterator[Caveat]:
    cells: dict[str, list[tuple[str, str]]] = {}
    for row in run.fio:
        for text in row["warnings"] or []:
            cells.setdefault(text, []).append((row["storage_class"], row["job"]))
    for text, pairs in cells.items():
        yield Caveat(text, tuple(dict.fromkeys(pairs)))


def _unsteady(run: Run) -> Iterator[Caveat]:
    """Jobs of whose figure a mean says too little: a class's rounds in one line."""
    series: dict[tuple[str, str], dict[Any, dict[int, float]]] = {}
    for row in run.fio_seconds:
        if not row["ramp"]:
            rounds = series.setdefault((row["storage_class"], row["job"]), {})
            by_second = rounds.setdefault((row["round"], row["repeat"]), {})
            # where one direction is not known the sum is none: in a last second
            iops = nan if row["iops"] is None else row["iops"]
            by_second[row["second"]] = by_second.get(row["second"], 0.0) + iops
    for (name, job), rounds in series.items():
        said = {
            number: course([iops for _, iops in sorted(by_second.items()) if not isnan(iops)])
            for number, by_second in rounds.items()
        }
        words = "; ".join(
            (f"round {number or repeat}: " if len(rounds) > 1 else "") + ", ".join(found)
            for (number, repeat), found in said.items()
            if found
        )
        if words:
            yield Caveat(f"{job} is not steady on {name}: {words}", ((name, job),))


def _of_device(run: Run) -> Iterator[Caveat]:
    """Turns in which the device moved other bytes than fio, or somebody else's."""
    for one in checked(run):
        for words in findings(one):
            text = f"{', '.join(one.jobs)} on {one.storage_class}, round {one.number}: {words}"
            yield Caveat(text, tuple((one.storage_class, job) for job in one.jobs))


def _unlike(run: Run) -> Iterator[Caveat]:
    measured = [row for row in run.fio if row["status"] == "measured"]
    for column in CONDITIONS:
        seen: dict[str, dict[Any, list[Row]]] = {}
        for row in measured:
            seen.setdefault(row["job"], {}).setdefault(row[column], []).append(row)
        for job, by_value in seen.items():
            if len(by_value) > 1:
                values = ", ".join(
                    f"{value} ({', '.join(dict.fromkeys(r['storage_class'] for r in rows))})"
                    for value, rows in by_value.items()
                )
                pairs = [(r["storage_class"], job) for rows in by_value.values() for r in rows]
                yield Caveat(f"{job} did not always run alike: {column} was {values}", tuple(pairs))


def _elsewhere(run: Run) -> Iterator[Caveat]:
    """Classes that in some rounds were on no node of the reference's: nodes may differ too."""
    nodes: dict[str, dict[int | None, set[str]]] = {}
    for row in run.fio:
        if row["status"] == "measured" and row["node"]:
            by_round = nodes.setdefault(row["storage_class"], {})
            by_round.setdefault(row["round"], set()).add(row["node"])
    reference, *others = class_names(run) or ("",)
    theirs = nodes.get(reference, {})
    for name in others:
        mine = nodes.get(name, {})
        both = [number for number in mine if number in theirs]
        apart = [number for number in both if not mine[number] & theirs[number]]
        if apart:
            where = "; ".join(
                f"{_listed(theirs[number])} ({reference}), {_listed(mine[number])} ({name})"
                for number in apart
            )
            text = (
                f"{name} was on another node than {reference} in {len(apart)} of {len(both)} "
                f"round{'' if len(both) == 1 else 's'}: {where}"
            )
            jobs = dict.fromkeys(r["job"] for r in run.fio if r["storage_class"] == name)
            yield Caveat(text, tuple((name, job) for job in jobs))


def _listed(nodes: set[str]) -> str:
    return " and ".join(sorted(nodes))
