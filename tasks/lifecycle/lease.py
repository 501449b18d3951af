"""One run at a time in a namespace: the one that holds its Lease, and renews it while it lives.

Whether the holder lives is judged as client-go judges a leader: by watching the Lease for its
duration on a clock that nobody sets. Two machines' wall clocks are never compared; the times in a
Lease are for people.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import AlreadyExists, ClusterError, Conflict, NotFound
from tasks.kubernetes.manifest import render
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run, and_then

LEASE = "stormark"
# How long a holder may give no sign of life; it renews the Lease every quarter of that.
LEASE_SECONDS = 60
LOOK_SECONDS = 2.0  # between two looks at a Lease that is watched, as client-go's retryPeriod
# What a run says while it watches whether another one lives; nothing has been created then.
WATCHING = "watch whether run"


class RunInProgress(Exception):
    """Another run holds the Lease of the namespace."""


class LeaseLost(Exception):
    """The run counts as dead: another one, or reap, has taken its Lease. All of it ends.

    No ClusterError, since no cell failed.
    """


# ---------------------------------------------------------------- whether a run lives


def read(cluster: Cluster) -> Obj | None:
    """The namespace's Lease as it is now; None where there is none."""
    try:
        return verbs.get(cluster, "Lease", LEASE)
    except NotFound:
        return None


def holder(held: Obj) -> str:
    """The id of the run that holds a Lease."""
    return str(held["spec"].get("holderIdentity", ""))


def judge(cluster: Cluster, own: str = "") -> tuple[Obj | None, bool]:
    """The Lease, and whether its holder lives; run `own` does, if it is the holder.

    Takes until the next renewal, or the Lease's whole duration for one that is dead: a minute.
    Where there is no Lease, half of that: a run that lives makes it again if somebody deletes it.
    """
    seen = read(cluster)
    if seen is not None and own == holder(seen):
        return seen, True
    while (now := _watch(cluster, seen)) is not seen:
        if now is not None:
            return now, True
        seen = None  # given back, or somebody deleted it
    return seen, False


def free(cluster: Cluster, held: Obj) -> bool:
    """Delete a Lease as it was read; False, and it is left alone, where it has changed since."""
    try:
        verbs.delete(cluster, "Lease", LEASE, unchanged=held)
    except Conflict:
        return False
    return True


def _watch(cluster: Cluster, seen: Obj | None) -> Obj | None:
    """The Lease at its first change; `seen` itself when it is still the same after its duration."""
    seconds = _seconds(seen)
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(min(LOOK_SECONDS, seconds / 4))
        now = read(cluster)
        if _version(now) != _version(seen):
            return now
    return seen


def _seconds(held: Obj | None) -> float:
    """How long to watch a Lease for a sign of life."""
    if held is None:
        return LEASE_SECONDS / 2  # two of its holder's tries to renew it
    return float(held["spec"].get("leaseDurationSeconds", LEASE_SECONDS))


def _version(held: Obj | None) -> str | None:
    return None if held is None else held["metadata"]["resourceVersion"]


# ---------------------------------------------------------------- a run's own


@contextmanager
def lease(
    run: Run, warn: Callable[[str], object], report: Report, *, wait: bool = True
) -> Iterator[list[str]]:
    """Hold the namespace's Lease; RunInProgress, naming the other run, if that one lives.

    That takes until its next renewal. A dead one's Lease is taken over after its whole duration;
    without `wait`, any Lease is RunInProgress. Yields a list that stays empty; it says so when
    another run has taken the Lease over. `warn` is told when the Lease could not be renewed for so
    long that it lapsed.
    """
    _acquire(run, report, wait=wait)
    ended = threading.Event()
    lost: list[str] = []
    renewer = threading.Thread(
        target=_renew, args=(run, ended, lost, warn), name="lease", daemon=True
    )
    renewer.start()

    def give_back() -> None:
        ended.set()
        renewer.join()
        while (held := read(run.cluster)) is not None and holder(held) == run.run_id:
            if free(run.cluster, held):
                return

    with and_then(give_back):
        yield lost


def _manifest(run: Run) -> Obj:
    now, of_run = _micro_time(), run.labels
    return render(
        "lease", run_id=run.run_id, labels=of_run, duration_seconds=LEASE_SECONDS, now=now
    )


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _acquire(run: Run, report: Report, *, wait: bool) -> None:
    while True:
        try:
            verbs.create(run.cluster, _manifest(run))
        except AlreadyExists:
            held = read(run.cluster)
        else:
            return
        if held is None:  # given back just now
            continue
        if not wait:
            raise RunInProgress(
                f"run {holder(held)} holds the Lease of namespace {run.cluster.namespace} of "
                f"cluster {run.cluster.name}: it is under way, or it died. Wait for it to end; "
                f"`stormark reap {run.cluster.options}` watches whether it lives, and releases "
                "what a dead run has left."
            )
        if _take_over(run, held, report):
            return


def _take_over(run: Run, held: Obj, report: Report) -> bool:
    """Take over a Lease whose holder gives no sign of life; False where it is to be made anew."""
    step = f"{WATCHING} {holder(held)} lives, which holds the Lease: up to {_seconds(held):.0f} s"
    report(Progress(run.run_id, step))
    now = _watch(run.cluster, held)
    if now is None:
        return False
    if now is not held:
        raise RunInProgress(
            f"run {holder(now)} is under way in namespace {run.cluster.namespace} of cluster "
            f"{run.cluster.name}: two runs would measure each other. Wait for it to end: it "
            "renews its Lease `stormark`, so it lives."
        )
    manifest = _manifest(run)
    manifest["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
    try:
        verbs.replace(run.cluster, manifest)
    except Conflict:  # another run took it over first, or the dead one is not dead
        return False
    return True


def _renew(
    run: Run, ended: threading.Event, lost: list[str], warn: Callable[[str], object]
) -> None:
    renewed, warned = time.monotonic(), False
    while not ended.wait(LEASE_SECONDS / 4):
        try:
            lapsed = time.monotonic() - renewed > LEASE_SECONDS
            held = read(run.cluster)
            if held is None and lapsed:
                lost.append(
                    f"the Lease of namespace {run.cluster.namespace} is gone, since this run gave "
                    f"no sign of life for {LEASE_SECONDS} s: what it had made may have been "
                    "released"
                )
                return
            held = held or verbs.create(run.cluster, _manifest(run))  # or reap takes it for dead
            if holder(held) != run.run_id:
                lost.append(
                    f"run {holder(held)} has taken over the Lease of namespace "
                    f"{run.cluster.namespace}, since this run gave no sign of life for "
                    f"{LEASE_SECONDS} s"
                )
                return
            held["spec"]["renewTime"] = _micro_time()
            verbs.replace(run.cluster, held)
            renewed, warned = time.monotonic(), False
        except ClusterError as error:  # three more tries before the Lease lapses
            if not warned and time.monotonic() - renewed > LEASE_SECONDS:
                warned = True
                warn(
                    f"the Lease of namespace {run.cluster.namespace} lapsed during the run, so "
                    f"that another run could have begun beside it: {error}"
                )
