"""Cells: the order in which they run, and the row that each leaves, measured or not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from reports.text.reasons import three_words
from tasks.kubernetes.labels import CONTAINER
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.run import Run
from tasks.provision import volumes
from tasks.results.schema import TABLES
from tasks.speed import benchmark
from tasks.speed.benchmark import Round, failed_cells, measure, rounds
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, group, make_run, make_volume, pod, script_pod

FINISHED = "@stormark finished\n"


def cells(api: Api, log: str, *, on: Any = None, ended: Answer | None = None) -> Any:
    """The rows of one round on a pod that writes this log, by job."""
    script_pod(api, Answer.of(log), ended=ended)
    run = make_run(api.cluster)
    turn = Round(on or make_volume(), repeat=2, first_cell=7, cells=12)
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
    rows = failed_cells(make_run(api.cluster, repeats=2), "slow", "a-pvc", "it was not bound")
    assert [(row["repeat"], row["job"]) for row in rows] == [
        (repeat, job) for repeat in (1, 2) for job in ("first", "second", "third")
    ]
    assert {(row["storage_class"], row["status"], row["error"]) for row in rows} == {
        ("slow", "failed", "it was not bound")
    }
    assert {row["pvc"] for row in rows} == {"a-pvc"}


def test_a_measured_cell_says_where_when_and_in_what_order(api: Api) -> None:
    """Sequence goes on from the turn's first cell; jobs that ran at once are counted."""
    rows = cells(api, group("first") + group("second", "third") + FINISHED)
    assert [row["sequence"] for row in rows.values()] == [7, 8, 9]
    assert [row["concurrent_jobs"] for row in rows.values()] == [1, 2, 2]
    first = rows["first"]
    assert (first["status"], first["storage_class"], first["repeat"]) == ("measured", "fast", 2)
    assert first["started_at"] == datetime.fromtimestamp(1795400000, UTC)
    assert (first["node"], first["engine"], first["warnings"]) == ("node-1", "libaio", [])
    assert first["pvc"] == make_volume().pvc
    assert first["iops"] > 0
    for row in rows.values():
        assert set(row) <= {column.name for column in TABLES["fio"]}


def test_a_pod_is_ordered_to_run_the_groups(api: Api) -> None:
    """In their order; nothing is created for it."""
    cells(api, group("first") + FINISHED)
    assert api.orders == ["1 run 1 2"]
    assert api.asked("POST") == []


def test_what_fio_says_beside_its_figures_is_a_warning(api: Api) -> None:
    """So is what makes a figure doubtful."""
    doubtful = make_volume(row={"filesystem": "tmpfs"}, engine_errors=["io_uring: fio: refused"])
    log = group("first", stderr="fio: a note") + group("second", "third") + FINISHED
    rows = cells(api, log, on=doubtful)
    ram = "the volume is tmpfs: this measures RAM, not storage"
    assert rows["first"]["warnings"] == ["fio: a note", ram]
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


NODE = "/api/v1/nodes/node-1"
CUT_OFF = group("first") + "@stormark begin 2 1795400020\n"
READY = "@stormark fact engine libaio\n@stormark ready\n"


def lose_pod(api: Api, second: str) -> dict[str, dict[str, Any]]:
    """The rows of a round whose pod is lost during its second group, and whose next says this."""
    api.script("POST", JOBS, Answer.of({}, status=201))
    api.script("GET", f"{PODS}/pod-1/log", Answer.of(CUT_OFF))
    api.script("GET", f"{PODS}/pod-1", Answer.refusal(404, "NotFound"))
    api.script("GET", NODE, Answer.of({"metadata": {"name": "node-1"}}))
    gone = Answer.items([])
    api.script("GET", PODS, gone, gone, Answer.items([pod("running", "pod-2")]))
    api.script("GET", PODS, Answer.items([]))
    api.script("GET", f"{PODS}/pod-2/log", Answer.of(READY), Answer.of(READY + second))
    api.script("GET", f"{PODS}/pod-2", Answer.refusal(404, "NotFound"))
    return {
        row["job"]: row for row in measured(make_run(api.cluster), Round(make_volume(), 2, 7, 12))
    }


def test_a_pod_that_is_lost_is_replaced_once(api: Api) -> None:
    """What it had not measured is measured in the next one, on the same node, which says so."""
    rows = lose_pod(api, "@stormark order 1\n" + group("second", "third") + FINISHED)
    assert [row["status"] for row in rows.values()] == ["measured"] * 3
    assert [row["sequence"] for row in rows.values()] == [7, 8, 9]
    assert rows["first"]["warnings"] == []
    (said,) = rows["second"]["warnings"]
    assert said.startswith("second try: the pod of Job a-job is gone: it was deleted, or its time")
    assert api.orders == ["1 run 1 2", "1 run 2"]
    (created,) = api.asked("POST")
    spec = created.body["spec"]["template"]["spec"]
    assert created.body["metadata"]["name"] == "stormark-20261123-031500-a1b2c3-0-fast-fio-2"
    (container,) = spec["containers"]
    assert container["command"] == ["sh", "stormark/fio.sh", "serve"]
    assert {"name": "STORMARK_NEEDED", "value": "0"} in container["env"]
    assert spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] == {
        "nodeSelectorTerms": [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}
        ]
    }


