"""Cells: the order in which they run, and the row that each leaves, measured or not."""

import base64
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reports.text.reasons import three_words
from tasks.kubernetes.labels import CONTAINER
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.run import Run
from tasks.provision import volumes
from tasks.provision.volumes import Volume
from tasks.results.fio_columns import FioRow
from tasks.results.node_columns import NodeSecondRow
from tasks.results.run_columns import VolumeRow
from tasks.results.second_columns import SecondRow
from tasks.speed import benchmark
from tasks.speed.benchmark import Turn, failed_cells, measure, node_of, turns
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, fio_json, group, make_run, make_volume, pod, script_pod

FINISHED = "@stormark finished\n"


def turn_of(group: int, volume: Volume | None = None) -> Turn:
    return Turn(volume or make_volume(), 2, group, first_cell=7, cells=12, seconds_after=30.0)


def large(api: Api) -> Run:
    """A run on volumes that no cache holds."""
    return make_run(api.cluster, volume_size="64Gi")


def cells(
    api: Api, log: str, *, on: Volume | None = None, ended: Answer | None = None, number: int = 2
) -> dict[str, dict[str, Any]]:
    """The rows of one turn on a pod that writes this log, by job."""
    script_pod(api, Answer.of(log), ended=ended)
    return {row["job"]: row for row in measured(large(api), turn_of(number, on))}


def measured(run: Run, turn: Turn) -> list[dict[str, Any]]:
    """The rows that are kept of a turn, in their order."""
    rows: list[FioRow] = []
    measure(run, [], turn, lambda _: None, lambda row, *_: rows.append(row))
    return [row.columns() for row in rows]


def order(api: Api, seed: int, number: int = 1) -> list[tuple[int, str]]:
    """In which order groups and classes have their turns in a round."""
    run = make_run(api.cluster, seed=seed)
    volumes = [make_volume(name) for name in "abc"]
    return [(turn.group, turn.volume.storage_class) for turn in turns(run, volumes, number, 1, 9)]


def test_the_turns_of_a_group_lie_next_to_each_other(api: Api) -> None:
    """Every class once in each group: what drifts meanwhile is the same for all."""
    turned = order(api, seed=1)
    assert [number for number, _ in turned] == [1, 1, 1, 2, 2, 2]
    for number in (1, 2):
        assert sorted(name for of, name in turned if of == number) == ["a", "b", "c"]


def test_the_order_of_classes_is_one_of_chance_that_a_seed_repeats(api: Api) -> None:
    """Every class is the first somewhere; the same seed gives the same order again."""
    orders = [order(api, seed=7, number=number) for number in range(1, 10)]
    assert {turned[0][1] for turned in orders} == {"a", "b", "c"}
    assert orders == [order(api, seed=7, number=number) for number in range(1, 10)]
    assert orders != [order(api, seed=8, number=number) for number in range(1, 10)]


def test_cells_and_seconds_are_counted_through_the_run(api: Api) -> None:
    """A turn begins after the cells of the one before; what is left falls to the rounds after."""
    run = make_run(api.cluster, rounds=2)
    found = list(turns(run, [make_volume("a"), make_volume("b")], 1, first_cell=7, cells=12))
    assert [turn.first_cell for turn in found] == [7, 8, 9, 11]
    assert [turn.seconds_after for turn in found] == [70.0, 60.0, 50.0, 40.0]
    (*_, last) = turns(run, [make_volume("a")], 2, first_cell=1, cells=12)
    assert last.seconds_after == 0


def test_no_volume_has_no_turn(api: Api) -> None:
    """When every class failed, nothing is measured."""
    assert list(turns(make_run(api.cluster), [], 1, 1, 9)) == []


def test_each_round_takes_the_next_node(api: Api) -> None:
    """The first one is of chance; where none is known, the scheduler chooses."""
    plan, nodes = make_run(api.cluster, seed=3).plan, ["n1", "n2", "n3"]
    taken = [node_of(nodes, plan, number) for number in range(1, 7)]
    assert set(taken[:3]) == set(nodes)
    assert taken[3:] == taken[:3]
    others = {node_of(nodes, plan.model_copy(update={"seed": seed}), 1) for seed in range(20)}
    assert others == set(nodes)
    assert node_of([], plan, 1) is None


