"""Second by second: what fio did and what its node saw, with the faults of the storms."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from statistics import median
from typing import Any

from reports.data.load import Row, Run
from reports.html.chart import Chart, columns
from reports.text.markdown import Markdown, table
from reports.text.units import COUNT, quantity

HEIGHT = 220  # pixels
MOST = 1000  # points of a class: of more, the least and the most of each few seconds are drawn


def by_time(seconds: Iterable[Row]) -> list[Row]:
    """Rows of seconds, the earliest first."""
    return sorted(seconds, key=lambda row: row["at"])


def second_charts(run: Run, fio: list[Row], node: list[Row]) -> list[Chart]:
    """A panel for each class: fio and the device below it on one axis of time, and the faults."""
    names = dict.fromkeys(row["storage_class"] for row in [*fio, *node] if row["storage_class"])
    return [_chart(run, name, _of(fio, name), _of(node, name)) for name in names]


def _of(some: Iterable[Row], name: str) -> list[Row]:
    return [row for row in some if row["storage_class"] == name]


def _chart(run: Run, name: str, fio: list[Row], node: list[Row]) -> Chart:
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in fio:
        if row["iops"] is not None:  # of its ramp fio says nothing
            key = (_cell(row), f"fio, {row['direction']}")
            lines.setdefault(key, []).append((_minutes(run, row["at"]), row["iops"]))
    for row in node:
        if row["read_iops"] is not None:
            key = (_cell(row), "device")
            both = row["read_iops"] + (row["write_iops"] or 0)
            lines.setdefault(key, []).append((_minutes(run, row["at"]), both))
    few = -(-2 * sum(map(len, lines.values())) // MOST)
    found: list[dict[str, Any]] = [
        {"class": name, "cell": cell, "of": what, "minute": at, "iops": iops, "fault": None}
        for (cell, what), points in lines.items()
        for at, iops in thinned(points, few)
    ]
    found += [
        {"class": name, "cell": row["volume"], "of": None, "minute": _minutes(run, row["fault_at"])}
        | {"iops": None, "fault": row["storm"]}
        for row in _of(run.storms, name)
        if row["fault_at"]
    ]
    drawn = f" Of each {few} s the least and the most are drawn." if few > 2 else ""
    about = f"{len(fio)} seconds of fio and {len(node)} of its node.{drawn} The table has each job."
    return Chart("seconds", name, about, HEIGHT, columns(found))


def _cell(row: Row) -> str:
    if row["job"]:
        return f"{row['job']}, round {row['round']}"
    return f"{row['storm']} on {row['volume']}"


def _minutes(run: Run, at: datetime) -> float:
    return float((at - run.facts["started_at"]).total_seconds()) / 60


def thinned(points: list[tuple[float, float]], few: int) -> Iterator[tuple[float, float]]:
    """So that a second without I/O is seen, of each few points the lowest and the highest."""
    if few <= 2:
        yield from points
        return
    for start in range(0, len(points), few):
        some = points[start : start + few]
        ends = {min(some, key=lambda p: p[1]), max(some, key=lambda p: p[1])}
        yield from sorted(ends)


def seconds_table(fio: list[Row]) -> Markdown:
    """Each job of each class: its slowest, middle and fastest second; empty without seconds."""
    cells: dict[tuple[str, str, str], list[float]] = {}
    for row in fio:
        if row["iops"] is not None:
            key = (row["storage_class"], row["job"], row["direction"])
            cells.setdefault(key, []).append(row["iops"])
    found = [
        [*key, len(iops), *_iops(iops), sum(one == 0 for one in iops)]
        for key, iops in cells.items()
    ]
    header = ["class", "job", "of", "seconds", "least", "median", "most", "seconds without I/O"]
    return table(header, found) if found else Markdown()


def _iops(iops: list[float]) -> list[str]:
    return [quantity(one, COUNT) for one in (min(iops), median(iops), max(iops))]
