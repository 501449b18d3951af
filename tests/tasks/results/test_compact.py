"""Months in one file: each row is there at every moment, whoever stops it, and read as before."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from tasks.results import store
from tasks.results.compact import Compacted, compact
from tasks.results.store import ResultsError, read, run_ids, write_table

TABLES = ("runs", "fio", "storms")
DECEMBER = datetime(2026, 12, 3, tzinfo=UTC)


def night(root: Path, month: int, day: int, outcome: str = "complete", iops: float = 1.0) -> str:
    """Write a run of 2026 with two cells, and no storm."""
    started = datetime(2026, month, day, 3, tzinfo=UTC)
    run_id = f"{started:%Y%m%d-%H%M%S}-a1b2c3"
    cells = [
        {"storage_class": "fast", "job": job, "repeat": 1, "status": "measured", "iops": iops + day}
        for job in ("read", "write")
    ]
    of_run = {"outcome": outcome, "started_at": started, "ended_at": started + timedelta(hours=1)}
    for table, rows in (("fio", cells), ("storms", []), ("runs", [of_run])):
        write_table(str(root), table, run_id, started, rows)
    return run_id


def files(root: Path, table: str = "fio") -> list[str]:
    return sorted(str(path.relative_to(root / table)) for path in (root / table).rglob("*.parquet"))


def everything(root: Path) -> dict[str, pa.Table]:
    return {table: read(str(root), table) for table in TABLES}


class Killed(BaseException):
    """Stands for SIGKILL: nothing but the test hears of it."""


class Stopping:
    """A folder that does so many things more, and then is killed."""

    __class__ = fs.LocalFileSystem  # for whoever asks what it is

    def __init__(self, left: int) -> None:
        self.real, self.left = fs.LocalFileSystem(), left

    def __getattr__(self, name: str) -> Any:
        if name in ("create_dir", "open_output_stream", "move", "delete_file"):
            if self.left == 0:
                raise Killed
            self.left -= 1
        return getattr(self.real, name)


def test_the_files_of_a_month_are_one(tmp_path: Path) -> None:
    """The rows are the same in the same order; of the current month nothing changes."""
    october = [night(tmp_path, 10, day) for day in (1, 2, 31)]
    this_month = night(tmp_path, 12, 1)
    before = everything(tmp_path)
    done, left = compact(str(tmp_path), DECEMBER)
    assert done == [Compacted(table, "2026-10", 3) for table in ("fio", "storms", "runs")]
    assert left == []
    assert files(tmp_path) == [
        "date=2026-10-01/2026-10.parquet",
        f"date=2026-12-01/{this_month}.parquet",
    ]
    assert everything(tmp_path) == before
    assert run_ids(str(tmp_path)) == [*october, this_month]


def test_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    night(tmp_path, 10, 1)
    compact(str(tmp_path), DECEMBER)
    content = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    assert compact(str(tmp_path), DECEMBER) == ([], [])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == content


def test_one_run_of_a_month_can_be_read_alone(tmp_path: Path) -> None:
    first, second = night(tmp_path, 10, 1), night(tmp_path, 10, 2)
    compact(str(tmp_path), DECEMBER)
    assert read(str(tmp_path), "fio", first)["run_id"].to_pylist() == [first, first]
    assert read(str(tmp_path), "fio", [second, "20261005-030000-000000"])["iops"].to_pylist() == [
        3,
        3,
    ]
    assert read(str(tmp_path), "storms", first).num_rows == 0
    assert read(str(tmp_path), "fio", "20261005-030000-000000").num_rows == 0


def test_whoever_stops_it_anywhere_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each thing that it does the rows are those of before, and the next call ends it."""
    for kills in range(1000):
        root = tmp_path / str(kills)
        for day in (1, 2, 3):
            night(root, 10, day)
        night(root, 11, 1)
        before = everything(root)
        with monkeypatch.context() as patch:
            stopping = (Stopping(kills), str(root))
            patch.setattr(store, "open_location", lambda _location, it=stopping: it)
            try:
                compact(str(root), DECEMBER)
            except Killed:
                ended = False
            else:
                ended = True
        assert everything(root) == before
        compact(str(root), DECEMBER)
        assert everything(root) == before
        assert [len(files(root, table)) for table in TABLES] == [2, 2, 2]
        if ended:
            break
    assert kills > 20, "nothing was stopped"