@pytest.mark.parametrize(("of_row", "number", "expected"), [(2, 2, (2, 1)), (None, 3, (None, 3))])
def test_a_class_without_a_volume_has_a_failed_row_for_every_cell(
    api: Api, of_row: int | None, number: int, expected: tuple[int | None, int]
) -> None:
    """Nothing is left out of a report; on a PVC that stays, rounds are repeats."""
    volume = VolumeRow(storage_class="slow", pvc="a-pvc", round=of_row, error="it was not bound")
    rows = failed_cells(make_run(api.cluster), volume, number)
    assert [row.job for row in rows] == ["first", "second", "third"]
    assert {(row.round, row.repeat) for row in rows} == {expected}
    assert {(row.storage_class, row.status, row.error) for row in rows} == {
        ("slow", "failed", "it was not bound")
    }
    assert {row.pvc for row in rows} == {"a-pvc"}


def test_a_measured_cell_says_where_when_and_in_what_order(api: Api) -> None:
    """Sequence goes on from the turn's first cell; jobs that ran at once are counted."""
    rows = cells(api, group("second", "third") + FINISHED)
    assert [row["sequence"] for row in rows.values()] == [7, 8]
    assert [row["concurrent_jobs"] for row in rows.values()] == [2, 2]
    second = rows["second"]
    assert (second["status"], second["storage_class"]) == ("measured", "fast")
    assert (second["round"], second["repeat"]) == (1, 1), "the volume's"
    assert second["started_at"] == datetime.fromtimestamp(1795400000, UTC)
    assert (second["node"], second["engine"], second["pod"]) == ("node-1", "libaio", "pod-1")
    assert (second["pvc"], second["warnings"]) == (make_volume().pvc, ())
    assert second["iops"] > 0


def test_a_cell_s_seconds_are_known_by_its_keys(api: Api) -> None:
    """Class, round and job as in its row, and where it ran."""
    rates = "".join(f"{1000 * second}, 50, 0, 0, 0\n" for second in range(1, 5))
    logs = "".join(f"# log_iops.{process}.log\n{rates}" for process in (1, 2))
    packed = base64.b64encode(gzip.compress(logs.encode())).decode()
    output = json.loads(fio_json("second", "third")) | {"timestamp_ms": 1795400010000}
    told = with_seconds(packed, json.dumps(output))
    script_pod(api, Answer.of(told))
    kept: list[tuple[FioRow, list[SecondRow], list[NodeSecondRow]]] = []
    measure(large(api), [], turn_of(2), lambda _: None, lambda *cell: kept.append(cell))
    assert len(kept) == 2
    for row, seconds, _ in kept:
        assert row.no_seconds is None
        assert seconds
        for second in seconds:
            assert second.key == row.key


def test_a_cell_without_seconds_is_measured_and_says_why(api: Api) -> None:
    """A series that is missing costs no figure."""
    rows = cells(api, with_seconds("none: the image has no gzip"))
    assert {(row["status"], row["no_seconds"]) for row in rows.values()} == {
        ("measured", "the image has no gzip")
    }


def with_seconds(packed: str, output: str | None = None) -> str:
    told = group("second", "third", output=output)
    return told.replace("@stormark end", f"@stormark seconds 2 {packed}\n@stormark end") + FINISHED


def test_a_pod_is_ordered_to_run_the_group(api: Api) -> None:
    """That one alone; nothing is created for it."""
    cells(api, group("second", "third") + FINISHED)
    assert api.orders == ["1 run 2"]
    assert api.asked("POST") == []


def test_what_fio_says_beside_its_figures_is_a_warning(api: Api) -> None:
    """So is what makes a figure doubtful."""
    doubtful = make_volume(
        row=replace(make_volume().row, filesystem="tmpfs"), engine_errors=["io_uring: fio: refused"]
    )
    log = group("second", "third", stderr="fio: a note") + FINISHED
    rows = cells(api, log, on=doubtful)
    ram = "the volume is tmpfs: this measures RAM, not storage"
    assert rows["second"]["warnings"] == ("fio: a note", ram)
    assert rows["third"]["warnings"] == ("fio: a note", ram), "third names its engine itself"


@pytest.mark.parametrize(
    ("said", "words"), [("fio: no space left", "fio: no space left"), ("", "it said nothing")]
)
def test_a_group_that_fails_has_fio_s_words(api: Api, said: str, words: str) -> None:
    """And its status; no words are made up where it has none."""
    failed = group("first", status=1, stderr=said, output="")
    rows = cells(api, failed + FINISHED, number=1)
    assert rows["first"]["status"] == "failed"
    assert rows["first"]["error"] == f"fio exited with 1: {words}"


