"""What is said of a run when it has ended: what was measured, skipped, failed, is missing."""

import os
import stat
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tasks.lifecycle.record import Record, counted, outcome_of, save, save_so_far, summary
from tasks.results.fio_columns import FioRow
from tasks.results.run_columns import VolumeRow
from tasks.results.schema import TABLES
from tasks.results.second_columns import SecondRow
from tasks.results.store import ResultsError, read_table
from tasks.results.storm_columns import StormRow
from tasks.speed import part as speed
from tasks.storms import cells
from tests.tasks.api import Api
from tests.tasks.sample import CELL, make_run


def fio(**columns: Any) -> FioRow:
    return replace(CELL, **{"error": "no space"} | columns)


def storm(**columns: Any) -> StormRow:
    drained = StormRow(volume="local", storm="drain", round=1, status="measured", error="a budget")
    return replace(drained, **columns)


def second(number: int) -> SecondRow:
    at = datetime(2026, 11, 23, 3, 15, number, tzinfo=UTC)
    return SecondRow(**CELL.key._asdict(), direction="read", second=number, at=at, ramp=False)


def record(
    api: Api, of_fio: list[str], of_storms: list[str], *, planned: int = 0, volumes: int = 0
) -> Record:
    """A record of cells with these statuses; four storm cells are planned for each volume."""
    run = make_run(api.cluster)
    known = Record(run, "nightly", [], [], "v1.34.0")
    known.parts = [
        speed.part(run, planned, "fio-3.33")._replace(planned=planned),
        cells.part(run.plan, ["local"] * volumes)._replace(planned=4 * volumes),
    ]
    known.sink.append(*(fio(status=status) for status in of_fio))
    known.sink.append(*(storm(status=status) for status in of_storms))
    return known


@pytest.mark.parametrize(
    ("storms", "words"),
    [
        (["measured"] * 4, "6 cells measured"),
        (["measured", "skipped", "not offered", "skipped"], "3 cells measured, 3 skipped"),
    ],
)
def test_what_could_not_be_had_is_not_counted_as_measured(
    api: Api, storms: list[str], words: str
) -> None:
    """The run is complete all the same, since nothing failed."""
    known = record(api, ["measured"] * 2, storms, planned=2, volumes=1)
    assert counted(known) == words
    assert (outcome_of(known), summary(known)) == ("complete", None)


def test_cells_that_are_missing_are_counted(api: Api) -> None:
    """A run that is incomplete says why, also where nothing failed."""
    known = record(api, ["measured"] * 2, ["skipped"], planned=3, volumes=1)
    assert (outcome_of(known), summary(known)) == ("incomplete", "4 of 7 cells are missing")


def test_the_first_failure_is_told(api: Api) -> None:
    """With the number of all."""
    known = record(api, ["measured", "failed"], ["failed"], planned=2)
    assert outcome_of(known) == "incomplete"
    assert summary(known) == "2 of 2 cells failed: fast a round 1: no space (and 1 more)"


