"""One run at a time in a namespace: the one that holds its Lease, and renews it while it lives.

Whether the holder lives is judged as client-go judges a leader: by watching the Lease for its
duration on a clock that nobody sets. Two machines' wall clocks are never compared; the times in a
Lease are for people.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import AlreadyExists, ClusterError, Conflict, NotFound
from tasks.kubernetes.manifest import render
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run, and_then

LEASE = "stormark"
# How long a holder may give no sign of life: longer than its calls outlive a server that is away.
LEASE_SECONDS = 120
RENEW_SECONDS = 15.0
# Its holder ends itself before others may take it for dead, as client-go's does at renewDeadline.
STEP_DOWN_SECONDS = 100.0
# Goes on while the machine is suspended, so that a holder knows how long it slept. CLOCK_MONOTONIC
# stands still then on Linux, and on macOS does not.
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
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

    Takes until the next renewal, or the Lease's whole duration for one that is dead: two minutes.
    Where there is no Lease, half of that: a run whose Lease somebody deletes ends itself meanwhile.
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
    """The Lease at its first change; `seen` itself when it is still the same after its duration.

    Of an API server that answers: while it is away, its holder cannot renew it either.
    """
    seconds = _seconds(seen)
    began = time.monotonic()
    while (asked := time.monotonic()) - began < seconds:
        now = read(cluster)
        if _version(now) != _version(seen):
            return now
        if time.monotonic() - asked > RENEW_SECONDS:
            began = time.monotonic()
        time.sleep(min(LOOK_SECONDS, seconds / 4))
    return seen


def _seconds(held: Obj | None) -> float:
    """How long to watch a Lease for a sign of life."""
    if held is None:
        return LEASE_SECONDS / 2  # two of its holder's looks at it, and an end in order
    return float(held["spec"].get("leaseDurationSeconds", LEASE_SECONDS))


def _version(held: Obj | None) -> str | None:
    return None if held is None else held["metadata"]["resourceVersion"]


# ---------------------------------------------------------------- a run's own


def awake_or_not() -> float:
    """Seconds since some time in the past, those included in which this machine was suspended."""
    return time.clock_gettime(CLOCK)


@dataclass
class Held:
    """What a run knows of its own Lease: when it renewed it last, and who has it instead.

    `uid` is the object's: one that was deleted and made again is another.
    """

    uid: str
    renewed: float = field(default_factory=awake_or_not)
    taken: str | None = None
    error: str = "no try has ended"

    def lost(self) -> str | None:
        """Why the run counts as dead, or soon will; None while it holds its Lease."""
        if self.taken is None and awake_or_not() - self.renewed > STEP_DOWN_SECONDS:
            self.taken = (
                f"the run could not renew its Lease for {STEP_DOWN_SECONDS:.0f} s, and ends before "
                f"another takes it for dead: {self.error}"
            )
        return self.taken


@contextmanager
def lease(run: Run, report: Report, *, wait: bool = True) -> Iterator[Callable[[], str | None]]:
    """Hold the namespace's Lease; RunInProgress, naming the other run, if that one lives.

    That takes until its next renewal. A dead one's Lease is taken over after its whole duration;
    without `wait`, any Lease is RunInProgress. Yields what says, once it is so, why the run no
    longer holds it: another run has it, somebody deleted it, or it could not be renewed for
    STEP_DOWN_SECONDS, of which those count in which the machine slept.
    """
    held = _acquire(run, report, wait=wait)
    ended, known = threading.Event(), Held(held["metadata"]["uid"])
    renewer = threading.Thread(target=_renew, args=(run, ended, known), name="lease", daemon=True)
    renewer.start()

    def give_back() -> None:
        ended.set()
        renewer.join()
        while (held := read(run.cluster)) is not None and holder(held) == run.run_id:
            if free(run.cluster, held):
                return

    with and_then(give_back):
        yield known.lost


def _manifest(run: Run) -> Obj:
    now, of_run = _micro_time(), run.labels
    return render(
        "lease", run_id=run.run_id, labels=of_run, duration_seconds=LEASE_SECONDS, now=now
    )


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _acquire(run: Run, report: Report, *, wait: bool) -> Obj:
    while True:
        try:
            return verbs.create(run.cluster, _manifest(run))
        except AlreadyExists:
            held = read(run.cluster)
        if held is None:  # given back just now
            continue
        if not wait:
            raise RunInProgress(
                f"run {holder(held)} holds the Lease of namespace {run.cluster.namespace} of "
                f"cluster {run.cluster.name}: it is under way, or it died. Wait for it to end; "
                f"`stormark reap {run.cluster.options}` watches whether it lives, and releases "
                "what a dead run has left."
            )
        if (own := _take_over(run, held, report)) is not None:
            return own


def _take_over(run: Run, held: Obj, report: Report) -> Obj | None:
    """Take over a Lease whose holder gives no sign of life; None where it is to be made anew."""
    step = f"{WATCHING} {holder(held)} lives, which holds the Lease: up to {_seconds(held):.0f} s"
    report(Progress(run.run_id, step))
    now = _watch(run.cluster, held)
    if now is None:
        return None
    if now is not held:
        raise RunInProgress(
            f"run {holder(now)} is under way in namespace {run.cluster.namespace} of cluster "
            f"{run.cluster.name}: two runs would measure each other. Wait for it to end: it "
            "renews its Lease `stormark`, so it lives."
        )
    manifest = _manifest(run)
    manifest["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
    try:
        return verbs.replace(run.cluster, manifest)
    except Conflict:  # another run took it over first, or the dead one is not dead
        return None


def _renew(run: Run, ended: threading.Event, known: Held) -> None:
    cluster = run.cluster._replace(stop=ended)
    while not ended.wait(RENEW_SECONDS):
        if known.lost():
            return
        began = awake_or_not()
        try:
            held = read(cluster)
            if held is None or _another(run, known, held):
                known.taken = _who_has(cluster, held)
                return
            held["spec"]["renewTime"] = _micro_time()
            verbs.replace(cluster, held)
            known.renewed = began
        except ClusterError as error:
            known.error = str(error)


def _another(run: Run, known: Held, held: Obj) -> bool:
    """Whether a Lease is not the one that the run took."""
    return holder(held) != run.run_id or held["metadata"]["uid"] != known.uid


def _who_has(cluster: Cluster, held: Obj | None) -> str:
    """Why a run counts as dead whose Lease is gone, or another: it is never made again.

    Meanwhile other runs may have come and gone, and released what this one had.
    """
    if held is None:
        return f"somebody has deleted the Lease of namespace {cluster.namespace}, so the run ends"
    return f"run {holder(held)} has taken over the Lease of namespace {cluster.namespace}"