def test_what_is_deleted_first_would_be_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: one that deletes before it has written loses rows."""
    night(tmp_path, 10, 1)
    before = everything(tmp_path)

    def deletes_first(*_: object) -> None:
        for file in (tmp_path / "fio").rglob("*.parquet"):
            file.unlink()
        raise Killed

    monkeypatch.setattr(store, "write_whole", deletes_first)
    with pytest.raises(Killed):
        compact(str(tmp_path), DECEMBER)
    assert everything(tmp_path) != before


def test_a_run_that_has_not_ended_keeps_its_files(tmp_path: Path) -> None:
    """As one that was killed does; and a run whose table `runs` is not there yet."""
    running = night(tmp_path, 10, 31, outcome="running")
    started = datetime(2026, 10, 30, tzinfo=UTC)
    write_table(str(tmp_path), "fio", "20261030-000000-000000", started, [])
    assert compact(str(tmp_path), DECEMBER) == ([], [])
    night(tmp_path, 10, 31)
    compact(str(tmp_path), DECEMBER)
    assert files(tmp_path) == [
        "date=2026-10-01/2026-10.parquet",
        "date=2026-10-30/20261030-000000-000000.parquet",
    ]
    assert run_ids(str(tmp_path)) == [running]


def test_a_run_s_own_file_is_the_one_that_counts(tmp_path: Path) -> None:
    """A file that comes late joins its month, in place of what the month has of it."""
    kept, written_again = night(tmp_path, 10, 1), night(tmp_path, 10, 2)
    compact(str(tmp_path), DECEMBER)
    night(tmp_path, 10, 2, iops=100.0)
    for _ in range(2):
        assert read(str(tmp_path), "fio", written_again)["iops"].to_pylist() == [102, 102]
        assert read(str(tmp_path), "fio")["iops"].to_pylist() == [2, 2, 102, 102]
        compact(str(tmp_path), DECEMBER)
    assert files(tmp_path) == ["date=2026-10-01/2026-10.parquet"]
    assert run_ids(str(tmp_path)) == [kept, written_again]


def test_what_it_would_lose_is_left_alone(tmp_path: Path) -> None:
    """A column of a newer stormark's, or a damaged file: each is named, and the rest goes on."""
    newer, damaged, good = (night(tmp_path, 10, day) for day in (1, 2, 3))
    path = tmp_path / "fio" / "date=2026-10-01" / f"{newer}.parquet"
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.append_column("of_tomorrow", pa.array([1, 2])), path)
    (tmp_path / "fio" / "date=2026-10-02" / f"{damaged}.parquet").write_bytes(b"no parquet")
    _, left = compact(str(tmp_path), DECEMBER)
    assert "a newer stormark wrote it, with of_tomorrow" in left[0]
    assert damaged in left[1]
    assert len(left) == 2
    assert files(tmp_path) == [
        "date=2026-10-01/2026-10.parquet",
        f"date=2026-10-01/{newer}.parquet",
        f"date=2026-10-02/{damaged}.parquet",
    ]
    with pytest.warns(UserWarning, match=f"{damaged}.parquet is left out"):
        runs = read(str(tmp_path), "fio")["run_id"].to_pylist()
    assert runs == [newer, newer, good, good]


def test_a_damaged_month_is_said(tmp_path: Path) -> None:
    """Of all runs it is left out with a warning; whoever asks for one of its runs is told."""
    october, november = night(tmp_path, 10, 1), night(tmp_path, 11, 1)
    compact(str(tmp_path), DECEMBER)
    (tmp_path / "fio" / "date=2026-10-01" / "2026-10.parquet").write_bytes(b"no parquet")
    with pytest.warns(UserWarning, match=r"2026-10\.parquet is left out"):
        assert read(str(tmp_path), "fio")["run_id"].to_pylist() == [november, november]
    with pytest.raises(ResultsError, match=r"2026-10\.parquet cannot be read"):
        read(str(tmp_path), "fio", october)


def test_whoever_reads_meanwhile_sees_every_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is gone when it is opened has its rows in the month's by then."""
    night(tmp_path, 10, 1)
    before = everything(tmp_path)
    listed = store.files_of

    def then_compacted(*where: Any) -> Any:
        found = listed(*where)
        monkeypatch.undo()
        compact(str(tmp_path), DECEMBER)
        return found

    monkeypatch.setattr(store, "files_of", then_compacted)
    assert read(str(tmp_path), "fio") == before["fio"]
    assert files(tmp_path) == ["date=2026-10-01/2026-10.parquet"]


def test_other_readers_see_the_same_rows(tmp_path: Path) -> None:
    """pandas and DuckDB as docs/results.md has them, over files of a month and of runs alike."""
    for month, day in ((10, 1), (10, 2), (12, 1)):
        night(tmp_path, month, day)
    compact(str(tmp_path), DECEMBER)
    frame = pd.read_parquet(tmp_path / "fio")
    assert list(frame["iops"]) == [2, 2, 3, 3, 2, 2]
    files_of_both = f"'{tmp_path}/fio/*/*.parquet', hive_partitioning = true, union_by_name = true"
    with duckdb.connect() as database:
        rows = database.execute(
            f"SELECT date, sum(iops) FROM read_parquet({files_of_both}) GROUP BY ALL ORDER BY 1"
        ).fetchall()
    assert rows == [(date(2026, 10, 1), 10), (date(2026, 12, 1), 4)]
