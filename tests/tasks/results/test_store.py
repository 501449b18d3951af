"""Tables: what is written can be read again, whole, once, and under names that say their units."""

import json
import os
import random
import re
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from tasks.results.schema import SCHEMA_VERSION, TABLES, schema
from tasks.results.store import (
    ResultsError,
    check_writable,
    open_location,
    read,
    read_table,
    write_table,
    write_text,
)

STARTED = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
every_table = pytest.mark.parametrize("table", TABLES)


def write(location: Path | str, *rows: dict[str, Any], run_id: str = "run-1") -> str:
    return write_table(str(location), "fio", run_id, STARTED, rows)


def cell(job: str = "read", **more: Any) -> dict[str, Any]:
    return {"storage_class": "fast", "job": job, "repeat": 1, "status": "measured"} | more


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@contextmanager
def no_file_above(limit: int) -> Iterator[None]:
    """Let this process write no file larger than `limit` bytes: the disk as good as full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_row_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Times, lists and numbers come back; run_id is filled in, what is missing is null."""
    path = write(tmp_path, cell(started_at=STARTED, iops=5.5, warnings=["a", "b"]))
    assert path == "fio/date=2026-11-23/run-1.parquet"
    frame = read_table(str(tmp_path), "fio")
    assert list(frame.columns) == [column.name for column in TABLES["fio"]]
    (row,) = frame.to_dict("records")
    assert (row["run_id"], row["job"], row["iops"]) == ("run-1", "read", 5.5)
    assert row["started_at"].to_pydatetime() == STARTED
    assert list(row["warnings"]) == ["a", "b"]
    assert frame["read_iops"].isna().all()
    assert frame["error"].isna().all()


def test_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    """One run leaves one copy, the newest."""
    write(tmp_path, cell("a"))
    write(tmp_path, cell("a"), cell("b"))
    assert files(tmp_path) == ["fio/date=2026-11-23/run-1.parquet"]
    assert list(read_table(str(tmp_path), "fio")["job"]) == ["a", "b"]


def test_one_run_can_be_read_alone(tmp_path: Path) -> None:
    """All runs of a location are one dataset; a run's id chooses one."""
    write(tmp_path, cell("a"), run_id="run-1")
    write(tmp_path, cell("b"), run_id="run-2")
    assert sorted(read_table(str(tmp_path), "fio")["job"]) == ["a", "b"]
    assert list(read_table(str(tmp_path), "fio", "run-2")["job"]) == ["b"]
    assert read_table(str(tmp_path), "fio", "run").empty


@every_table
def test_a_table_without_files_is_empty_and_has_every_column(tmp_path: Path, table: str) -> None:
    """Whoever reads it need not ask whether it exists."""
    frame = read_table(str(tmp_path / "nothing"), table)
    assert frame.empty
    assert list(frame.columns) == [column.name for column in TABLES[table]]


@every_table
def test_a_table_may_have_no_rows(tmp_path: Path, table: str) -> None:
    """A run that stopped early still writes all its tables."""
    write_table(str(tmp_path), table, "run-1", STARTED, [])
    assert read_table(str(tmp_path), table).empty
    assert len(files(tmp_path)) == 1


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    """A slip in a name does not lose a figure."""
    with pytest.raises(ValueError, match="table fio has no column iosp, jbo"):
        write(tmp_path, cell(iosp=1.0, jbo="a"))
    assert files(tmp_path) == []


def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """Not even half of one; the message has path and reason."""
    with no_file_above(100), pytest.raises(ResultsError, match=r"run-1\.parquet.*File too large"):
        write(tmp_path, cell())
    assert files(tmp_path) == []


def test_a_write_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    """What was measured before stays readable."""
    write(tmp_path, cell("before"))
    with no_file_above(100), pytest.raises(ResultsError):
        write(tmp_path, cell("after"))
    assert files(tmp_path) == ["fio/date=2026-11-23/run-1.parquet"]
    assert list(read_table(str(tmp_path), "fio")["job"]) == ["before"]


