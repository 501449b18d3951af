"""A run's Lease, on an embedded cluster: one run at a time, and whether one lives."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.kubernetes import verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Items, Obj
from tasks.lifecycle import lease as leases
from tasks.lifecycle.lease import RunInProgress, lease
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.run import Run, new_run_id
from tests.conftest import Cluster as Embedded
from tests.flows.server import until
from tests.tasks.api import Answer, Api
from tests.tasks.leases import a_lease, micro_time, renewed
from tests.tasks.sample import make_run

LEASES = "/apis/coordination.k8s.io/v1/namespaces/bench/leases"
# Clocks of the machine that writes a Lease, against this one's.
CLOCKS = pytest.mark.parametrize("ahead_seconds", [-75, 0, 75])


def another(run: Run) -> Run:
    return run._replace(run_id=new_run_id(datetime.now(UTC)))


def say_nothing(progress: Progress) -> None:
    """Nobody listens to a run that waits."""


def held(run: Run) -> Obj:
    return verbs.get(run.cluster, "Lease", "stormark")


def is_held(run: Run) -> bool:
    return bool(verbs.find(run.cluster, "Lease", field="metadata.name=stormark"))


def test_a_second_run_is_kept_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the first run, which goes on; it says what it waits for."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(leases, "LOOK_SECONDS", 0.1)
    said: list[Progress] = []
    with lease(run, say_nothing):
        with pytest.raises(RunInProgress, match=f"run {run.run_id} is under way in namespace"):
            lease(another(run), said.append).__enter__()
        assert held(run)["spec"]["holderIdentity"] == run.run_id
    assert not is_held(run)
    (waits,) = said
    assert waits.step == f"watch whether run {run.run_id} lives, which holds the Lease: up to 120 s"


def test_a_preflight_waits_for_nobody(run: Run) -> None:
    """It says who holds the Lease, and what watches whether that one lives."""
    verbs.create(run.cluster, a_lease("first", duration_seconds=3600))
    with pytest.raises(RunInProgress, match="it is under way, or it died"):
        lease(run, say_nothing, wait=False).__enter__()
    verbs.delete(run.cluster, "Lease", "stormark")


def test_a_run_may_follow_another(run: Run) -> None:
    """The Lease is given back at the end, also when the run fails."""
    with pytest.raises(LookupError), lease(run, say_nothing):
        raise LookupError
    second = another(run)
    with lease(second, say_nothing):
        assert held(run)["spec"]["holderIdentity"] == second.run_id


@CLOCKS
def test_the_lease_of_a_dead_run_is_taken_over(run: Run, ahead_seconds: int) -> None:
    """After its whole duration without a sign of life, whatever its machine's clock said."""
    verbs.create(run.cluster, a_lease("dead", ahead_seconds=ahead_seconds))
    with lease(run, say_nothing):
        assert held(run)["spec"]["holderIdentity"] == run.run_id
    assert not is_held(run)


@CLOCKS
def test_the_lease_of_a_living_run_is_left_to_it(run: Run, ahead_seconds: int) -> None:
    """Whatever its machine's clock says."""
    with renewed(run.cluster, "living", ahead_seconds=ahead_seconds):
        with pytest.raises(RunInProgress, match="run living is under way"):
            lease(run, say_nothing).__enter__()
        assert held(run)["spec"]["holderIdentity"] == "living"


@CLOCKS
def test_whether_a_run_lives(run: Run, monkeypatch: pytest.MonkeyPatch, ahead_seconds: int) -> None:
    """One that renews its Lease does, one that does not is dead."""
    with renewed(run.cluster, "living", ahead_seconds=ahead_seconds):
        monkeypatch.setattr(leases, "LOOK_SECONDS", 0.1)
        assert judged(run) == ("living", True)
    verbs.create(run.cluster, a_lease("dead", ahead_seconds=ahead_seconds))
    assert judged(run) == ("dead", False)
    verbs.delete(run.cluster, "Lease", "stormark")


def judged(run: Run) -> tuple[str | None, bool]:
    """Who holds the Lease, and whether that one lives."""
    found, lives = leases.judge(run.cluster)
    return leases.holder(found) if found else None, lives


