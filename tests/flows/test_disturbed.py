"""A benchmark goes on where the cluster stumbles, and says so where it cannot.

The fixture `namespace` fails each test that leaves an object behind.
"""

import itertools
import threading
from pathlib import Path
from threading import Thread

import pytest
from kubernetes import client

from tasks.kubernetes import cluster as k8s
from tasks.lifecycle import lease
from tests.conftest import Cluster
from tests.flows.conftest import Benchmark

# Ten seconds of fio, to be disturbed in the middle; the job after it ends by itself.
SLOW_FIO = """
[global]
size=4m
[slow]
stonewall
rw=randread
bs=4k
time_based
runtime={seconds}
[fast]
stonewall
rw=write
bs=1m
"""


def test_every_cell_is_measured(benchmark: Benchmark) -> None:
    """Undisturbed: a job's turns are neighbours, and each round has new volumes."""
    outcome = benchmark(storage_classes=["nfs-client", "local-path"], rounds=2)
    assert outcome.state.is_completed()
    turns = [(row["round"], row["job"], row["storage_class"]) for row in outcome.fio]
    assert [(number, job) for number, job, _ in turns[::2]] == [
        (1, "write"), (1, "read"), (2, "write"), (2, "read"),
    ]  # fmt: skip
    for pair in range(0, 8, 2):
        assert {name for *_, name in turns[pair : pair + 2]} == {"nfs-client", "local-path"}
    assert [row["sequence"] for row in outcome.fio] == list(range(1, 9))
    assert all(row["iops"] > 0 for row in outcome.fio)
    assert [row["bind_seconds"] > 0 for row in outcome.volumes] == [True] * 4
    assert len({row["pvc"] for row in outcome.volumes}) == 4


def test_a_round_is_over_before_the_next_begins(
    benchmark: Benchmark, cluster: Cluster, namespace: str
) -> None:
    """Never more than one volume of a class; its deletion is timed; each round has its node."""
    most = 0

    def count(_step: str) -> None:
        nonlocal most
        claims = cluster.core.list_namespaced_persistent_volume_claim(namespace).items
        most = max(most, len(claims))

    outcome = benchmark(count, rounds=3)
    assert outcome.state.is_completed()
    assert most == 1
    assert [row["round"] for row in outcome.volumes] == [1, 2, 3]
    assert all(row["delete_seconds"] > 0 for row in outcome.volumes)
    assert len({row["node"] for row in outcome.volumes}) == 3, "each round takes the next"


def test_the_control_is_measured_under_its_own_name(benchmark: Benchmark) -> None:
    """On a volume of its own."""
    outcome = benchmark(rounds=1, control=True)
    assert outcome.state.is_completed()
    names = {row["storage_class"] for row in outcome.fio}
    assert names == {"local-path", "local-path (control)"}
    assert len({row["pvc"] for row in outcome.volumes}) == 2


@pytest.mark.parametrize("answer", [500, 503, 429])
def test_calls_that_fail_for_a_while(benchmark: Benchmark, cluster: Cluster, answer: int) -> None:
    """A create, a list, a log and a delete are each tried again."""
    calls = [("create", "jobs"), ("list", "pods"), ("get", "pods/log"), ("delete", "jobs")]
    for verb, resource in (*calls, ("create", "persistentvolumeclaims")):
        cluster.fault(verb, resource, answer, times=2)
    outcome = benchmark()
    assert outcome.state.is_completed(), outcome.state.message
    assert cluster.fired() == [2, 2, 2, 2, 2]


CHECK = "check of image and fio file"
AWAY = {"patient": k8s.OUTAGE_SECONDS, "not patient": 0.0}


@pytest.mark.parametrize("seconds", AWAY.values(), ids=AWAY)
@pytest.mark.parametrize("answer", [503, "close"])
def test_a_server_that_is_away_longer_than_a_call_is_tried(
    benchmark: Benchmark,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    answer: int | str,
    seconds: float,
) -> None:
    """In provisioning, in a cell and in the clean-up; without patience the class fails."""
    monkeypatch.setattr(k8s, "RETRIES", k8s.RETRIES.new(total=0))
    monkeypatch.setattr(k8s, "OUTAGE_SECONDS", seconds)

    def go_away(step: str) -> None:
        calls = {
            CHECK: [("create", "persistentvolumeclaims")],
            "local-path · read · round 1": [("get", "pods/log"), ("get", "pods")],
            "clean up the cluster": [("list", "jobs"), ("delete", "jobs"), ("list", "pods")],
        }
        for call in calls.get(step, []) if seconds or step == CHECK else []:
            cluster.fault(*call, answer, times=5)

    outcome = benchmark(go_away)
    assert outcome.state.is_completed() == bool(seconds), outcome.state.message
    if not seconds:
        assert "creating PersistentVolumeClaim" in outcome.statuses()[0]


@pytest.mark.parametrize("answer", ["drop-watch", "gone", "close", 503])
def test_watches_that_break(
    benchmark: Benchmark, cluster: Cluster, namespace: str, answer: int | str
) -> None:
    """A watch that ends early is begun again: no node suits the pod until three have ended."""
    cluster.fault("watch", "pods", answer, times=3)

    def label_node_in_time() -> None:
        for count in itertools.count():
            if cluster.fired() == [3]:
                break
            for pod in cluster.core.list_namespaced_pod(namespace).items:  # something to watch
                change = {"metadata": {"annotations": {"count": str(count)}}}
                cluster.core.patch_namespaced_pod(pod.metadata.name, namespace, change)
        cluster.core.patch_node("w1", {"metadata": {"labels": {"watches": "broken"}}})

    labeller = Thread(target=label_node_in_time)
    labeller.start()
    outcome = benchmark(node_selector={"watches": "broken"})
    labeller.join()
    cluster.core.patch_node("w1", {"metadata": {"labels": {"watches": None}}})
    assert outcome.state.is_completed(), outcome.state.message


