"""fio's bytes beside those of the device behind the volume, in the same seconds.

Fewer on the device: a cache answered. More: amplification, or somebody else's I/O.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from reports.data.load import OF_NODE, Row, Run, rows
from tasks.results.store import read

CACHE, AMPLIFIED = 0.9, 1.3
WARNED, DISTURBED = 0.05, 0.20  # of the device's bytes, somebody else's
FEWEST = 3  # seconds
LEAST_BYTES = 2**20  # a second, below which a device's own housekeeping would be told of
WAYS = ("read", "write")
OF_FIO = (
    "run_id", "storage_class", "job", "round", "repeat", "status", "direct", "sync_latency_mean_ns",
)  # fmt: skip
OF_BYTES = [f"{of}{way}_bytes" for way in WAYS for of in ("", "below_", "own_")]


@dataclass(frozen=True)
class Checked:
    """A turn of jobs at once on a volume: bytes of the device ÷ fio's, None where there is neither.

    `others` is the share of the device's bytes that are not the pod's, None where nobody knows.
    """

    storage_class: str
    jobs: tuple[str, ...]
    number: int
    device: str
    ratios: dict[str, float]
    others: float | None

    @property
    def disturbed(self) -> bool:
        """Whether so much was somebody else's that the figures say nothing of the class."""
        return self.others is not None and self.others > DISTURBED


def checked(run: Run) -> list[Checked]:
    """Each turn of which the device is known, in the seconds that are inside of its measurement.

    The first and the last second are left out: samples are a second apart, and a job's begin and
    end lie between two of them.
    """
    node: dict[tuple[Any, ...], list[Row]] = {}
    for row in run.node_seconds:
        if row["job"] and row["device"] and not row["ramp"] and row["read_bytes"] is not None:
            node.setdefault(_cell(row), []).append(row)
    fio: dict[tuple[Any, ...], list[Row]] = {}
    for row in run.fio_seconds:
        if not row["ramp"] and row["bytes"] is not None:
            fio.setdefault(_cell(row), []).append(row)
    of_fio = {_cell(row): row for row in run.fio if row["status"] == "measured"}
    return [one for turn in _turns(node) if (one := _check(turn, node, fio, of_fio))]


def disturbed(location: str, runs: Collection[str]) -> set[tuple[str, str, str]]:
    """The (run, class, job) of several runs with a turn in which too much was somebody else's."""
    suspects = _with_others(location, runs)
    fio = rows(location, "fio", suspects, OF_FIO) if suspects else []
    node = rows(location, "node_seconds", suspects, ("run_id", *OF_NODE)) if suspects else []
    return {
        (run_id, turn.storage_class, job)
        for run_id in suspects
        for turn in checked(_bare(run_id, fio, node))
        if turn.disturbed
        for job in turn.jobs
    }


def told(others: Collection[tuple[str, str, str]]) -> list[str]:
    """Which of several runs' cells are left out for that, a sentence each job and class."""
    by_cell = Counter((name, job) for _, name, job in others)
    return [
        f"Left out, since more than {DISTURBED:.0%} of the I/O was others': {job} on {name} in "
        f"{count} run{'s' if count > 1 else ''}"
        for (name, job), count in sorted(by_cell.items())
    ]


def _with_others(location: str, runs: Collection[str]) -> list[str]:
    """The runs with a second in which so much was somebody else's: of most nights none is."""
    table = read(location, "node_seconds", runs, ["run_id", *OF_BYTES])
    theirs: Any = 0
    total: Any = 0
    for way in WAYS:
        low = pc.coalesce(table[f"below_{way}_bytes"], table[f"{way}_bytes"])
        theirs = pc.add(theirs, pc.max_element_wise(pc.subtract(low, table[f"own_{way}_bytes"]), 0))
        total = pc.add(total, low)
    much = pc.greater(theirs, pc.multiply(total, DISTURBED))
    return sorted(table.filter(much)["run_id"].unique().to_pylist())