def test_a_file_being_written_is_not_read(tmp_path: Path) -> None:
    """Names that begin with a dot are no part of the dataset."""
    write(tmp_path, cell())
    folder = tmp_path / "fio" / "date=2026-11-23"
    (folder / ".run-2.parquet.0123").write_bytes(b"half")
    (folder / ".run-3.parquet").write_bytes(b"half")
    assert list(read_table(str(tmp_path), "fio")["run_id"]) == ["run-1"]


def test_a_column_that_an_older_file_lacks_is_null(tmp_path: Path) -> None:
    """Old results stay readable beside new ones."""
    write(tmp_path, cell("new", iops=1.0), run_id="run-2")
    older = schema("fio").remove(schema("fio").get_field_index("iops"))
    table = pa.Table.from_pylist([{"run_id": "run-1", "job": "old"}], schema=older)
    pq.write_table(table, tmp_path / "fio" / "date=2026-11-23" / "run-1.parquet")
    frame = read_table(str(tmp_path), "fio").set_index("job")
    assert frame.loc["new", "iops"] == 1.0
    assert frame["iops"].isna().to_dict() == {"old": True, "new": False}


@every_table
def test_a_name_ends_in_its_unit(table: str) -> None:
    """A reader of the data needs no other page; nothing else ends like a unit."""
    units = ("bytes_per_second", "seconds", "bytes", "ns", "iops", "percent")
    for field in schema(table):
        ending = next((u for u in units if field.name == u or field.name.endswith(f"_{u}")), "")
        unit = field.metadata[b"unit"].decode()
        if field.type in (pa.int64(), pa.float64()):
            assert unit == ending, f"{field.name} has unit {unit!r}"
        else:
            assert unit == "", f"{field.name} is no number and has a unit"
        assert len(field.metadata[b"description"]) > 3


def test_a_file_carries_units_and_the_version_of_its_schema(tmp_path: Path) -> None:
    """They are there for whoever reads the file with another tool."""
    path = write(tmp_path, cell())
    written = pq.read_schema(tmp_path / path)
    assert written.metadata[b"stormark.schema_version"].decode() == SCHEMA_VERSION
    assert written.field("iops").metadata[b"unit"] == b"iops"


def test_every_table_begins_with_the_run() -> None:
    """It is what joins them; no column is there twice."""
    for columns in TABLES.values():
        names = [column.name for column in columns]
        assert names[0] == "run_id"
        assert len(names) == len(set(names))


def test_a_location_that_can_be_written_is_left_clean(tmp_path: Path) -> None:
    """It is made where it is missing, and the probe is removed."""
    check_writable(str(tmp_path / "new" / "results"))
    assert files(tmp_path) == []
    assert (tmp_path / "new" / "results").is_dir()


def test_a_location_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Below a regular file nobody can write, root included."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        ResultsError, match=r"file/results' is not writable: .*results: in the plan"
    ):
        check_writable(str(tmp_path / "file" / "results"))


def test_a_file_uri_is_the_same_folder(tmp_path: Path) -> None:
    """Written by its URI, read by its path."""
    write(f"file://{tmp_path}/", cell())
    assert list(read_table(str(tmp_path), "fio")["job"]) == ["read"]


def test_an_s3_uri_is_a_bucket_and_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent until something is read or written."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = "region=eu-central-1&endpoint_override=127.0.0.1:1&scheme=http"
    filesystem, path = open_location(f"s3://bucket/nightly/?{options}")
    assert isinstance(filesystem, fs.S3FileSystem)
    assert (path, filesystem.region) == ("bucket/nightly", "eu-central-1")


def test_an_option_of_s3_that_does_not_exist_is_refused() -> None:
    """A slip in its name is told with the names that exist."""
    with pytest.raises(ResultsError, match=r"after \? only the options endpoint_override, scheme"):
        open_location("s3://bucket/x?endpoint=127.0.0.1:9000")


@pytest.mark.parametrize("location", ["gopher://a/b", "file:results"])
def test_a_location_that_is_none_is_refused(location: str) -> None:
    """With what may be given instead."""
    with pytest.raises(ResultsError, match=r"cannot be opened: .*Give a folder, a file: URI, s3:"):
        open_location(location)


