"""Waits for a writer: until it writes before a fault, and until it writes again after one."""

import time
from itertools import islice, pairwise

from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.pods import image_id
from tasks.lifecycle.run import Run
from tasks.storms import faults
from tasks.storms.clock import now
from tasks.storms.observer import Ack
from tasks.storms.outcome import STEADY_LIMIT_SECONDS, Before, Outcome, steady_at
from tasks.storms.writers import Writer, why_silent

# Written before a fault, so that there is something to lose.
SETTLE_SECONDS = 2.0


class Stopped(Exception):
    """The run is ending: no further fault, no further waiting."""


def writing(run: Run, writer: Writer) -> Before:
    """Wait until one writer has written for a while, and is not on its way out."""
    plan, observer = run.plan, writer.observer
    enough = max(3, int(SETTLE_SECONDS * plan.writes_per_second * 0.7))
    deadline = time.monotonic() + plan.recovery_limit_seconds
    while time.monotonic() < deadline:
        _go_on(run)
        last, pods = observer.acks[-1], observer.pods()
        own = (a for a in reversed(observer.acks) if (a.pod, a.life) == (last.pod, last.life))
        newest = list(islice(own, enough))
        pod = pods.get(last.pod)
        fresh = now() - last.arrived < SETTLE_SECONDS
        if pod and "deletionTimestamp" not in pod["metadata"] and fresh and len(newest) == enough:
            seconds = observer.at(last) - observer.at(newest[-1])
            rate = (enough - 1) / seconds if seconds > 0 else 0.0
            had = frozenset(observer.lives)
            name, node, image = pod["metadata"]["name"], pod["spec"]["nodeName"], image_id(pod)
            return Before(name, last.pod, last.life, node, rate, had, enough, image)
        observer.wait(0.5, f"watching the writer on {writer.volume}")
    why = why_silent(run, writer) or "its pod gives no reason"
    raise ClusterError(
        f"before a storm on {writer.volume}: nothing written for {plan.recovery_limit_seconds} s: "
        f"{why}"
    )


def fresh(run: Run, writer: Writer) -> Before:
    """Wait for a writer whose container never ended: a kubelet makes others wait to start again.

    After 10 s, and twice as long at each further end: that would be measured, not the volume. So
    the pod is replaced; what an emptyDir held is gone with it, and by no storm.
    """
    before = writing(run, writer)
    if before.life == 1:
        return before
    faults.delete_pod(run.cluster, before.pod)
    deadline = time.monotonic() + run.plan.recovery_limit_seconds
    while (now_writing := writing(run, writer)).uid == before.uid:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"before a storm on {writer.volume}: pod {before.pod}, which was deleted to be "
                "replaced, still writes"
            )
    if "emptyDir" in writer.source:
        others = (ack for ack in list(writer.observer.acks) if ack.pod != now_writing.uid)
        writer.lost |= {(ack.writer, ack.number) for ack in others}
        pages = dict(writer.observer.pages)
        writer.lost_pages |= {page for page in pages if not page[0].startswith(now_writing.uid)}
        cold = dict(writer.observer.cold)
        writer.cold_damaged |= {name for name in cold if not name.startswith(now_writing.uid)}
    return now_writing


def first_record(
    run: Run,
    writer: Writer,
    before: Before,
    fault_at: float,
    undone_at: float | None = None,
    *,
    limit_seconds: float | None = None,
) -> Ack | None:
    """The first record after a fault, or None when none comes within the limit, or the plan's.

    It is the next writer's; where the same one still writes once its node is mended, the one that
    ended its longest pause.
    """
    limit = run.plan.recovery_limit_seconds if limit_seconds is None else limit_seconds
    deadline = time.monotonic() + limit
    while True:
        _go_on(run)
        if ack := next_ack(writer, before, fault_at):
            _settle(run, writer, ack, before)
            return ack
        if undone_at is not None and (same := _went_on(writer, before, fault_at, undone_at)):
            return same
        writer.observer.wait(
            min(0.5, max(0.0, deadline - time.monotonic())),
            f"watching the writer on {writer.volume}",
        )
        if time.monotonic() >= deadline:
            return None


def next_ack(writer: Writer, before: Before, fault_at: float) -> Ack | None:
    """The first record of the next container or pod after a fault; None as long as none came."""
    observer = writer.observer
    for ack in observer.since(fault_at):
        started = ack.life > before.life if ack.pod == before.uid else ack.pod not in before.pods
        if started and observer.at(ack) >= fault_at:
            return ack
    return None


def _went_on(writer: Writer, before: Before, fault_at: float, undone_at: float) -> Ack | None:
    """The record that ended the longest pause of a writer that outlived the loss of its node.

    None when it has not written since the node was mended.
    """
    at = writer.observer.at
    own: list[Ack] = []  # the newest first, to the last before the fault
    for ack in reversed(writer.observer.acks):
        if (ack.pod, ack.life) == (before.uid, before.life):
            own.append(ack)
            if at(ack) < fault_at:
                break
    if len(own) < 2 or at(own[0]) < undone_at:
        return None
    pause, last = max((at(later) - at(ack), later) for later, ack in pairwise(own))
    return last if pause > SETTLE_SECONDS else own[-2]


def settle(run: Run, outcome: Outcome) -> None:
    """Watch a writer that is back until it is as fast as before, a minute at most."""
    observer, first = outcome.writer.observer, outcome.first
    if first is None:
        return
    deadline = time.monotonic() + STEADY_LIMIT_SECONDS
    while time.monotonic() < deadline:
        _go_on(run)
        own = [observer.at(a) for a in observer.since(first.arrived) if a.writer == first.writer]
        if steady_at(own, outcome.before) is not None:
            return
        observer.wait(0.5, f"watching the writer on {outcome.writer.volume}")


def _settle(run: Run, writer: Writer, first: Ack, before: Before) -> None:
    """Let the new writer go on until the old pod is gone, so that an overlap is seen whole."""
    deadline = time.monotonic() + SETTLE_SECONDS * 5
    while first.pod != before.uid and before.uid in writer.observer.pods():
        _go_on(run)
        if time.monotonic() > deadline:
            return
        writer.observer.wait(0.5, f"watching the writer on {writer.volume}")


def _go_on(run: Run) -> None:
    if run.cluster.stop is not None and run.cluster.stop.is_set():
        raise Stopped