@pytest.mark.parametrize("step_seconds", [-3600, 3600])
def test_a_run_lives_while_its_clock_is_set(
    run: Run, monkeypatch: pytest.MonkeyPatch, step_seconds: int
) -> None:
    """Its renewals have other times, which nobody compares with anything."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    with lease(run, say_nothing) as lost:
        monkeypatch.setattr(leases, "_micro_time", lambda: micro_time(step_seconds))
        watches.wait(run.cluster, "Lease", newer(held(run)), what="a renewal", limit_seconds=300)
        monkeypatch.setattr(leases, "_seconds", lambda held: 300.0)  # noqa: ARG005
        assert judged(run) == (run.run_id, True)
        assert lost() is None


def newer(than: Obj) -> Callable[[Items], bool | None]:
    """A condition: the Lease has changed since."""
    version = than["metadata"]["resourceVersion"]
    return lambda items: items["stormark"]["metadata"]["resourceVersion"] != version or None


def test_where_there_is_no_lease_nobody_lives(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose Lease somebody deleted ends itself; one that takes it meanwhile lives."""
    monkeypatch.setattr(leases, "_seconds", lambda held: 0.1)  # noqa: ARG005
    assert judged(run) == (None, False)
    read = leases.read

    def taken(cluster: Cluster) -> Obj | None:
        seen = read(cluster)
        monkeypatch.setattr(leases, "read", read)
        verbs.create(cluster, a_lease("next"))
        return seen

    monkeypatch.setattr(leases, "_seconds", lambda held: 300.0)  # noqa: ARG005
    monkeypatch.setattr(leases, "read", taken)
    assert judged(run) == ("next", True)
    verbs.delete(run.cluster, "Lease", "stormark")