def test_a_save_that_fails_loses_no_row(api: Api, tmp_path: Path) -> None:
    """The next one has them all; the warning is said once, and kept with the run."""
    known = record(api, [], [], planned=2)
    known.run = make_run(api.cluster, results=str(tmp_path / "results"))
    told: list[str] = []
    in_the_way = tmp_path / "results"
    in_the_way.touch()
    for job in ("a", "b"):
        known.sink.append(fio(job=job))
        save_so_far(known, told.append)
    assert (len(told), len(known.warnings)) == (1, 1)
    with pytest.raises(ResultsError):  # the last one is fatal
        save(known, "complete")
    in_the_way.unlink()
    save(known, "complete")
    assert list(read_table(known.run.plan.results, "fio")["job"]) == ["a", "b"]
    (row,) = read_table(known.run.plan.results, "runs").to_dict("records")
    assert row["outcome"] == "complete"
    assert row["warnings"][0].startswith("for a while nothing that was measured could be written")


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a file of each table was brought to the disk."""
    seen: Counter[str] = Counter()

    def fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            seen[path.parent.parent.name] += 1

    monkeypatch.setattr("tasks.results.store.os.fsync", fsync)
    return seen


def test_a_table_is_written_again_only_when_it_has_changed(
    api: Api, tmp_path: Path, writes: Counter[str]
) -> None:
    """A storm cell costs no write of the seconds of fio; a row that is filled in later does one."""
    known = record(api, [], [])
    known.run = make_run(api.cluster, results=str(tmp_path))
    volume = VolumeRow(storage_class="fast", round=1, pvc="a-pvc")
    known.sink.append(second(1), volume)
    save_so_far(known, print)
    assert writes == dict.fromkeys(TABLES, 1), "every table, also an empty one"
    for number in (1, 2):
        known.sink.append(storm(round=number))
        save_so_far(known, print)
    changed = {"storms": 3, "runs": 3}
    assert writes == dict.fromkeys(TABLES, 1) | changed
    known.sink.replace(volume, replace(volume, delete_seconds=1.0))
    known.sink.append(second(2))
    save(known, "complete")
    changed |= {"volumes": 2, "fio_seconds": 2, "runs": 4}
    assert writes == dict.fromkeys(TABLES, 1) | changed
    assert list(read_table(str(tmp_path), "storms")["round"]) == [1, 2]
    assert list(read_table(str(tmp_path), "volumes")["delete_seconds"]) == [1.0]


def test_a_table_whose_write_failed_is_written_again(api: Api, tmp_path: Path) -> None:
    """Though its rows are the same; those that were written before it are not."""
    known = record(api, ["measured"], ["measured"])
    known.run = make_run(api.cluster, results=str(tmp_path))
    in_the_way = tmp_path / "storms"
    in_the_way.touch()
    save_so_far(known, print)
    assert len(known.warnings) == 1
    assert list(read_table(str(tmp_path), "fio")["job"]) == ["a"]
    in_the_way.unlink()
    save_so_far(known, print)
    assert list(read_table(str(tmp_path), "storms")["storm"]) == ["drain"]
    assert list(read_table(str(tmp_path), "runs")["outcome"]) == ["running"]


def test_nobody_waits_for_a_slow_save(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes meanwhile is saved by the same thread; what has ended is not saved as running."""
    known = record(api, [], [])
    began, go_on, saved = Event(), Event(), []

    def write(_location: str, table: str, *_: Any) -> None:
        if table == "runs":
            saved.append((known.outcome, len(known.sink.rows(FioRow))))
            began.set()
            assert go_on.wait(60)

    monkeypatch.setattr("tasks.results.store.write_table", write)
    slow = Thread(target=save_so_far, args=(known, print))
    slow.start()
    assert began.wait(60)
    known.sink.append(fio())
    save_so_far(known, print)  # returns, though `slow` is in its save
    assert saved == [("running", 0)]
    go_on.set()
    slow.join()
    save(known, "complete")
    save_so_far(known, print)
    assert saved == [("running", 0), ("running", 1), ("complete", 1)]


@pytest.mark.parametrize(
    ("ran", "warned"),
    [
        ([None, None], False),
        (["fio@sha256:1", None], False),
        (["fio@sha256:1", "fio@sha256:1"], False),
        (["fio@sha256:1", "fio@sha256:2"], True),
    ],
)
def test_what_ran_under_the_image_s_name_is_kept(
    api: Api, tmp_path: Path, ran: list[str | None], *, warned: bool
) -> None:
    """Of fio's pods and of writers; two images of one name are a warning."""
    known = record(api, [], [])
    known.run = make_run(api.cluster, results=str(tmp_path))
    known.sink.append(VolumeRow(storage_class="fast", round=1, pvc="a-pvc", image_id=ran[0]))
    known.sink.append(storm(image_id=ran[1]))
    save(known, "complete")
    (row,) = read_table(str(tmp_path), "runs").to_dict("records")
    assert list(row["image_ids"]) == sorted(set(filter(None, ran)))
    assert [f"ran 2 images under the name {row['image']}" in said for said in row["warnings"]] == (
        [True] * warned
    )