def test_a_log_that_breaks_off(benchmark: Benchmark, cluster: Cluster) -> None:
    """It is read again, and no line counts twice."""
    cluster.fault("get", "pods/log", "drop-watch", nth=3, times=2)
    outcome = benchmark()
    assert outcome.state.is_completed(), outcome.state.message
    assert outcome.statuses() == ["measured", "measured"]
    assert cluster.fired() == [2]


def test_a_create_whose_answer_is_lost(benchmark: Benchmark, cluster: Cluster) -> None:
    """The object that the first try has made is the run's own."""
    cluster.fault("create", "jobs", "close")
    outcome = benchmark()
    assert outcome.state.is_completed(), outcome.state.message
    assert cluster.fired() == [1]


@pytest.mark.parametrize("times", [1, 2])
def test_somebody_deletes_the_pod_during_fio(
    benchmark: Benchmark, cluster: Cluster, namespace: str, times: int
) -> None:
    """The cell is measured in another pod, and says so; once, and then the next turn."""
    deleted: set[str] = set()

    def delete(step: str) -> None:
        if not step.startswith("local-path · slow · round 1") or len(deleted) == times:
            return
        for pod in cluster.core.list_namespaced_pod(namespace).items:
            if pod.status.phase == "Running" and pod.metadata.name not in deleted:
                deleted.add(pod.metadata.name)
                cluster.core.delete_namespaced_pod(
                    pod.metadata.name, namespace, grace_period_seconds=0
                )

    outcome = benchmark(delete, fio_file=SLOW_FIO.format(seconds=6), rounds=1)
    slow, fast = outcome.statuses()
    if times == 1:
        assert outcome.state.is_completed(), outcome.state.message
        assert (slow, fast) == ("measured", "measured")
        *_, said = outcome.fio[0]["warnings"]
        assert said.startswith("second try: the pod of Job stormark-")
    else:
        assert outcome.state.name == "Incomplete"
        assert slow.startswith("it was cut off: the pod of Job stormark-")
        assert fast == "measured", "in a third pod"
        assert (outcome.run["outcome"], outcome.run["cells_failed"]) == ("incomplete", 1)


def test_somebody_deletes_the_lease(
    benchmark: Benchmark, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured counts all the same, where no renewal comes upon it."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 3600.0)
    monkeypatch.setattr(lease, "STEP_DOWN_SECONDS", 7200.0)
    leases = client.CoordinationV1Api(cluster.api)

    def delete(step: str) -> None:
        if step == "local-path · write · round 1":
            leases.delete_namespaced_lease("stormark", namespace)

    assert benchmark(delete).state.is_completed()


def test_another_run_takes_the_lease(
    benchmark: Benchmark, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at once: what both measure from then on is worth nothing."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.2)
    leases = client.CoordinationV1Api(cluster.api)

    def take_over(step: str) -> None:
        if step == "local-path · read · round 1":
            (renewer,) = (thread for thread in threading.enumerate() if thread.name == "lease")
            change = {"spec": {"holderIdentity": "next"}}
            leases.patch_namespaced_lease("stormark", namespace, change)
            renewer.join()

    outcome = benchmark(take_over, rounds=3)
    leases.delete_namespaced_lease("stormark", namespace)
    assert outcome.state.name == "Failed"
    assert outcome.state.message is not None
    assert "run next has taken over the Lease" in outcome.state.message
    assert len(outcome.fio) <= 2
    assert outcome.run["outcome"] == "failed"


def test_somebody_deletes_the_owner(benchmark: Benchmark, cluster: Cluster, namespace: str) -> None:
    """It takes all that the run has made with it: a way to stop a run, which then says so."""

    def delete(step: str) -> None:
        if step == "local-path · slow · round 1":
            maps = cluster.core.list_namespaced_config_map(namespace).items
            (owner,) = [one for one in maps if not one.metadata.owner_references]
            cluster.core.delete_namespaced_config_map(owner.metadata.name, namespace)

    outcome = benchmark(delete, fio_file=SLOW_FIO.format(seconds=3600), rounds=3)
    assert outcome.state.name == "Incomplete"
    assert {row["round"] for row in outcome.fio} == {1}
    assert (
        "somebody deleted the run's ConfigMap: no more rounds were begun" in outcome.run["warnings"]
    )
    assert all("is gone" in words for words in outcome.statuses())


WRITE, LAST = "local-path · write · round 1", "clean up the cluster"


@pytest.mark.parametrize("again", [LAST, None], ids=["for a while", "to the end"])
def test_results_that_cannot_be_written(
    benchmark: Benchmark, tmp_path: Path, again: str | None
) -> None:
    """For a while it is a warning, once, and all is there; to the end, the run has failed."""
    folder = tmp_path / "results" / "storm_events"

    def stand_in_the_way(step: str) -> None:
        if step == WRITE:
            folder.touch()  # a file where a folder must be: root is refused as well
        if step == again:
            folder.unlink()

    outcome = benchmark(stand_in_the_way, rounds=2)
    if again is None:
        assert outcome.state.name == "Failed"
        assert "storm_events" in (outcome.state.message or "")
        assert outcome.run == {}  # no run is listed as one whose rows are there
        return
    assert outcome.state.is_completed(), outcome.state.message
    assert outcome.statuses() == ["measured"] * 4
    (said,) = outcome.run["warnings"]
    assert said.startswith("for a while nothing that was measured could be written: ")