def _bare(run_id: str, fio: list[Row], node: list[Row]) -> Run:
    """A run of which nothing is known but these rows."""
    of_run = [[row for row in table if row["run_id"] == run_id] for table in (fio, node)]
    return Run({}, [], [], [], of_run[0], [], [], node_seconds=of_run[1])


def _cell(row: Row) -> tuple[Any, ...]:
    return row["storage_class"], row["round"], row["repeat"], row["job"]


def _turns(node: dict[tuple[Any, ...], list[Row]]) -> Iterator[list[tuple[Any, ...]]]:
    """Cells that ran at once: they have the same seconds of the same volume."""
    turns: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for cell, seconds in node.items():
        turns.setdefault((*cell[:3], min(row["at"] for row in seconds)), []).append(cell)
    yield from turns.values()


def _check(
    turn: list[tuple[Any, ...]],
    node: dict[tuple[Any, ...], list[Row]],
    fio: dict[tuple[Any, ...], list[Row]],
    of_fio: dict[tuple[Any, ...], Row],
) -> Checked | None:
    (longest, *_) = sorted((node[cell] for cell in turn), key=lambda rows: -len(rows))
    longest = sorted(longest, key=lambda row: row["at"])
    inner = longest[1:-1]
    # jobs at once of which one ended sooner have no second that is of all
    if len(inner) < FEWEST or any(len(node[cell]) != len(longest) for cell in turn):
        return None
    seconds = {row["second"] for row in inner}
    ratios = {}
    for way in WAYS:
        moved = sum(
            row["bytes"]
            for cell in turn
            for row in fio.get(cell, [])
            if row["direction"] == way and row["second"] in seconds
        )
        if moved >= LEAST_BYTES * len(inner):
            ratios[way] = _device_bytes(inner, way) / moved
    storage_class, number, repeat, _ = turn[0]
    cells = [of_fio.get(cell) for cell in turn]
    return Checked(
        storage_class,
        tuple(cell[3] for cell in turn),
        number or repeat,
        inner[0]["device"],
        ratios,
        _others(inner, [row for row in cells if row]),
    )


def _device_bytes(rows: list[Row], way: str) -> float:
    """Of two devices, one on the other, the bytes of the one that moved fewer."""
    top = sum(row[f"{way}_bytes"] for row in rows)
    if any(row[f"below_{way}_bytes"] is None for row in rows):
        return float(top)
    return float(min(top, sum(row[f"below_{way}_bytes"] for row in rows)))


def _others(rows: list[Row], cells: list[Row]) -> float | None:
    """The share of what the lowest device moved that was not the pod's.

    A filesystem's log and buffered writes are the kernel's own I/O, whoever they are for: writes
    are judged only where no job syncs and all are direct.
    """
    low = "below_" if rows[0]["below_read_bytes"] is not None else ""
    quiet = all(row["direct"] and row["sync_latency_mean_ns"] is None for row in cells)
    theirs = total = 0.0
    for way in WAYS:
        if any(row[f"own_{way}_bytes"] is None for row in rows):
            return None
        all_bytes = sum(row[f"{low}{way}_bytes"] for row in rows)
        total += all_bytes
        if way == "read" or quiet:
            theirs += max(all_bytes - sum(row[f"own_{way}_bytes"] for row in rows), 0)
    return theirs / total if total >= LEAST_BYTES * len(rows) else None


def findings(one: Checked) -> list[str]:
    """What is to be said of a turn; nothing where device and fio agree."""
    found = []
    for way, ratio in one.ratios.items():
        moved = f"{one.device} moved {ratio:.2f} times the bytes of fio's {way}s"
        if ratio < CACHE:
            found.append(f"{moved}: a cache has the rest")
        elif ratio > AMPLIFIED and one.others is None:
            found.append(f"{moved}: amplification, or somebody else's I/O")
        elif ratio > AMPLIFIED and (one.others or 0) <= WARNED:
            found.append(f"{moved}: amplification")
    if one.others is not None and one.others > WARNED:
        verdict = ", so there is no verdict" if one.disturbed else ""
        found.append(f"{100 * one.others:.0f} % of what {one.device} moved was others'{verdict}")
    return found
