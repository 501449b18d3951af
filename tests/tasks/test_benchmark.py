"""Cells: the order in which they run, and the row that each leaves, measured or not."""

from datetime import UTC, datetime
from typing import Any

from tasks.benchmark import Round, failed_cells, measure, rounds
from tasks.progress import Progress
from tasks.run import Run
from tasks.tables import TABLES
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, group, make_run, make_volume, script_pod

FINISHED = "@stormark finished\n"


def cells(api: Api, log: str, *, volume: Any = None, ended: Answer | None = None) -> Any:
    """The rows of one round on a pod that writes this log, by job."""
    script_pod(api, Answer.of(log), ended=ended)
    run = make_run(api.cluster)
    turn = Round(volume or make_volume(), repeat=2, first_cell=7, cells=12)
    return {row["job"]: row for row in measured(run, turn)}


def measured(run: Run, turn: Round) -> list[dict[str, Any]]:
    """The rows that are kept of a round, in their order."""
    rows: list[dict[str, Any]] = []
    measure(run, [], turn, lambda progress: None, rows.append)  # noqa: ARG005
    return rows


def test_every_class_begins_a_repeat_once() -> None:
    """Drift during a run favours no class."""
    volumes = [make_volume(name, position) for position, name in enumerate("abc")]
    turns = list(rounds(volumes, repeats=4, jobs=5))
    assert [turn.volume.storage_class for turn in turns] == list("abcbcacababc")
    assert [turn.repeat for turn in turns] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_cells_are_counted_through_the_run() -> None:
    """Each turn begins after the jobs of the one before."""
    volumes = [make_volume("a"), make_volume("b", 1)]
    turns = list(rounds(volumes, repeats=2, jobs=5))
    assert [turn.first_cell for turn in turns] == [1, 6, 11, 16]
    assert {turn.cells for turn in turns} == {20}


def test_no_volume_has_no_round() -> None:
    """When every class failed, nothing is measured."""
    assert list(rounds([], repeats=3, jobs=4)) == []


def test_a_class_without_a_volume_has_a_failed_row_for_every_cell(api: Api) -> None:
    """Nothing is left out of a report."""
    rows = failed_cells(make_run(api.cluster, repeats=2), "slow", "it was not bound")
    assert [(row["repeat"], row["job"]) for row in rows] == [
        (repeat, job) for repeat in (1, 2) for job in ("first", "second", "third")
    ]
    assert {(row["storage_class"], row["status"], row["error"]) for row in rows} == {
        ("slow", "failed", "it was not bound")
    }


def test_a_measured_cell_says_where_when_and_in_what_order(api: Api) -> None:
    """Sequence goes on from the turn's first cell; jobs that ran at once are counted."""
    rows = cells(api, group("first") + group("second", "third") + FINISHED)
    assert [row["sequence"] for row in rows.values()] == [7, 8, 9]
    assert [row["concurrent_jobs"] for row in rows.values()] == [1, 2, 2]
    first = rows["first"]
    assert (first["status"], first["storage_class"], first["repeat"]) == ("measured", "fast", 2)
    assert first["started_at"] == datetime.fromtimestamp(1795400000, UTC)
    assert (first["node"], first["engine"], first["warnings"]) == ("node-1", "libaio", [])
    assert first["iops"] > 0
    for row in rows.values():
        assert set(row) <= {column.name for column in TABLES["fio"]}


def test_a_job_is_sent_where_the_first_pod_was(api: Api) -> None:
    """Same node, same user, same volume, the engine that was found, the groups in order."""
    cells(api, group("first") + FINISHED, volume=make_volume(user=0, engine="psync"))
    (created,) = api.asked("POST")
    pod = created.body["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["env"] == [
        {"name": "STORMARK_ENGINE", "value": "psync"},
        {"name": "STORMARK_GROUPS", "value": "first second,third"},
    ]
    assert container["command"] == ["sh", "stormark/fio.sh", "run"]
    assert pod["securityContext"]["runAsUser"] == 0
    assert pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] == {
        "nodeSelectorTerms": [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}
        ]
    }
    assert {"name": "volume", "persistentVolumeClaim": {"claimName": "pvc-0"}} in pod["volumes"]