def test_output_that_cannot_be_read_fails_its_cells(api: Api) -> None:
    """A zero status is not believed without figures."""
    rows = cells(api, group("first", output='{"jobs": [') + FINISHED, number=1)
    assert rows["first"]["status"] == "failed"
    assert rows["first"]["error"].startswith("fio's output is not JSON")
    assert rows["first"]["iops"] is None


NODES = "/api/v1/nodes"
CUT_OFF = "@stormark begin 2 1795400020\n"
READY = "@stormark fact engine libaio\n@stormark ready\n"


def lose_pod(api: Api, second: str) -> dict[str, dict[str, Any]]:
    """The rows of a turn whose pod is lost, and whose next says this."""
    api.script("POST", JOBS, Answer.of({}, status=201))
    api.script("GET", f"{PODS}/pod-1/log", Answer.of(CUT_OFF))
    api.script("GET", f"{PODS}/pod-1", Answer.refusal(404, "NotFound"))
    api.script("GET", NODES, Answer.items([{"metadata": {"name": "node-1"}}]))
    gone = Answer.items([])
    api.script("GET", PODS, gone, gone, Answer.items([pod("running", "pod-2")]))
    api.script("GET", PODS, Answer.items([]))
    api.script("GET", f"{PODS}/pod-2/log", Answer.of(READY), Answer.of(READY + second))
    api.script("GET", f"{PODS}/pod-2", Answer.refusal(404, "NotFound"))
    return {row["job"]: row for row in measured(large(api), turn_of(2))}


def test_a_pod_that_is_lost_is_replaced_once(api: Api) -> None:
    """What it had not measured is measured in the next one, on the same node, which says so."""
    rows = lose_pod(api, "@stormark order 1\n" + group("second", "third") + FINISHED)
    assert [row["status"] for row in rows.values()] == ["measured"] * 2
    assert [row["sequence"] for row in rows.values()] == [7, 8]
    (said,) = rows["second"]["warnings"]
    assert said.startswith("second try: the pod of Job a-job is gone: it was deleted, or its time")
    assert api.orders == ["1 run 2", "1 run 2"]
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
    api.script("GET", NODES, Answer.items([]))
    rows = lose_pod(api, "@stormark order 1\n" + group("second", "third") + FINISHED)
    assert [row["status"] for row in rows.values()] == ["measured"] * 2
    (created,) = api.asked("POST")
    assert "affinity" not in created.body["spec"]["template"]["spec"]


def test_a_second_pod_that_is_lost_is_not_replaced(api: Api) -> None:
    """What ran was cut off."""
    rows = lose_pod(api, "@stormark order 1\n@stormark begin 2 1795400020\n")
    assert [row["status"] for row in rows.values()] == ["failed", "failed"]
    assert rows["second"]["error"].startswith("it was cut off: the pod of Job stormark-2026")
    assert "is gone: it was deleted, or its time was up" in rows["third"]["error"]
    assert rows["third"]["started_at"] == datetime.fromtimestamp(1795400020, UTC)


def test_a_pod_that_ends_by_itself_is_not_replaced(api: Api) -> None:
    """Nobody took it away: what ended it may be the volume's doing."""
    rows = cells(api, "@stormark begin 1 1795400000\n", number=1)
    assert rows["first"]["error"] == "it was cut off: its container ended: Scripted, exit code None"
    assert api.asked("POST") == []


def test_a_pod_that_ran_out_of_memory_says_so(api: Api) -> None:
    """In the kubelet's words, which a report says in three."""
    killed = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    statuses = [{"name": CONTAINER, "state": killed}]
    ended = Answer.items([pod("terminated", containerStatuses=statuses)])
    rows = cells(api, "@stormark begin 1 1795400000\n", ended=ended, number=1)
    words = "it was cut off: its container ended: OOMKilled, exit code 137"
    assert rows["first"]["error"] == words
    assert three_words(words) == "out of memory"


def test_what_did_not_begin_says_so(api: Api) -> None:
    """Its pod ended before."""
    rows = cells(api, "")
    assert rows["second"]["error"].startswith("it did not begin: its container ended: Scripted")
    assert rows["second"]["started_at"] is None


