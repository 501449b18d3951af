"""Writes and reads the Parquet tables that a run leaves, and is the only code that does.

One dataset a table below one root: `<root>/<table>/date=YYYY-MM-DD/<run_id>.parquet`, or a file of
a month, which `compact` writes. The root is a folder, a `file:` URI, or a prefix in an object store
(credentials from the environment): `s3://`, `gs://` or `abfs://`.
"""

import os
import re
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from tasks.plan.location import NO_CREDENTIALS, STORES, holds_credentials, open_store
from tasks.results.column import Row
from tasks.results.schema import schema

if TYPE_CHECKING:  # whoever reads no frame need not wait for its import
    import pandas as pd


# What there may be, and how each looks.
KINDS = (
    "Give a folder, a file: URI, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
    "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX."
)
# What whether a store can be written is tried with. It stays: deleting one may leave the object
# that pyarrow takes for an empty folder, and takes a right more.
PROBE = ".stormark"
# Columns of a table of seconds that grow by the same from row to row: their steps take no room.
COUNTED = ("second", "at")
MONTH = re.compile(r"\d{4}-\d{2}")  # the name of a month's file
# What pyarrow raises where a store refuses or does not answer.
REFUSED = (pa.ArrowException, OSError)


class ResultsError(Exception):
    """The results location cannot be used, or does not hold what was asked for."""


def open_location(location: str) -> tuple[fs.FileSystem, str]:
    """The file system and the path in it of a folder, a `file:` URI or an object store's."""
    if holds_credentials(location):
        raise ResultsError(NO_CREDENTIALS)
    scheme = location.partition("://")[0] if "://" in location else ""
    if scheme not in ("", "file", *STORES):
        raise ResultsError(
            f"results location {location!r} cannot be opened: {scheme} is no kind of location. "
            f"{KINDS}"
        )
    try:
        if scheme in STORES:
            return open_store(location)
        if scheme or location.startswith("file:"):
            filesystem, path = fs.FileSystem.from_uri(location)
            return filesystem, path.rstrip("/")
        return fs.LocalFileSystem(), str(Path(location).resolve())
    except (*REFUSED, ValueError) as error:
        raise ResultsError(
            f"results location {location!r} cannot be opened: {seen(error)}. {KINDS}"
        ) from error


def check_writable(location: str) -> None:
    """Write a small file below the location; ResultsError if that is refused.

    In a folder it is removed.
    """
    filesystem, root = open_location(location)
    local = isinstance(filesystem, fs.LocalFileSystem)
    probe = f"{root}/{PROBE}{f'-{uuid.uuid4().hex}' if local else ''}"
    try:
        _make_folder(filesystem, root)
        with filesystem.open_output_stream(probe) as stream:
            stream.write(b"stormark can write here")
        if local:
            filesystem.delete_file(probe)
    except REFUSED as error:
        raise ResultsError(
            f"results location {location!r} is not writable: {seen(error)}. "
            "Choose another with results: in the plan or --results."
        ) from error


def seen(error: Exception) -> str:
    """What a store says, in one line, without what Google's library tells its own developers."""
    return " ".join(re.sub(r" error_info=\{.*\}\}", "", str(error)).split())


def _make_folder(filesystem: fs.FileSystem, folder: str) -> None:
    # an object store has none: what would stand for one is an object more, and a right more
    if isinstance(filesystem, fs.LocalFileSystem):
        filesystem.create_dir(folder, recursive=True)


def file_path(root: str, table: str, run_id: str, started_at: datetime) -> str:
    """Where a run's rows of one table lie."""
    return f"{root}/{table}/date={started_at:%Y-%m-%d}/{run_id}.parquet"


def write_table(
    location: str,
    table: str,
    run_id: str,
    started_at: datetime,
    rows: Iterable[Row | Mapping[str, Any]],
) -> str:
    """Write a run's rows of one table, whole or not at all; a second write replaces the first.

    Rows lack `run_id`, it is filled in. Of one that is a mapping a missing key is null, and an
    unknown key is a ValueError.
    Returns the file's path below the location. Raises ResultsError when it cannot be written.
    """
    content = _encode(table, run_id, rows)
    filesystem, root = open_location(location)
    path = file_path(root, table, run_id, started_at)
    write_whole(filesystem, path, content)
    return path.removeprefix(f"{root}/")