def test_what_fio_says_beside_its_figures_is_a_warning(api: Api) -> None:
    """So is what makes a figure doubtful, and an engine that the node refused."""
    volume = make_volume(row={"filesystem": "tmpfs"}, engine_errors=["io_uring: fio: refused"])
    log = group("first", stderr="fio: a note") + group("second", "third") + FINISHED
    rows = cells(api, log, volume=volume)
    ram = "the volume is tmpfs: this measures RAM, not storage"
    assert rows["first"]["warnings"] == ["fio: a note", ram, "engine io_uring: fio: refused"]
    assert rows["third"]["warnings"] == [ram], "third names its engine itself"


def test_a_group_that_fails_takes_no_other_with_it(api: Api) -> None:
    """Its cells have fio's status and words."""
    failed = group("first", status=1, stderr="fio: no space left", output="")
    rows = cells(api, failed + group("second", "third") + FINISHED)
    assert rows["first"]["status"] == "failed"
    assert rows["first"]["error"] == "fio exited with 1: fio: no space left"
    assert rows["second"]["status"] == rows["third"]["status"] == "measured"


def test_a_fio_that_says_nothing_is_quoted_as_such(api: Api) -> None:
    """No words are made up."""
    rows = cells(api, group("first", status=137, output="") + FINISHED)
    assert rows["first"]["error"] == "fio exited with 137: it said nothing"


def test_output_that_cannot_be_read_fails_its_cells(api: Api) -> None:
    """A zero status is not believed without figures."""
    rows = cells(api, group("first", output='{"jobs": [') + FINISHED)
    assert rows["first"]["status"] == "failed"
    assert rows["first"]["error"].startswith("fio's output is not JSON")
    assert "iops" not in rows["first"]


def test_a_pod_that_is_lost_keeps_what_it_had_measured(api: Api) -> None:
    """The group that ran was cut off, those after it did not begin."""
    log = group("first") + "@stormark begin second,third 1795400020\n"
    rows = cells(api, log, ended=Answer.items([]))
    assert rows["first"]["status"] == "measured"
    assert rows["second"]["error"].startswith("it was cut off: the pod of Job stormark-2026")
    assert "is gone: it was deleted, or its time was up" in rows["third"]["error"]
    assert rows["third"]["started_at"] == datetime.fromtimestamp(1795400020, UTC)


def test_a_group_that_did_not_begin_says_so(api: Api) -> None:
    """It has no start, and the reason of the one that was lost."""
    rows = cells(api, "@stormark begin first 1795400000\n", ended=Answer.items([]))
    assert rows["first"]["error"].startswith("it was cut off: ")
    assert rows["second"]["error"].startswith("it did not begin: the pod of Job")
    assert "started_at" not in rows["second"]


def test_an_api_that_fails_meanwhile_keeps_what_was_measured(api: Api) -> None:
    """What was read of the log is not lost with the connection."""
    script_pod(api, Answer.of(group("first"), cut=True))
    api.answers["GET", f"{PODS}/pod-1"] = [Answer.refusal(500, "InternalError", "etcd is gone")]
    turn = Round(make_volume(), repeat=1, first_cell=1, cells=3)
    rows = measured(make_run(api.cluster), turn)
    assert [row["status"] for row in rows] == ["measured", "failed", "failed"]
    assert "reading Pod pod-1: etcd is gone (HTTP 500)" in rows[1]["error"]


def test_a_job_that_cannot_be_created_fails_every_cell(api: Api) -> None:
    """In the words of the API server."""
    api.script("POST", JOBS, Answer.refusal(403, "Forbidden", "exceeded quota"))
    turn = Round(make_volume(), repeat=1, first_cell=1, cells=3)
    rows = measured(make_run(api.cluster), turn)
    assert [row["status"] for row in rows] == ["failed"] * 3
    assert "it did not begin: creating Job" in rows[0]["error"]
    assert "exceeded quota" in rows[0]["error"]


def test_progress_tells_cell_rates_and_time_left(api: Api) -> None:
    """A step for each group as it begins, then fio's rates."""
    seen: list[Progress] = []
    script_pod(api, Answer.of(group("first") + group("second", "third") + FINISHED))
    turn = Round(make_volume(), repeat=2, first_cell=4, cells=9)
    measure(make_run(api.cluster), [], turn, seen.append, lambda row: None)  # noqa: ARG005
    step = "fast · first · repeat 2"
    assert seen[0] == Progress("20261123-031500-a1b2c3", step, 4, 9, 40.0)
    assert seen[1] == seen[0]._replace(iops=256.0, bytes_per_second=2.0**20)
    assert seen[2].step == "fast · second+third · repeat 2"
    assert (seen[2].cell, seen[2].seconds_left) == (5, 30.0)
