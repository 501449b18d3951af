"""Rides the storms: each fault on each volume, while a writer counts what it was promised."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice, pairwise, product
from typing import Any, NamedTuple, get_args

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import verbs
from tasks.kubernetes.errors import ClusterError, Forbidden
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cleanup, cordon, node_commands
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run
from tasks.plan.plan import NodeStorm, Storm
from tasks.plan.vocabulary import FOLDER_KINDS
from tasks.storms import faults, verify
from tasks.storms import writers as rigs
from tasks.storms.clock import now
from tasks.storms.ledger import UnreadableVolume
from tasks.storms.observer import Ack
from tasks.storms.outcome import (
    Before,
    Course,
    cell_row,
    event_row,
    measured_row,
    node_of,
    way_back,
)
from tasks.storms.writers import Rig, Target

# How long the storms of a run that is ended may take to notice.
STOP_SECONDS = 10.0
# Written before a fault, so that there is something to lose.
SETTLE_SECONDS = 2.0
# A hostPath that is not pinned has a folder on so many nodes: enough to come back elsewhere.
MOST_FOLDERS = 3
AT_ONCE: dict[Storm, Callable[[k8s.Cluster, str], None]] = {
    "container-restart": faults.restart_container,
    "pod-delete": faults.delete_pod,
    "pod-kill": faults.kill_pod,
}
NODE_STORMS: tuple[NodeStorm, ...] = get_args(NodeStorm)
Rows = list[dict[str, Any]]
Keep = Callable[[dict[str, Any], Rows], None]


class Ride(NamedTuple):
    """All that a storm needs: the run, the nodes it may touch, where rows go, and when to stop."""

    run: Run
    owner: list[Obj]
    nodes: list[Obj]
    keep: Keep
    report: Report
    stop: threading.Event


class Stopped(Exception):
    """The run is ending: no further fault, no further waiting."""


def ride(
    run: Run, owner: list[Obj], storage_classes: list[Obj], report: Report, keep: Keep
) -> None:
    """Put a writer on each volume and meet it with every storm of the plan.

    `keep` is given the row of the table `storms` and those of `storm_events` for each cell, as soon
    as it is known. Storms that touch one pod ride on all volumes at the same time; a node is
    drained or broken for all writers on it, one node at a time.
    """
    chosen = cordon.eligible(run.cluster, run.plan)
    stop = threading.Event()
    run = run._replace(cluster=run.cluster._replace(stop=stop))
    this = Ride(run, owner, chosen, keep, report, stop)
    started: list[Rig] = []
    targets = [t for t in rigs.targets_of(run, storage_classes) if not _skipped(this, t)]
    storms = _open(run)
    try:
        _start(this, targets, started)
        at_once = [storm for storm in storms if storm in AT_ONCE]
        _together(this, started, at_once)
        for storm in (storm for storm in storms if storm in NODE_STORMS):
            for number in range(1, run.plan.storm_rounds + 1):
                _hit_nodes(this, started, storm, number)
    finally:
        this.stop.set()
        for rig in started:
            rig.observer.close()


def planned(run: Run, storage_classes: list[Obj]) -> list[str]:
    """The volumes that the plan's storms are to meet, by their names in the matrix."""
    return [target.volume for target in rigs.targets_of(run, storage_classes)]


def _skipped(this: Ride, target: Target) -> bool:
    """Give rows to the cells that the preflight forbids; whether those are all of the volume's."""
    run = this.run
    of_volume = run.skips.get(target.kind)
    for storm, number in product(run.plan.storms, range(1, run.plan.storm_rounds + 1)):
        if why := of_volume or run.skips.get(storm):
            this.keep(cell_row(target, storm, number, status="skipped", error=why), [])
    return of_volume is not None or not _open(run)


def _open(run: Run) -> list[Storm]:
    """The storms that the preflight leaves."""
    return [storm for storm in run.plan.storms if storm not in run.skips]