def test_a_pod_whose_node_is_gone_is_replaced_on_another(api: Api) -> None:
    """An autoscaler took the node: a pod tied to it would wait for ever; its twin is above."""
    api.script("GET", NODE, Answer.refusal(404, "NotFound"))
    rows = lose_pod(api, "@stormark order 1\n" + group("second", "third") + FINISHED)
    assert [row["status"] for row in rows.values()] == ["measured"] * 3
    (created,) = api.asked("POST")
    assert "affinity" not in created.body["spec"]["template"]["spec"]


def test_a_second_pod_that_is_lost_is_not_replaced(api: Api) -> None:
    """The group that ran was cut off, those after it did not begin."""
    rows = lose_pod(api, "@stormark order 1\n@stormark begin 2 1795400020\n")
    assert [row["status"] for row in rows.values()] == ["measured", "failed", "failed"]
    assert rows["second"]["error"].startswith("it was cut off: the pod of Job stormark-2026")
    assert "is gone: it was deleted, or its time was up" in rows["third"]["error"]
    assert rows["third"]["started_at"] == datetime.fromtimestamp(1795400020, UTC)


def test_a_pod_that_ends_by_itself_is_not_replaced(api: Api) -> None:
    """Nobody took it away: what ended it may be the volume's doing."""
    rows = cells(api, "@stormark begin 1 1795400000\n")
    assert rows["first"]["error"] == "it was cut off: its container ended: Scripted, exit code None"
    assert (
        rows["second"]["error"] == "it did not begin: its container ended: Scripted, exit code None"
    )
    assert "started_at" not in rows["second"]
    assert api.asked("POST") == []


def test_a_pod_that_ran_out_of_memory_says_so(api: Api) -> None:
    """In the kubelet's words, which a report says in three."""
    killed = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    statuses = [{"name": CONTAINER, "state": killed}]
    ended = Answer.items([pod("terminated", containerStatuses=statuses)])
    rows = cells(api, "@stormark begin 1 1795400000\n", ended=ended)
    words = "it was cut off: its container ended: OOMKilled, exit code 137"
    assert rows["first"]["error"] == words
    assert three_words(words) == "out of memory"


def test_a_pod_that_does_not_finish_is_not_replaced(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that hangs is a finding."""
    monkeypatch.setattr(benchmark, "SPARE_SECONDS", -1e9)
    rows = cells(api, group("first") + group("second", "third"))
    assert "has not finished within" in rows["second"]["error"]
    assert api.asked("POST") == []


@pytest.mark.parametrize("hangs", [False, True])
def test_a_turn_that_fails_ends_its_pod_before_the_next(
    api: Api, monkeypatch: pytest.MonkeyPatch, *, hangs: bool
) -> None:
    """Its fio would run beside the next class; where it cannot be ended, the volume has no more."""
    monkeypatch.setattr(benchmark, "SPARE_SECONDS", -1e9)
    monkeypatch.setattr(volumes, "END_SECONDS", 0 if hangs else 60)
    volume = make_volume()
    if hangs:
        api.script("GET", PODS, Answer.items([pod("running")]))
    cells(api, group("first"), on=volume)
    assert [request.path for request in api.asked("DELETE")] == [f"{JOBS}/a-job"]
    assert volume.ended
    assert bool(volume.left) == bool(volume.given_up) == hangs
    assert len(api.orders) == 1
    again = cells(api, group("first") + FINISHED, on=volume)
    assert api.orders[1:] == ([] if hangs else ["1 run 1 2"]), "a new pod's first"
    assert len(api.asked("POST")) == (0 if hangs else 1), "another pod, unless it is given up"
    if hangs:
        assert "could not be ended on node node-1" in again["first"]["error"]


def test_a_turn_that_finishes_keeps_its_pod(api: Api) -> None:
    """The same pod waits for the next one."""
    volume = make_volume()
    cells(api, group("first") + group("second", "third") + FINISHED, on=volume)
    assert api.asked("DELETE") == []
    assert not volume.ended


def test_an_api_that_fails_meanwhile_keeps_what_was_measured(api: Api) -> None:
    """What was read of the log is not lost with the connection."""
    script_pod(api, Answer.of(group("first"), cut=True))
    api.answers["GET", f"{PODS}/pod-1"] = [Answer.refusal(500, "InternalError", "etcd is gone")]
    turn = Round(make_volume(), repeat=1, first_cell=1, cells=3)
    rows = measured(make_run(api.cluster), turn)
    assert [row["status"] for row in rows] == ["measured", "failed", "failed"]
    assert "reading Pod pod-1: etcd is gone (HTTP 500)" in rows[1]["error"]


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


def test_why_an_engine_was_not_chosen_stands_beside_a_profile_s_figures(api: Api) -> None:
    """Of an own file's jobs none is chosen: fio runs the one that they name, or its default."""
    volume = make_volume(engine_errors=["io_uring: fio: refused"])
    run = make_run(api.cluster, fio_file=None, profile="quick")
    script_pod(api, Answer.of("@stormark order 1\n" + group("read_iops") + FINISHED))
    first, *_ = measured(run, Round(volume, 1, 1, 4))
    assert "engine io_uring: fio: refused" in first["warnings"]