def test_a_lease_that_is_given_back_meanwhile_is_nobody_s(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run has ended in order: that is no sign of life."""
    monkeypatch.setattr(leases, "_seconds", lambda held: 300.0 if held else 0.1)
    verbs.create(run.cluster, a_lease("ended"))
    read = leases.read

    def given_back(cluster: Cluster) -> Obj | None:
        seen = read(cluster)
        monkeypatch.setattr(leases, "read", read)
        verbs.delete(cluster, "Lease", "stormark")
        return seen

    monkeypatch.setattr(leases, "read", given_back)
    assert judged(run) == (None, False)


def test_only_the_lease_that_was_read_is_deleted(run: Run) -> None:
    """One that another run holds since then, or that was renewed, is left alone."""
    verbs.create(run.cluster, a_lease("dead"))
    seen = held(run)
    verbs.patch(run.cluster, "Lease", "stormark", {"spec": {"holderIdentity": "next"}})
    assert not leases.free(run.cluster, seen)
    seen = held(run)
    verbs.delete(run.cluster, "Lease", "stormark")
    verbs.create(run.cluster, a_lease("next but one"))
    assert not leases.free(run.cluster, seen)
    assert leases.free(run.cluster, held(run))
    assert not is_held(run)


def test_a_lease_that_another_run_takes_at_the_last_moment_is_left_to_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at who holds it and its deletion."""
    delete = verbs.delete

    def too_late(cluster: Cluster, kind: str, name: str, **more: Any) -> None:
        change = {"spec": {"holderIdentity": "next"}}
        verbs.patch(cluster, "Lease", "stormark", change)
        delete(cluster, kind, name, **more)

    with lease(run, say_nothing):
        monkeypatch.setattr(verbs, "delete", too_late)
    monkeypatch.setattr(verbs, "delete", delete)
    assert held(run)["spec"]["holderIdentity"] == "next"
    verbs.delete(run.cluster, "Lease", "stormark")


def test_a_lease_is_renewed_while_its_run_lives(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long that takes."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)

    def renewed(items: Items) -> bool | None:
        spec = items["stormark"]["spec"]
        return True if spec["renewTime"] > spec["acquireTime"] else None

    with lease(run, say_nothing):
        what = "renewal of the Lease"
        assert watches.wait(run.cluster, "Lease", renewed, what=what, limit_seconds=300)


def test_a_lease_that_another_run_has_taken_is_left_to_it(run: Run) -> None:
    """A run that slept through its own Lease does not end the next one's."""
    with lease(run, say_nothing):
        change = {"spec": {"holderIdentity": "next"}}
        verbs.patch(run.cluster, "Lease", "stormark", change)
    assert held(run)["spec"]["holderIdentity"] == "next"
    verbs.delete(run.cluster, "Lease", "stormark")


def test_a_run_that_lost_its_lease_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stood still goes on beside the next one otherwise."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    with lease(run, say_nothing) as lost:
        (renewer,) = (t for t in threading.enumerate() if t.name == "lease")
        change = {"spec": {"holderIdentity": "next"}}
        verbs.patch(run.cluster, "Lease", "stormark", change)
        renewer.join(40)
        assert str(lost()).startswith("run next has taken over the Lease of namespace ")
    verbs.delete(run.cluster, "Lease", "stormark")


def test_a_lease_that_somebody_deleted_is_no_error(run: Run) -> None:
    """What was to be given back is gone."""
    with lease(run, say_nothing):
        verbs.delete(run.cluster, "Lease", "stormark")
    assert not is_held(run)


def test_a_lease_that_somebody_deleted_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made again: who knows which runs came and went since then."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    with lease(run, say_nothing) as lost:
        (renewer,) = (t for t in threading.enumerate() if t.name == "lease")
        assert lost() is None
        verbs.delete(run.cluster, "Lease", "stormark")
        renewer.join(40)
        assert str(lost()).startswith("somebody has deleted the Lease of namespace ")
        assert not is_held(run)


@pytest.mark.parametrize("holder", ["next", "its own"])
def test_a_lease_that_was_deleted_and_made_again_is_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    """Between two looks at it; also where whoever made it again wrote down the same run."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    who = run.run_id if holder == "its own" else holder
    read = leases.read

    def made_again(cluster: Cluster) -> Obj | None:
        monkeypatch.setattr(leases, "read", read)
        verbs.delete(cluster, "Lease", "stormark")
        verbs.create(cluster, a_lease(who))
        return read(cluster)

    with lease(run, say_nothing) as lost:
        (renewer,) = (t for t in threading.enumerate() if t.name == "lease")
        monkeypatch.setattr(leases, "read", made_again)
        renewer.join(40)
        assert str(lost()).startswith(f"run {who} has taken over the Lease of namespace ")
        verbs.delete(run.cluster, "Lease", "stormark")


@pytest.mark.parametrize("slept_seconds", [0, 90, 110])
def test_a_machine_that_slept_knows_how_long(
    run: Run, monkeypatch: pytest.MonkeyPatch, slept_seconds: int
) -> None:
    """Its run ends before it does anything more: another may have its Lease, and given it back."""
    now = leases.awake_or_not
    with lease(run, say_nothing) as lost:
        monkeypatch.setattr(leases, "awake_or_not", lambda: now() + slept_seconds)
        why = str(lost())
        assert ("could not renew its Lease for 100 s" in why) is (slept_seconds == 110)
        assert (why == "None") is (slept_seconds < 110)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has two")
def test_the_clock_of_a_lease_counts_sleep() -> None:
    """Linux' CLOCK_MONOTONIC, which time.monotonic reads, stands still in it."""
    assert time.CLOCK_BOOTTIME == leases.CLOCK != time.CLOCK_MONOTONIC


def test_a_run_that_cannot_renew_its_lease_ends_before_others_take_it_for_dead(
    run: Run, cluster: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so while the Lease still counts, and why; until then it holds it."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    with lease(run, say_nothing) as lost:
        cluster.fault("update", "leases", 403, times=1000)
        until(cluster.fired, lambda fired: fired[0] > 1)
        assert lost() is None
        monkeypatch.setattr(leases, "STEP_DOWN_SECONDS", 0.5)
        until(lost, bool)
        assert "updating Lease stormark" in str(lost())
    assert leases.STEP_DOWN_SECONDS < leases.LEASE_SECONDS


def test_a_server_that_hangs_does_not_hide_that_the_lease_is_not_renewed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The try that waits for an answer may take longer than the Lease lasts."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    answer, asked = threading.Event(), threading.Event()
    read = leases.read

    def hang(cluster: Cluster) -> Obj | None:
        if threading.current_thread().name == "lease":
            asked.set()
            answer.wait()
        return read(cluster)

    with lease(run, say_nothing) as lost:
        monkeypatch.setattr(leases, "read", hang)
        asked.wait()
        assert lost() is None
        monkeypatch.setattr(leases, "STEP_DOWN_SECONDS", 0.1)
        until(lost, bool)
        answer.set()
    assert "no try has ended" in str(lost()) or "could not renew" in str(lost())


@pytest.mark.parametrize("away", [True, False])
def test_while_the_server_is_away_nobody_can_renew(
    api: Api, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    """Whoever watches a Lease begins anew after an outage; a holder that is silent then is dead."""
    clock = [0.0]
    looks: list[float] = []
    dead = a_lease("run", duration_seconds=100)
    dead["metadata"]["resourceVersion"] = "1"

    def read(cluster: Cluster) -> Obj:  # noqa: ARG001
        looks.append(clock[0])
        clock[0] += 60.0 if away and len(looks) == 2 else 0.0
        return dead

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(leases, "read", read)
    stand_in = SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep)
    monkeypatch.setattr(leases, "time", stand_in)
    assert leases.judge(api.cluster) == (dead, False)
    assert clock[0] == (160.0 if away else 100.0)


def test_of_two_runs_that_take_over_at_once_one_wins(api: Api) -> None:
    """The other is told who."""

    def version(number: int, holder: str) -> Answer:
        made = a_lease(holder)
        made["metadata"]["resourceVersion"] = f"{number}"
        return Answer.of(made)

    dead, looks = version(1, "dead"), 1 + 4 * 2  # whose first is create's own
    api.script("POST", LEASES, Answer.refusal(409, "AlreadyExists"))
    api.script("GET", f"{LEASES}/stormark", *[dead] * looks)
    api.script("GET", f"{LEASES}/stormark", *(version(n, "winner") for n in range(2, 9)))
    api.script("PUT", f"{LEASES}/stormark", Answer.refusal(409, "Conflict"))
    with pytest.raises(RunInProgress, match="run winner is under way"):
        lease(make_run(api.cluster), say_nothing).__enter__()
    assert api.asked("PUT")
