"""A run's Lease and owner, on an embedded cluster: one run at a time, and nothing left behind."""

import json
import threading
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

import pytest

from tasks import cluster as k8s
from tasks import run as run_module
from tasks.cluster import Cluster, Items, Obj
from tasks.progress import Progress
from tasks.release import release
from tasks.run import Run, RunInProgress, lease, new_run_id, owned
from tests.conftest import Cluster as Embedded
from tests.flows.server import until
from tests.tasks.api import Answer, Api
from tests.tasks.sample import make_run

LEASES = "/apis/coordination.k8s.io/v1/namespaces/bench/leases"


@pytest.fixture
def connection(cluster: Embedded, namespace: str) -> Cluster:  # noqa: ARG001 - sets KUBECONFIG
    return k8s.connect(None, namespace)


@pytest.fixture
def run(connection: Cluster) -> Run:
    return make_run(connection, new_run_id(datetime.now(UTC)))


def another(run: Run) -> Run:
    return run._replace(run_id=new_run_id(datetime.now(UTC)))


def ignore(words: str) -> None:
    """Nobody looks at what a Lease has to say."""


def held(run: Run) -> Obj:
    return k8s.get(run.cluster, "Lease", "stormark")


def is_held(run: Run) -> bool:
    return bool(k8s.find(run.cluster, "Lease", field="metadata.name=stormark"))


def a_lease(holder: str, *, renewed: datetime) -> Obj:
    """The Lease of another run, as it was renewed last."""
    time = renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 60, "renewTime": time}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "stormark", "resourceVersion": "1"},
        "spec": spec,
    }


def test_a_second_run_is_kept_out(run: Run) -> None:
    """The message names the first run, and the first goes on."""
    with lease(run, ignore):
        with pytest.raises(RunInProgress, match=f"run {run.run_id} is under way in namespace"):
            lease(another(run), ignore).__enter__()
        assert held(run)["spec"]["holderIdentity"] == run.run_id
    assert not is_held(run)


def test_a_run_may_follow_another(run: Run) -> None:
    """The Lease is given back at the end, also when the run fails."""
    with pytest.raises(LookupError), lease(run, ignore):
        raise LookupError
    second = another(run)
    with lease(second, ignore):
        assert held(run)["spec"]["holderIdentity"] == second.run_id


def test_the_lease_of_a_dead_run_is_taken_over(run: Run) -> None:
    """It lapses a minute after the last sign of life."""
    k8s.create(run.cluster, a_lease("dead", renewed=datetime.now(UTC) - timedelta(seconds=61)))
    with lease(run, ignore):
        assert held(run)["spec"]["holderIdentity"] == run.run_id
        assert run_module.alive(held(run))
    assert not is_held(run)


