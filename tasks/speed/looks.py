"""What fio did in each second, from the rates that its logs tell. Only computes.

fio's thread that logs looks about once a second, and tells what was done since it looked last.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from math import ceil
from typing import Any, NamedTuple

SHORTEST_MS = 500  # less than this at a job's end is no second more
SNAP_MS = 20  # so near to a second's begin is at it
TWO_LOOKS_MS = 1998  # fio's thread wakes 1 ms before its time, at most
MOST_DOUBT = 0.25  # of a job's last second, or nobody knows it


class Rate(NamedTuple):
    """What fio did in a second: I/Os, and bytes, a second."""

    iops: float
    bytes: float


class Log(NamedTuple):
    """A log of one process: of each direction its rows, as ms since the ramp's end and a value."""

    kind: str
    process: int
    rows: dict[str, list[tuple[int, float]]]

    def looks(self) -> list[int]:
        """When it has a row of any direction: fio looks at all of them at once."""
        return sorted(at for rows in self.rows.values() for at, _ in rows)


class Counted(NamedTuple):
    """I/Os or bytes by second, all of them, and by how many that may be wrong."""

    done: dict[int, float]
    total: float
    doubt: float


def moved(
    logs: list[Log], direction: str, totals: dict[str, Any], seconds: int, lasted: int
) -> list[Rate | None]:
    """What all processes together did in each second, None where nobody knows.

    fio ends before it has logged a job's end: that has what is left of the job's bytes, since fio's
    logs have those in flight at the ramp's end, as its bytes have, and its total of I/Os has not.
    """
    iops, size = counted(logs, "iops", direction, 1), counted(logs, "bw", direction, 1024)
    until = max((log.looks()[-1] for log in logs if log.kind == "iops" and log.rows), default=0)
    end = lasted = _snapped(lasted)
    if lasted > _snapped(until):
        begin = _begin(until, lasted, _completed(logs))
        by, total = (size, "io_bytes") if size.total else (iops, "total_ios")
        left = _left(totals.get(total, 0), by, lasted - (seconds - 1) * 1000, lasted)
        if left is None:
            end = begin
        else:
            part = left / (by.total or totals[total])
            for second, share in _shares(begin, lasted):
                iops.done[second] += share * part * (iops.total or totals["total_ios"])
                size.done[second] += share * part * (size.total or totals["io_bytes"])
    return _rates(iops.done, size.done, seconds, lasted, end)


def _left(total: int, counted: Counted, last_ms: int, lasted: int) -> float | None:
    """What is left of a total; None if what may be wrong about that is no little of a second's."""
    left = total - counted.total
    if not total or counted.doubt > MOST_DOUBT * total * last_ms / lasted or left < -counted.doubt:
        return None
    return max(left, 0.0)


def _rates(
    iops: dict[int, float], size: dict[int, float], seconds: int, lasted: int, end: int
) -> list[Rate | None]:
    """Of each second, its last one to the job's end; None where too little is before `end`."""
    found: list[Rate | None] = []
    for second in range(seconds):
        inside = [second] if second < seconds - 1 else range(second, lasted // 1000 + 1)
        length = min(end, lasted if second == seconds - 1 else (second + 1) * 1000) - second * 1000
        done = [sum(of.get(one, 0.0) for one in inside) for of in (iops, size)]
        known = length > 0 and length >= min(SHORTEST_MS, lasted)
        found.append(Rate(*(1000 * one / length for one in done)) if known else None)
    return found


def counted(logs: list[Log], kind: str, direction: str, unit: int) -> Counted:
    """What was done, from what fio says of the time since it looked last (stat.c, __add_samples).

    It looks each second, and a little later each time: so a look is of parts of two seconds.
    """
    found = Counted(defaultdict(float), 0.0, 0.0)
    for log in logs:
        if log.kind != kind:
            continue
        looks, completed = log.looks(), _completed(logs, log.process)
        for at, rate in log.rows.get(direction, []):
            before = bisect_left(looks, at - SHORTEST_MS)
            begin = _begin(looks[before - 1] if before else 0, at, completed)
            count = rate * unit * (at - begin) / 1000
            for second, share in _shares(begin, at):
                found.done[second] += share * count
            # fio drops what is behind the point, and times are of whole ms
            doubt = (rate / 1000 + 1) * unit
            found = found._replace(total=found.total + count, doubt=found.doubt + doubt)
    return found


def _completed(logs: list[Log], process: int | None = None) -> list[int]:
    """When fio has said a latency: it does so with an I/O, whatever its thread that looks does."""
    return sorted(
        at
        for log in logs
        if log.kind == "clat" and process in (None, log.process)
        for at in log.looks()
    )


def _begin(before: int, at: int, completed: list[int]) -> int:
    """When a look's time began, in ms: a second ago after looks that saw nothing; they are no rows.

    If I/Os were completed in that gap there was no look in it, since the thread slept.
    """
    silent = bisect_left(completed, at - 1000) == bisect_right(completed, before)
    return at - 1000 if at - before >= TWO_LOOKS_MS and silent else before


def _shares(begin: int, end: int) -> Iterator[tuple[int, float]]:
    """Which share of what was done between two times is of which second."""
    begin, end = _snapped(begin), _snapped(end)
    for second in range(begin // 1000, ceil(end / 1000)):
        inside = min(end, (second + 1) * 1000) - max(begin, second * 1000)
        yield second, inside / (end - begin)


def _snapped(at: int) -> int:
    """A time in ms; near to a second's begin is at it."""
    near = round(at, -3)
    return near if near and abs(at - near) <= SNAP_MS else at
