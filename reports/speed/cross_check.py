"""fio's bytes beside those of the device behind the volume, in the same seconds.

Fewer on the device: a cache answered. More: amplification, or somebody else's I/O.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reports.data.load import Row, Run

CACHE, AMPLIFIED = 0.9, 1.3
WARNED, DISTURBED = 0.05, 0.20  # of the device's bytes, somebody else's
FEWEST = 3  # seconds
LEAST_BYTES = 2**20  # a second, below which a device's own housekeeping would be told of
WAYS = ("read", "write")


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


def _cell(row: Row) -> tuple[Any, ...]:
    return row["storage_class"], row["round"], row["repeat"], row["job"]


def _turns(node: dict[tuple[Any, ...], list[Row]]) -> Iterator[list[tuple[Any, ...]]]:
    """Cells that ran at once: they have the same seconds of the same volume."""
    turns: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for cell, rows in node.items():
        turns.setdefault((*cell[:3], min(row["at"] for row in rows)), []).append(cell)
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