def _start(this: Ride, targets: list[Target], started: list[Rig]) -> None:
    """Start every writer, all at once; `started` is given those that write.

    A volume that gives none has all its cells failed, or not offered, with the reason.
    """
    run = this.run
    refused = _make_folders(this, targets)
    near, every_round = this.nodes[:MOST_FOLDERS], range(1, run.plan.storm_rounds + 1)
    storms = _open(run)
    created: list[Rig] = []
    try:
        for position, target in enumerate(targets):
            with _or_why(this, target, storms, every_round):
                if target in refused:
                    raise refused[target]
                created.append(rigs.create(run, this.owner, target, position, near))
        for rig in created:
            this.report(Progress(run.run_id, f"{rig.volume} · start the writer"))
            with _or_why(this, rig.target, storms, every_round):
                rigs.wait_writing(run, this.owner, rig, near)
                started.append(rig)
    finally:
        for rig in created:
            if rig not in started:
                rig.observer.close()


def _make_folders(this: Ride, targets: list[Target]) -> dict[Target, ClusterError]:
    """Make the run's folder on the nodes where a volume needs it; why not, by volume."""
    run = this.run
    names = [node["metadata"]["name"] for node in this.nodes]
    where = {
        target: names[: MOST_FOLDERS if target.kind == "hostPath" else 1]
        for target in targets
        if target.kind in FOLDER_KINDS
    }
    most = max(where.values(), key=len, default=[])
    if not most:
        return {}
    refused = cleanup.make_host_folders(run.cluster, run.plan, run.meta(this.owner), most)
    return {target: refused[node] for target, on in where.items() for node in on if node in refused}


@contextmanager
def _or_why(
    this: Ride, target: Target, storms: Iterable[Storm], rounds: Iterable[int]
) -> Iterator[None]:
    """Cells that cannot be measured get rows that say why; the others go on."""
    try:
        yield
    except (ClusterError, UnreadableVolume) as error:
        status = "skipped" if isinstance(error, rigs.NoRoot) else "failed"
        status = "not offered" if isinstance(error, rigs.NotOffered) else status
        for storm, number in product(storms, rounds):
            this.keep(cell_row(target, storm, number, status=status, error=str(error)), [])


# ---------------------------------------------------------------- storms on one pod


def _together(this: Ride, started: list[Rig], storms: list[Storm]) -> None:
    """Each volume meets its storms one after the other, all volumes at the same time."""
    broken: list[BaseException] = []

    def all_storms(rig: Rig) -> None:
        try:
            for number in range(1, this.run.plan.storm_rounds + 1):
                for storm in storms:
                    _strike(this, rig, storm, number)
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
            broken.append(error)

    threads = [threading.Thread(target=all_storms, args=(rig,), daemon=True) for rig in started]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)  # in slices, so that a signal is heard
    except BaseException:
        this.stop.set()
        for thread in threads:  # what they do now would be done beside the clean-up
            thread.join(STOP_SECONDS / len(threads))
        raise
    if broken:
        raise broken[0]


def _strike(this: Ride, rig: Rig, storm: Storm, number: int) -> None:
    """One storm on one pod: wait until it writes, break it, wait until it writes again."""
    this.report(Progress(this.run.run_id, f"{rig.volume} · {storm} · round {number}"))
    with _or_why(this, rig.target, [storm], [number]):
        before = _fresh(this, rig) if storm == "container-restart" else _writing(this, rig)
        fault_at = now()
        AT_ONCE[storm](this.run.cluster.hasty, before.pod)  # it is timed from `fault_at`
        first = _first_record(this, rig, before, fault_at)
        if first is None and (last := rig.observer.acks[-1]).arrived > now() - SETTLE_SECONDS:
            raise ClusterError(
                f"{storm} on {rig.volume} did not happen: writer {last.writer} writes as before"
            )
        course = Course(
            rig, storm, number, before, fault_at, first, pending=_pending(this, rig, first)
        )
        this.keep(*_read_back(this, course))


# ---------------------------------------------------------------- storms on a node


def _hit_nodes(this: Ride, started: list[Rig], storm: NodeStorm, number: int) -> None:
    """Hit, one after the other, every node that a writer is on, until each has met the storm."""
    left = list(started)
    while left:
        by_node: dict[str, list[Rig]] = defaultdict(list)
        for rig in left:
            with _or_why(this, rig.target, [storm], [number]):
                by_node[_writing(this, rig).node].append(rig)
        if not by_node:
            return
        node, here = max(by_node.items(), key=lambda item: len(item[1]))
        if node in {n["metadata"]["name"] for n in this.nodes}:
            _hit(this, storm, node, here, number)
        else:
            why = f"its writer is on node {node}, which a storm may not touch"
            for rig in here:
                this.keep(cell_row(rig.target, storm, number, status="skipped", error=why), [])
        left = [rig for rigs_there in by_node.values() for rig in rigs_there if rig not in here]