def test_a_lease_is_renewed_while_its_run_lives(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes."""
    monkeypatch.setattr(run_module, "LEASE_SECONDS", 1)

    def renewed(items: Items) -> bool | None:
        spec = items["stormark"]["spec"]
        return True if spec["renewTime"] > spec["acquireTime"] else None

    with lease(run, ignore):
        what = "renewal of the Lease"
        assert k8s.wait(run.cluster, "Lease", renewed, what=what, limit_seconds=10)


def test_a_lease_that_another_run_has_taken_is_left_to_it(run: Run) -> None:
    """A run that slept through its own Lease does not end the next one's."""
    with lease(run, ignore):
        change = {"spec": {"holderIdentity": "next"}}
        k8s.patch(run.cluster, "Lease", "stormark", change)
    assert held(run)["spec"]["holderIdentity"] == "next"
    k8s.delete(run.cluster, "Lease", "stormark")


def test_a_run_that_lost_its_lease_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stood still goes on beside the next one otherwise."""
    monkeypatch.setattr(run_module, "LEASE_SECONDS", 1)
    with lease(run, ignore) as lost:
        (renewer,) = (t for t in threading.enumerate() if t.name == "lease")
        change = {"spec": {"holderIdentity": "next"}}
        k8s.patch(run.cluster, "Lease", "stormark", change)
        renewer.join(40)
        assert lost[0].startswith("run next has taken over the Lease of namespace ")
    k8s.delete(run.cluster, "Lease", "stormark")


def test_a_lease_that_somebody_deleted_is_no_error(run: Run) -> None:
    """What was to be given back is gone."""
    with lease(run, ignore):
        k8s.delete(run.cluster, "Lease", "stormark")
    assert not is_held(run)


def test_a_lease_that_somebody_deleted_is_made_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one a living run counts as dead, and would be reaped in mid-fio."""
    monkeypatch.setattr(run_module, "LEASE_SECONDS", 1)

    def holder(items: Items) -> str | None:
        return items["stormark"]["spec"]["holderIdentity"] if "stormark" in items else None

    with lease(run, ignore) as lost:
        k8s.delete(run.cluster, "Lease", "stormark")
        what = "another Lease"
        assert k8s.wait(run.cluster, "Lease", holder, what=what, limit_seconds=10) == run.run_id
        assert lost == []
    assert not is_held(run)


def test_a_lease_that_another_run_makes_after_its_deletion_is_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it comes between the look and the run's own try."""
    monkeypatch.setattr(run_module, "LEASE_SECONDS", 1)
    create = k8s.create

    def too_late(cluster: Cluster, manifest: Obj) -> Obj:
        monkeypatch.setattr(k8s, "create", create)
        create(cluster, a_lease("next", renewed=datetime.now(UTC)))
        return create(cluster, manifest)

    with lease(run, ignore) as lost:
        (renewer,) = (t for t in threading.enumerate() if t.name == "lease")
        monkeypatch.setattr(k8s, "create", too_late)
        k8s.delete(run.cluster, "Lease", "stormark")
        renewer.join(40)
        assert lost[0].startswith("run next has taken over the Lease of namespace ")
    k8s.delete(run.cluster, "Lease", "stormark")


def test_a_lease_that_cannot_be_renewed_is_told(
    run: Run, cluster: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, when it has lapsed: a renewal that failed before, or fails again, is not news."""
    monkeypatch.setattr(run_module, "LEASE_SECONDS", 1)
    told: SimpleQueue[str] = SimpleQueue()
    with lease(run, told.put):
        cluster.fault("update", "leases", 403, times=1000)
        words = told.get(timeout=20)
        assert words.startswith("the Lease of namespace ")
        assert "updating Lease stormark" in words
        more = cluster.fired()[0] + 2
        until(cluster.fired, lambda fired: fired[0] >= more)
    assert told.empty()


def test_of_two_runs_that_take_over_at_once_one_wins(api: Api) -> None:
    """The other is told who."""
    now = datetime.now(UTC)
    lapsed = Answer.of(a_lease("dead", renewed=now - timedelta(hours=1)))
    api.script("POST", LEASES, Answer.refusal(409, "AlreadyExists"))
    api.script("GET", f"{LEASES}/stormark", lapsed, lapsed)
    api.script("GET", f"{LEASES}/stormark", Answer.of(a_lease("winner", renewed=now)))
    api.script("PUT", f"{LEASES}/stormark", Answer.refusal(409, "Conflict"))
    with pytest.raises(RunInProgress, match="run winner is under way"):
        lease(make_run(api.cluster), ignore).__enter__()


def test_a_run_s_owner_says_all_that_its_release_needs(run: Run) -> None:
    """Labels, deadline, plan, and what the pods run."""
    seen: list[Progress] = []
    with owned(run, seen.append) as (owner,):
        configmap = k8s.get(run.cluster, "ConfigMap", f"stormark-{run.run_id}")
        assert owner["uid"] == configmap["metadata"]["uid"]
        assert configmap["metadata"]["labels"].items() >= run.labels.items()
        assert configmap["metadata"]["annotations"]["stormark/deadline"] == run.deadline
        assert json.loads(configmap["data"]["plan.json"]) == run.plan.model_dump()
        assert configmap["data"]["job.fio"] == run.workload.text
        assert configmap["data"]["fio.sh"].startswith("#!/bin/sh\n")
    assert k8s.find(run.cluster, "ConfigMap", label=f"stormark/run={run.run_id}") == []
    assert [progress.step for progress in seen] == ["clean up the cluster", "the cluster is clean"]


def test_a_run_that_fails_is_released(run: Run) -> None:
    """Its own error is what the caller sees."""
    with pytest.raises(LookupError), owned(run, lambda progress: None):  # noqa: ARG005
        raise LookupError
    assert k8s.find(run.cluster, "ConfigMap", label=f"stormark/run={run.run_id}") == []


def test_a_release_that_fails_hides_no_earlier_error(run: Run, cluster: Embedded) -> None:
    """Both are told, in their order; without an earlier one it is told alone."""
    cluster.fault("delete", "configmaps", 403, times=2)
    with (
        pytest.raises(k8s.ClusterError, match=r"^fio is gone; and then deleting ConfigMap"),
        owned(run, lambda progress: None),  # noqa: ARG005
    ):
        raise k8s.ClusterError("fio is gone")
    with (
        pytest.raises(k8s.Forbidden, match=r"^deleting ConfigMap"),
        owned(run, lambda progress: None),  # noqa: ARG005
    ):
        pass
    release(run.cluster, run.run_id, {})


def test_an_interrupt_outlives_a_release_that_fails(run: Run, cluster: Embedded) -> None:
    """The run counts as interrupted; what is left is said with it."""
    cluster.fault("delete", "configmaps", 403)
    with (
        pytest.raises(KeyboardInterrupt) as interrupt,
        owned(run, lambda progress: None),  # noqa: ARG005
    ):
        raise KeyboardInterrupt
    (left,) = interrupt.value.__notes__
    assert left.startswith("deleting ConfigMap ")
    release(run.cluster, run.run_id, {})


def test_a_deadline_is_the_plan_s_limit_after_the_start(run: Run) -> None:
    """ISO 8601 in UTC, for whoever reaps."""
    limited = make_run(run.cluster, run_limit_seconds=3600)
    assert limited.deadline == "2026-11-23T04:15:00+00:00"


def test_run_ids_sort_by_start_and_are_unique() -> None:
    """Two runs of one second differ."""
    now = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
    first, second = new_run_id(now), new_run_id(now)
    assert first != second
    assert first[:16] == second[:16] == "20261123-031500-"