def test_a_text_is_written_whole(tmp_path: Path) -> None:
    """Reports lie beside the tables; a failed write leaves the older one."""
    where = write_text(str(tmp_path), "reports/run-1/report.md", "# é\n")
    assert Path(where).read_text() == "# é\n"
    with no_file_above(3), pytest.raises(ResultsError, match=r"report\.md"):
        write_text(str(tmp_path), "reports/run-1/report.md", json.dumps(["longer"]))
    assert files(tmp_path) == ["reports/run-1/report.md"]
    assert Path(where).read_text() == "# é\n"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("hdfs://host/prefix", "hdfs is no kind of location. Give a folder"),
        ("gs://bucket/prefix?region=x", "a gs: URI has no option region, only endpoint_override"),
        ("abfs://box@account.dfs.core.windows.net/x?tls_ca_file_path=x", "no option tls_ca_file"),
        ("abfs://box/prefix", "an abfs: URI is abfs://CONTAINER@ACCOUNT.dfs.core"),
    ],
)
def test_a_location_that_no_store_has_is_refused_at_once(location: str, words: str) -> None:
    """pyarrow knows more kinds and more forms, and asks some of them for minutes."""
    with pytest.raises(ResultsError, match=re.escape(words)):
        check_writable(location)


def test_a_file_that_is_cut_off_hides_no_other_run(tmp_path: Path) -> None:
    """Of all runs it is left out by name; of its own run it is an error."""
    write(tmp_path, cell("whole"), run_id="run-1")
    cut = tmp_path / write(tmp_path, cell("cut"), run_id="run-2")
    cut.write_bytes(cut.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=r"run-2\.parquet is left out"):
        assert list(read_table(str(tmp_path), "fio")["job"]) == ["whole"]
    assert list(read_table(str(tmp_path), "fio", "run-1")["job"]) == ["whole"]
    with pytest.raises(ResultsError, match="run-2"):
        read_table(str(tmp_path), "fio", "run-2")


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its folder after that: a loss of power leaves the old file or the new one."""
    seen: list[tuple[bool, bool]] = []
    name = tmp_path / "fio" / "date=2026-11-23" / "run-1.parquet"

    def fsync(descriptor: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), name.exists()))

    monkeypatch.setattr("tasks.results.store.os.fsync", fsync)
    write(tmp_path, cell())
    assert seen == [(False, False), (True, True)]


def test_whole_numbers_stay_whole_beside_what_is_missing(tmp_path: Path) -> None:
    """A float would round what is above 2^53."""
    write(tmp_path, {**cell("a"), "file_size_bytes": 2**53 + 1})
    write(tmp_path, cell("b"), run_id="run-2")
    assert read(str(tmp_path), "fio")["file_size_bytes"].to_pylist() == [2**53 + 1, None]


def test_a_second_takes_at_most_20_bytes(tmp_path: Path) -> None:
    """Of 1,200 noisy seconds, as an hour's series is kept for years; one row alone is 5 KB."""
    chance = random.Random(1)
    began = datetime(2026, 11, 27, 3, 0, 0, 305_000, UTC)
    rows = [
        {
            "storage_class": "fast",
            "pod": "stormark-20261123-031500-a1b2c3-0-fast-r1-fio-1-abcde",
            "job": "read_iops",
            "direction": "read",
            "second": second,
            "at": began + timedelta(seconds=second),
            "ramp": False,
            "iops": float(f"{(iops := chance.gauss(3000, 240)):.4g}"),
            "bytes": int(iops) * 4096,
            "mean_latency_seconds": float(f"{64 / iops:.4g}"),
            "max_latency_seconds": float(f"{2 ** chance.gauss(-6, 0.5):.2g}"),
        }
        for second in range(1200)
    ]
    path = write_table(str(tmp_path), "fio_seconds", "run-1", STARTED, rows)
    assert (tmp_path / path).stat().st_size / len(rows) <= 20
    for row in rows:
        row["iops"] = chance.random()  # the control: every digit
        row["mean_latency_seconds"] = chance.random()
        row["max_latency_seconds"] = chance.random()
    path = write_table(str(tmp_path), "fio_seconds", "run-2", STARTED, rows)
    assert (tmp_path / path).stat().st_size / len(rows) > 20