def _hit(this: Ride, storm: NodeStorm, node: str, here: list[Rig], number: int) -> None:
    """Take a node from its writers for a while; then see who writes again, and what is there."""
    names = ", ".join(rig.volume for rig in here)
    this.report(Progress(this.run.run_id, f"{storm} of {node} · {names} · round {number}"))
    before: dict[Rig, Before] = {}
    for rig in here:  # one may have fallen silent since the others were looked at
        with _or_why(this, rig.target, [storm], [number]):
            before[rig] = _writing(this, rig)
    if not before:
        return
    fault_at = now()
    try:
        with _without_node(this, storm, node, [writer.pod for writer in before.values()]):
            if this.stop.wait(this.run.plan.hold_seconds):
                raise Stopped
            pending = [rigs.why_pending(this.run, rig) if _waits(rig) else None for rig in before]
            mended_at = now()
    except (ClusterError, cordon.NotRestored) as error:
        status = "skipped" if isinstance(error, Forbidden) else "failed"
        for rig in before:
            row = cell_row(rig.target, storm, number, status=status, error=str(error))
            this.keep(row, [])
        if isinstance(error, cordon.NotRestored):
            raise
        return
    for (rig, writer), why in zip(before.items(), pending, strict=True):
        with _or_why(this, rig.target, [storm], [number]):
            first = _first_record(this, rig, writer, fault_at, mended_at)
            away = first is None or rig.observer.at(first) >= mended_at
            course = Course(
                rig, storm, number, writer, fault_at, first, mended_at, why if away else None
            )
            this.keep(*_read_back(this, course))


def _waits(rig: Rig) -> bool:
    """Whether no pod of a writer runs, as far as the API knows: on a lost node it still does."""
    return not any(
        pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        for pod in rig.observer.pods().values()
    )


def _without_node(
    this: Ride, storm: NodeStorm, node: str, writers: list[str]
) -> AbstractContextManager[None]:
    """Drain or break a node for a block; however that ends, it is undone."""
    run = this.run
    if storm == "drain":
        return _drained(run, node, writers)
    fault = run.plan.node_faults[storm]
    return node_commands.down(
        run.cluster, node, storm, fault, run_id=run.run_id, deadline=run.deadline
    )


@contextmanager
def _drained(run: Run, node: str, writers: list[str]) -> Iterator[None]:
    plan = run.plan
    with cordon.cordoned(run.cluster, node, run_id=run.run_id, deadline=run.deadline):
        pods = [verbs.get(run.cluster, "Pod", name) for name in writers]
        if plan.drain == "full":
            pods = faults.evictable(run.cluster, node)
        faults.evict(run.cluster.hasty, pods, plan.recovery_limit_seconds)
        yield


# ---------------------------------------------------------------- waiting


def _writing(this: Ride, rig: Rig) -> Before:
    """Wait until one writer has written for a while, and is not on its way out."""
    plan, observer = this.run.plan, rig.observer
    enough = max(3, int(SETTLE_SECONDS * plan.writes_per_second * 0.7))
    deadline = time.monotonic() + plan.recovery_limit_seconds
    while time.monotonic() < deadline:
        if this.stop.is_set():
            raise Stopped
        last, pods = observer.acks[-1], observer.pods()
        own = (a for a in reversed(observer.acks) if (a.pod, a.life) == (last.pod, last.life))
        newest = list(islice(own, enough))
        pod = pods.get(last.pod)
        fresh = now() - last.arrived < SETTLE_SECONDS
        if pod and "deletionTimestamp" not in pod["metadata"] and fresh and len(newest) == enough:
            seconds = observer.at(last) - observer.at(newest[-1])
            rate = (enough - 1) / seconds if seconds > 0 else 0.0
            had = frozenset(observer.lives)
            return Before(last.pod, last.life, pod["spec"]["nodeName"], rate, had)
        observer.wait(0.5, f"watching the writer on {rig.volume}")
    why = rigs.why_silent(this.run, rig) or "its pod gives no reason"
    raise ClusterError(
        f"before a storm on {rig.volume}: nothing written for {plan.recovery_limit_seconds} s: "
        f"{why}"
    )