def _encode(table: str, run_id: str, rows: Iterable[Row | Mapping[str, Any]]) -> bytes:
    table_schema = schema(table)
    known = set(table_schema.names)
    complete = [
        {"run_id": run_id, **(row.columns() if isinstance(row, Row) else row)} for row in rows
    ]
    for row in complete:
        if unknown := set(row) - known:
            raise ValueError(f"table {table} has no column {', '.join(sorted(unknown))}")
    buffer = BytesIO()
    content = pa.Table.from_pylist(complete, schema=table_schema)
    pq.write_table(content, buffer, **encoding(table))
    return buffer.getvalue()


def encoding(table: str) -> dict[str, Any]:
    """How the columns of a table lie in its files, as pyarrow's writers take it."""
    names = schema(table).names
    counted = COUNTED if set(names) >= set(COUNTED) else ()
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in names if name not in counted],
        "column_encoding": dict.fromkeys(counted, "DELTA_BINARY_PACKED"),
    }


def write_whole(filesystem: fs.FileSystem, path: str, content: bytes) -> None:
    """Put content at a path, whole or not at all. Raises ResultsError."""
    # A name that starts with a dot is not read as part of the dataset, and a rename is atomic;
    # an object store shows an object only once its upload has ended, but for Azure's, where
    # pyarrow begins with an empty one.
    local = isinstance(filesystem, fs.LocalFileSystem)
    folder, _, name = path.rpartition("/")
    target = f"{folder}/.{name}.{uuid.uuid4().hex}" if local else path
    try:
        _make_folder(filesystem, folder)
        with filesystem.open_output_stream(target) as stream:
            stream.write(content)
        if local:
            _sync(target)  # or a loss of power leaves the new name to an empty file
            filesystem.move(target, path)
            _sync(folder)
    except REFUSED as error:
        if local:
            with suppress(OSError):
                filesystem.delete_file(target)
        before = "may be gone" if filesystem.type_name == "abfs" else "is unchanged"
        raise ResultsError(
            f"{path} cannot be written: {seen(error)}. What lay there before {before}."
        ) from error


def _sync(path: str) -> None:
    """Bring a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(location: str, path: str, content: str) -> str:
    """Write a text file (a report, a chart) below the location; returns where it is."""
    filesystem, root = open_location(location)
    target = f"{root}/{path}"
    write_whole(filesystem, target, content.encode())
    return target if isinstance(filesystem, fs.LocalFileSystem) else below(location, path)


def below(location: str, path: str) -> str:
    """How to name what lies at a path below a location; a store's options are left out."""
    in_store = location.partition("://")[0] in STORES
    base = location.partition("?")[0] if in_store else location
    return f"{base.rstrip('/')}/{path}"


def run_ids(location: str) -> list[str]:
    """The ids of all runs that the location holds, the newest last: they begin with their start.

    Raises ResultsError.
    """
    filesystem, root = open_location(location)
    try:
        own, months = files_of(filesystem, f"{root}/runs")
        of_months = {
            run_id for path in months.values() for run_id in _runs_of_month(filesystem, path)
        }
        return sorted(own.keys() | of_months)
    except REFUSED as error:
        raise ResultsError(
            f"results location {location!r} cannot be read: {seen(error)}"
        ) from error


def files_of(filesystem: fs.FileSystem, folder: str) -> tuple[dict[str, str], dict[str, str]]:
    """The paths of the files in a table's folder: of runs by their ids, and of months."""
    selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
    paths = {
        info.base_name.removesuffix(".parquet"): info.path
        for info in sorted(filesystem.get_file_info(selector), key=lambda info: info.path)
        if info.extension == "parquet" and not info.base_name.startswith(".")
    }
    months = {name: path for name, path in paths.items() if MONTH.fullmatch(name)}
    return {name: path for name, path in paths.items() if name not in months}, months