def test_a_pod_that_does_not_finish_is_not_replaced(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that hangs is a finding."""
    monkeypatch.setattr(benchmark, "SPARE_SECONDS", -1e9)
    rows = cells(api, "@stormark begin 2 1795400000\n")
    assert "has not finished within" in rows["second"]["error"]
    assert api.asked("POST") == []


@pytest.mark.parametrize(("number", "limit"), [(1, 7200), (2, 10 + benchmark.SPARE_SECONDS)])
def test_a_group_with_an_untimed_job_may_take_as_long_as_the_run(
    api: Api, monkeypatch: pytest.MonkeyPatch, number: int, limit: float
) -> None:
    """Nobody can tell how long it takes; one whose jobs are all timed may not."""
    asked: list[float] = []
    monkeypatch.setattr(volumes, "order", lambda *_, **given: asked.append(given["limit_seconds"]))
    file = "[a]\n[b]\nruntime=10\n[c]\nstonewall\nruntime=10\n"
    measured(make_run(api.cluster, fio_file=file, run_limit_seconds=7200), turn_of(number))
    assert asked == [limit]


@pytest.mark.parametrize("stays", [False, True])
def test_a_pod_that_hangs_is_ended_and_the_last_of_its_volume(
    api: Api, monkeypatch: pytest.MonkeyPatch, *, stays: bool
) -> None:
    """Its fio would run beside the next class; each further group might take as long."""
    monkeypatch.setattr(benchmark, "SPARE_SECONDS", -1e9)
    monkeypatch.setattr(volumes, "END_SECONDS", 0 if stays else 60)
    volume = make_volume()
    if stays:
        api.script("GET", PODS, Answer.items([pod("running")]))
    cells(api, "@stormark begin 2 1795400000\n", on=volume)
    assert [request.path for request in api.asked("DELETE")] == [f"{JOBS}/a-job"]
    assert volume.ended
    assert bool(volume.left) == stays
    again = cells(api, group("first") + FINISHED, on=volume, number=1)
    assert len(api.orders) == 1
    assert api.asked("POST") == [], "no other pod"
    words = "could not be ended on node node-1" if stays else "not begun, since on this volume the"
    assert words in again["first"]["error"]


def test_after_a_pod_that_ended_the_next_group_has_another(api: Api) -> None:
    """One group that kills its pod does not cost those that come after it."""
    volume = make_volume()
    cells(api, "@stormark begin 2 1795400000\n", on=volume)
    assert volume.ended
    cells(api, group("first") + FINISHED, on=volume, number=1)
    assert len(api.asked("POST")) == 1
    assert api.orders == ["1 run 2", "1 run 1"], "a new pod's first"


def test_a_turn_that_finishes_keeps_its_pod(api: Api) -> None:
    """The same pod waits for the next one."""
    volume = make_volume()
    cells(api, group("second", "third") + FINISHED, on=volume)
    assert api.asked("DELETE") == []
    assert not volume.ended


def test_an_api_that_fails_meanwhile_is_the_cells_reason(api: Api) -> None:
    """Their pod may be measuring still, and nobody can read it."""
    script_pod(api, Answer.of(CUT_OFF, cut=True))
    api.answers["GET", f"{PODS}/pod-1"] = [Answer.refusal(500, "InternalError", "etcd is gone")]
    rows = measured(make_run(api.cluster), turn_of(2))
    assert [row["status"] for row in rows] == ["failed", "failed"]
    assert "reading Pod pod-1: etcd is gone (HTTP 500)" in rows[1]["error"]


def test_progress_tells_cell_rates_and_time_left(api: Api) -> None:
    """A step as the group begins, then fio's rates."""
    seen: list[Progress] = []
    script_pod(api, Answer.of(group("second", "third") + FINISHED))
    measure(make_run(api.cluster), [], turn_of(2), seen.append, lambda *_: None)
    step = "fast · second+third · round 2"
    assert seen[0] == Progress("20261123-031500-a1b2c3", step, 7, 12, 40.0)
    assert seen[1] == seen[0]._replace(iops=256.0, bytes_per_second=2.0**20)


def test_why_an_engine_was_not_chosen_stands_beside_a_profile_s_figures(api: Api) -> None:
    """Of an own file's jobs none is chosen: fio runs the one that they name, or its default."""
    volume = make_volume(engine_errors=["io_uring: fio: refused"])
    run = make_run(api.cluster, fio_file=None, profile="quick")
    script_pod(api, Answer.of("@stormark order 1\n" + group("read_iops") + FINISHED))
    (first,) = measured(run, turn_of(1, volume))
    assert "engine io_uring: fio: refused" in first["warnings"]
