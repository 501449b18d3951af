"""Puts the files of a month that is over into one for each table; readers see both as one.

A month's file is `<root>/<table>/date=YYYY-MM-01/YYYY-MM.parquet`; each of its row groups has rows
of one run. A run's own file is deleted after the month's is on the disk, and while both are there
it is the one that is read: whoever stops this anywhere loses nothing, and the next call goes on.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from io import BytesIO
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from tasks.results import store
from tasks.results.schema import TABLES, schema
from tasks.results.store import REFUSED, ResultsError

RUNNING = "running"  # the outcome of a run that is under way, or was killed


class Compacted(NamedTuple):
    """One month of one table: how many files of runs were put into its file."""

    table: str
    month: str
    files: int


def compact(location: str, today: datetime | None = None) -> tuple[list[Compacted], list[str]]:
    """Put the files of each month before today's into one; what was done, and what was left.

    A run that has not ended keeps its files, and so does each file that today's stormark cannot
    read whole: of those there is a sentence. Raises ResultsError.
    """
    filesystem, root = store.open_location(location)
    this_month = f"{today or datetime.now(UTC):%Y-%m}"
    ended = _ended(location)
    done, left = list[Compacted](), list[str]()
    try:
        for table in sorted(TABLES, key=lambda name: name == "runs"):  # `runs` says who has ended
            own, _ = store.files_of(filesystem, f"{root}/{table}")
            by_month = defaultdict[str, dict[str, str]](dict)
            for run_id, path in own.items():
                month = f"{run_id[:4]}-{run_id[4:6]}"
                if run_id in ended and month < this_month:
                    by_month[month][run_id] = path
            for month, of_runs in sorted(by_month.items()):
                rows, why = _readable(filesystem, table, of_runs)
                left += why
                if rows:
                    path = f"{root}/{table}/date={month}-01/{month}.parquet"
                    _write_month(filesystem, table, path, rows)
                    for run_id in rows:
                        filesystem.delete_file(of_runs[run_id])
                    done.append(Compacted(table, month, len(rows)))
    except REFUSED as error:
        raise ResultsError(
            f"results location {location!r} cannot be compacted: {store.seen(error)}. Every row is "
            "still there; call it again"
        ) from error
    return done, left


def _ended(location: str) -> Collection[str]:
    runs = store.read(location, "runs", columns=("run_id", "outcome"))
    return {row["run_id"] for row in runs.to_pylist() if row["outcome"] not in (None, RUNNING)}


def _readable(
    filesystem: fs.FileSystem, table: str, of_runs: dict[str, str]
) -> tuple[dict[str, pa.Table], list[str]]:
    """All rows of each run; a sentence for a file that would lose some, and is left alone."""
    known, whole, left = set(schema(table).names), dict[str, pa.Table](), list[str]()
    for run_id, path in sorted(of_runs.items()):
        try:
            with filesystem.open_input_file(path) as file:
                rows = pq.ParquetFile(file).read(use_threads=False)
        except pa.ArrowInvalid as error:
            left.append(f"{path} is left alone: {store.seen(error)}")
            continue
        if unknown := set(rows.schema.names) - known:
            names = ", ".join(sorted(unknown))
            left.append(f"{path} is left alone: a newer stormark wrote it, with {names}")
        else:
            whole[run_id] = store.under(schema(table), rows)
    return whole, left


def _write_month(
    filesystem: fs.FileSystem, table: str, path: str, rows: dict[str, pa.Table]
) -> None:
    """Write a month's file anew: what it has, and the rows of some runs, in place of its own."""
    if filesystem.get_file_info(path).is_file:
        rows = dict(store.month_rows(filesystem, path, schema(table))) | rows
    buffer = BytesIO()
    with pq.ParquetWriter(buffer, schema(table), **store.encoding(table)) as writer:
        for _, of_run in sorted(rows.items()):
            if len(of_run):
                writer.write_table(of_run)
    store.write_whole(filesystem, path, buffer.getvalue())