def _fresh(this: Ride, rig: Rig) -> Before:
    """Wait for a writer whose container never ended: a kubelet makes others wait to start again.

    After 10 s, and twice as long at each further end: that would be measured, not the volume. So
    the pod is replaced; what an emptyDir held is gone with it, and by no storm.
    """
    before = _writing(this, rig)
    if before.life == 1:
        return before
    faults.delete_pod(this.run.cluster, before.pod)
    deadline = time.monotonic() + this.run.plan.recovery_limit_seconds
    while (writer := _writing(this, rig)).pod == before.pod:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"before a storm on {rig.volume}: pod {before.pod}, which was deleted to be "
                "replaced, still writes"
            )
    if "emptyDir" in rig.source:
        others = (ack for ack in list(rig.observer.acks) if ack.pod != writer.pod)
        rig.lost |= {(ack.writer, ack.number) for ack in others}
    return writer


def _first_record(
    this: Ride, rig: Rig, before: Before, fault_at: float, mended_at: float | None = None
) -> Ack | None:
    """The first record after a fault, or None when none comes within the limit.

    It is the next writer's; where the same one still writes once its node is mended, the one that
    ended its longest pause.
    """
    observer = rig.observer
    deadline = time.monotonic() + this.run.plan.recovery_limit_seconds
    while time.monotonic() < deadline:
        if this.stop.is_set():
            raise Stopped
        for ack in observer.since(fault_at):
            started = (
                ack.life > before.life if ack.pod == before.pod else ack.pod not in before.pods
            )
            if started and observer.at(ack) >= fault_at:
                _settle(this, rig, ack, before)
                return ack
        if mended_at is not None and (same := _went_on(rig, before, fault_at, mended_at)):
            return same
        observer.wait(0.5, f"watching the writer on {rig.volume}")
    return None


def _went_on(rig: Rig, before: Before, fault_at: float, mended_at: float) -> Ack | None:
    """The record that ended the longest pause of a writer that outlived the loss of its node.

    None when it has not written since the node was mended.
    """
    at = rig.observer.at
    own: list[Ack] = []  # the newest first, to the last before the fault
    for ack in reversed(rig.observer.acks):
        if (ack.pod, ack.life) == (before.pod, before.life):
            own.append(ack)
            if at(ack) < fault_at:
                break
    if len(own) < 2 or at(own[0]) < mended_at:
        return None
    pause, last = max((at(later) - at(ack), later) for later, ack in pairwise(own))
    return last if pause > SETTLE_SECONDS else own[-2]


def _settle(this: Ride, rig: Rig, first: Ack, before: Before) -> None:
    """Let the new writer go on until the old pod is gone, so that an overlap is seen whole."""
    deadline = time.monotonic() + SETTLE_SECONDS * 5
    while first.pod != before.pod and before.pod in rig.observer.pods():
        if this.stop.is_set():
            raise Stopped
        if time.monotonic() > deadline:
            return
        rig.observer.wait(0.5, f"watching the writer on {rig.volume}")


def _pending(this: Ride, rig: Rig, first: Ack | None) -> str | None:
    return rigs.why_pending(this.run, rig) if first is None else None


def _read_back(this: Ride, course: Course) -> tuple[dict[str, Any], Rows]:
    """Read the volume back, and make the rows of one cell.

    One that cannot be read back is an outcome too, and the worst: its row has no verdict, and says
    why. A volume whose writer never came back is read where that was.
    """
    run, first = this.run, course.first
    if this.stop.is_set():
        raise Stopped
    node = node_of(course.rig, first) if first else course.before.node
    verdict, read_on, why = None, None, None
    try:
        verdict, read_on = verify.verify(run, this.owner, course.rig, node, this.nodes)
    except (ClusterError, UnreadableVolume) as error:
        why = f"it could not be read back: {error}"
    row = measured_row(course, verdict, read_on, run.clock_error_seconds)
    events = [event_row(course, step) for step in way_back(course)]
    return row | ({"error": why} if why else {}), events