def month_rows(
    filesystem: fs.FileSystem, path: str, wanted: pa.Schema, runs: Collection[str] | None = None
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each run in a month's file, or of those among `runs`, under a schema."""
    with filesystem.open_input_file(path) as file:
        parquet = pq.ParquetFile(file)
        groups = list(enumerate(_group_runs(parquet)))
        for run_id in dict.fromkeys(run_id for _, run_id in groups):
            if runs is None or run_id in runs:
                its = [number for number, of_run in groups if of_run == run_id]
                content = parquet.read_row_groups(its, wanted.names, use_threads=False)
                yield run_id, under(wanted, content)


def _runs_of_month(filesystem: fs.FileSystem, path: str) -> set[str]:
    with filesystem.open_input_file(path) as file:
        return set(_group_runs(pq.ParquetFile(file)))


def _group_runs(parquet: pq.ParquetFile) -> Iterator[str]:
    """The run of each row group of a month's file, by its statistics."""
    column = parquet.schema_arrow.names.index("run_id")
    for number in range(parquet.num_row_groups):
        yield parquet.metadata.row_group(number).column(column).statistics.min


def read_table(
    location: str,
    table: str,
    run_id: str | Collection[str] | None = None,
    columns: Collection[str] | None = None,
) -> "pd.DataFrame":
    """A table as `read`, for whoever groups, joins and compares.

    pandas makes floats of whole numbers where some are missing.
    """
    frame: pd.DataFrame = read(location, table, run_id, columns).to_pandas()
    return frame


def read(
    location: str,
    table: str,
    run_id: str | Collection[str] | None = None,
    columns: Collection[str] | None = None,
) -> pa.Table:
    """A table's rows under today's schema: of one run, of some, or of all that the location holds.

    It has every column, or those of `columns`, in the schema's order; no file gives an empty one.
    Columns that an older file lacks are null. Of several runs, a file that cannot be read is left
    out with a warning that names it. Raises ResultsError when the location, or a file of the one
    run, cannot be read.
    """
    wanted = schema(table)
    if columns is not None:
        wanted = pa.schema([one for one in wanted if one.name in columns])
    filesystem, root = open_location(location)
    try:
        found = _by_run(filesystem, f"{root}/{table}", wanted, run_id)
    except REFUSED as error:
        raise ResultsError(
            f"results location {location!r} cannot be read: {seen(error)}"
        ) from error
    empty = pa.Table.from_batches([], schema=wanted)  # no frame, so no import of pandas
    return pa.concat_tables([empty, *(found[name] for name in sorted(found))])


# A file that was there when the folder was listed may be in the month's by now.
@retry(retry=retry_if_exception_type(FileNotFoundError), stop=stop_after_attempt(3), reraise=True)
def _by_run(
    filesystem: fs.FileSystem, folder: str, wanted: pa.Schema, run_id: str | Collection[str] | None
) -> dict[str, pa.Table]:
    """A table's rows by run, of its own file where it has one, else of its month's."""
    alone = isinstance(run_id, str)
    runs = {run_id} if isinstance(run_id, str) else run_id
    own, months = files_of(filesystem, folder)
    others = None if runs is None else {one for one in runs if one not in own}
    found = dict[str, pa.Table]()
    for month, path in months.items():
        if others is None or any(one.startswith(month.replace("-", "")) for one in others):
            with _or_left_out(path, alone):
                found.update(month_rows(filesystem, path, wanted, others))
    for name, path in own.items():
        if runs is None or name in runs:
            with _or_left_out(path, alone), filesystem.open_input_file(path) as file:
                # names that it lacks it leaves out; threads cost more than so small a file
                content = pq.ParquetFile(file).read(wanted.names, use_threads=False)
                found[name] = under(wanted, content)
    return found


@contextmanager
def _or_left_out(path: str, alone: bool) -> Iterator[None]:
    """Leave out a damaged file with a warning, unless it was asked for alone."""
    try:
        yield
    except pa.ArrowInvalid as error:
        if alone:
            raise ResultsError(f"{path} cannot be read: {seen(error)}") from error
        warnings.warn(f"{path} is left out: {error}", stacklevel=4)


def under(wanted: pa.Schema, table: pa.Table) -> pa.Table:
    """A table of any version of the schema under today's."""
    columns = [
        table[one.name].cast(one.type)
        if one.name in table.schema.names
        else pa.nulls(len(table), one.type)
        for one in wanted
    ]
    return pa.table(columns, schema=wanted)
