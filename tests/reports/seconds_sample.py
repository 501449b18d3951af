"""Seconds of fio and of its node, as stormark leaves them in Parquet."""

from datetime import timedelta

from tasks.results.store import write_table
from tests.reports.sample import RUN_ID as RUN
from tests.reports.sample import STARTED, Row

STALL = 7  # the second in which nothing is completed


def write_seconds(location: str, names: tuple[str, ...], count: int = 20) -> None:
    """Each class's `read_iops` for so many seconds, each twice as fast as the one before."""
    fio: list[Row] = []
    node: list[Row] = []
    for place, name in enumerate(names):
        for second in range(count):
            begin = STARTED + timedelta(seconds=place * (count + 10) + second)
            key = {"storage_class": name, "job": "read_iops", "round": 1, "at": begin}
            iops = 0.0 if second == STALL else 1000.0 * 2**place
            fio.append(key | {"direction": "read", "second": second, "iops": iops, "node": "w1"})
            node.append(key | {"device": "vda", "read_iops": iops, "write_iops": 0.0})
    write_table(location, "fio_seconds", RUN, STARTED, fio)
    write_table(location, "node_seconds", RUN, STARTED, node)
