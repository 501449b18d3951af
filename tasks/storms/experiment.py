"""Runs the storms: each fault on each volume, while a writer counts what it was promised."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import product
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
from tasks.storms import faults, recovery, verify, writers
from tasks.storms.clock import now
from tasks.storms.ledger import UnreadableVolume
from tasks.storms.outcome import (
    Before,
    Outcome,
    cell_row,
    event_row,
    measured_row,
    way_back,
)
from tasks.storms.timeline import Step
from tasks.storms.writers import Target, Writer

# How long the storms of a run that is ended may take to notice.
STOP_SECONDS = 10.0
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


class Experiment(NamedTuple):
    """All that a storm needs: the run, the nodes it may touch, where rows go, and when to stop."""

    run: Run
    owner: list[Obj]
    nodes: list[Obj]
    keep: Keep
    report: Report
    stop: threading.Event


def run_storms(
    run: Run, owner: list[Obj], storage_classes: list[Obj], report: Report, keep: Keep
) -> None:
    """Put a writer on each volume and meet it with every storm of the plan.

    `keep` is given the row of the table `storms` and those of `storm_events` for each cell, as soon
    as it is known. Storms that touch one pod meet all volumes at the same time; a node is
    drained or broken for all writers on it, one node at a time.
    """
    eligible = cordon.eligible(run.cluster, run.plan)
    chosen = [node for node in eligible if node["metadata"]["name"] not in run.avoid]
    stop = threading.Event()
    run = run._replace(cluster=run.cluster._replace(stop=stop))
    this = Experiment(run, owner, chosen, keep, report, stop)
    started: list[Writer] = []
    targets = [t for t in writers.targets_of(run, storage_classes) if not _skipped(this, t)]
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
        for writer in started:
            writer.observer.close()


def planned(run: Run, storage_classes: list[Obj]) -> list[str]:
    """The volumes that the plan's storms are to meet, by their names in the matrix."""
    return [target.volume for target in writers.targets_of(run, storage_classes)]


def _skipped(this: Experiment, target: Target) -> bool:
    """Give rows to the cells that the preflight forbids; whether those are all of the volume's."""
    run = this.run
    of_volume = run.skips.get(target.kind) or run.skips.get(target.writer_kind)
    for storm, number in product(run.plan.storms, range(1, run.plan.storm_rounds + 1)):
        if why := of_volume or run.skips.get(storm):
            this.keep(cell_row(target, storm, number, status="skipped", error=why), [])
    return of_volume is not None or not _open(run)


def _open(run: Run) -> list[Storm]:
    """The storms that the preflight leaves."""
    return [storm for storm in run.plan.storms if storm not in run.skips]


def _start(this: Experiment, targets: list[Target], started: list[Writer]) -> None:
    """Start every writer, all at once; `started` is given those that write.

    A volume that gives none has all its cells failed, or not offered, with the reason.
    """
    run = this.run
    refused = _make_folders(this, targets)
    near, every_round = this.nodes[:MOST_FOLDERS], range(1, run.plan.storm_rounds + 1)
    storms = _open(run)
    created: list[Writer] = []
    try:
        for position, target in enumerate(targets):
            with _or_why(this, target, storms, every_round):
                if target in refused:
                    raise refused[target]
                created.append(writers.create(run, this.owner, target, position, near))
        for writer in created:
            this.report(Progress(run.run_id, f"{writer.volume} · start the writer"))
            with _or_why(this, writer.target, storms, every_round):
                writers.wait_writing(run, this.owner, writer, near)
                started.append(writer)
    finally:
        for writer in created:
            if writer not in started:
                writer.observer.close()


def _make_folders(this: Experiment, targets: list[Target]) -> dict[Target, ClusterError]:
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
    this: Experiment, target: Target, storms: Iterable[Storm], rounds: Iterable[int]
) -> Iterator[None]:
    """Cells that cannot be measured get rows that say why; the others go on."""
    try:
        yield
    except (ClusterError, UnreadableVolume) as error:
        status = "skipped" if isinstance(error, writers.NoRoot) else "failed"
        status = "not offered" if isinstance(error, writers.NotOffered) else status
        for storm, number in product(storms, rounds):
            this.keep(cell_row(target, storm, number, status=status, error=str(error)), [])


# ---------------------------------------------------------------- storms on one pod


def _together(this: Experiment, started: list[Writer], storms: list[Storm]) -> None:
    """Each volume meets its storms one after the other, all volumes at the same time."""
    broken: list[BaseException] = []

    def all_storms(writer: Writer) -> None:
        try:
            for number in range(1, this.run.plan.storm_rounds + 1):
                for storm in storms:
                    _inject(this, writer, storm, number)
        except recovery.Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
            broken.append(error)

    threads = [
        threading.Thread(target=all_storms, args=(writer,), daemon=True) for writer in started
    ]
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


def _inject(this: Experiment, writer: Writer, storm: Storm, number: int) -> None:
    """One storm on one pod: wait until it writes, break it, wait until it writes again."""
    run = this.run
    this.report(Progress(this.run.run_id, f"{writer.volume} · {storm} · round {number}"))
    with _or_why(this, writer.target, [storm], [number]):
        ready = recovery.fresh if storm == "container-restart" else recovery.writing
        before = ready(run, writer)
        fault_at = faults.inject(AT_ONCE[storm], run.cluster, before.pod)
        first, pending = recovery.first_record(run, writer, before, fault_at), None
        if first is None:
            last = writer.observer.acks[-1]
            if last.arrived > now() - recovery.SETTLE_SECONDS:
                raise ClusterError(
                    f"{storm} on {writer.volume} did not happen: writer {last.writer} writes as "
                    "before"
                )
            pending = writers.why_pending(run, writer)
        outcome = Outcome(writer, storm, number, before, fault_at, first, pending=pending)
        this.keep(*_read_back(this, outcome))


# ---------------------------------------------------------------- storms on a node


def _hit_nodes(this: Experiment, started: list[Writer], storm: NodeStorm, number: int) -> None:
    """Hit, one after the other, every node that a writer is on, until each has met the storm."""
    left = list(started)
    while left:
        by_node: dict[str, list[Writer]] = defaultdict(list)
        for writer in left:
            with _or_why(this, writer.target, [storm], [number]):
                by_node[recovery.writing(this.run, writer).node].append(writer)
        if not by_node:
            return
        node, here = max(by_node.items(), key=lambda item: len(item[1]))
        if node in {n["metadata"]["name"] for n in this.nodes}:
            _hit(this, storm, node, here, number)
        else:
            why = f"its writer is on node {node}, which a storm may not touch"
            for writer in here:
                this.keep(cell_row(writer.target, storm, number, status="skipped", error=why), [])
        left = [writer for there in by_node.values() for writer in there if writer not in here]


def _hit(this: Experiment, storm: NodeStorm, node: str, here: list[Writer], number: int) -> None:
    """Take a node from its writers for a while; then see who writes again, and what is there."""
    names = ", ".join(writer.volume for writer in here)
    this.report(Progress(this.run.run_id, f"{storm} of {node} · {names} · round {number}"))
    before: dict[Writer, Before] = {}
    for writer in here:  # one may have fallen silent since the others were looked at
        with _or_why(this, writer.target, [storm], [number]):
            before[writer] = recovery.writing(this.run, writer)
    if not before:
        return
    fault_at = now()
    try:
        with _without_node(this, storm, node, [one.pod for one in before.values()]) as beside:
            if this.stop.wait(this.run.plan.hold_seconds):
                raise recovery.Stopped
            pending = [
                None if writer.running_pod() else writers.why_pending(this.run, writer)
                for writer in before
            ]
            undone_at = now()
    except (ClusterError, cordon.NotRestored) as error:
        status = "skipped" if isinstance(error, Forbidden) else "failed"
        for writer in before:
            row = cell_row(writer.target, storm, number, status=status, error=str(error))
            this.keep(row, [])
        if isinstance(error, cordon.NotRestored):
            raise
        return
    for (writer, was), why in zip(before.items(), pending, strict=True):
        with _or_why(this, writer.target, [storm], [number]):
            first = recovery.first_record(this.run, writer, was, fault_at, undone_at)
            away = first is None or writer.observer.at(first) >= undone_at
            outcome = Outcome(
                writer,
                storm,
                number,
                was,
                fault_at,
                first,
                undone_at,
                why if away else None,
                beside,
            )
            this.keep(*_read_back(this, outcome))


def _without_node(
    this: Experiment, storm: NodeStorm, node: str, pods: list[str]
) -> AbstractContextManager[tuple[Step, ...]]:
    """Drain or break a node for a block; however that ends, it is undone.

    Yields what happened there to pods that are not of the run.
    """
    return _drained(this.run, node, pods) if storm == "drain" else _down(this.run, node, storm)


@contextmanager
def _down(run: Run, node: str, storm: NodeStorm) -> Iterator[tuple[Step, ...]]:
    fault = run.plan.node_faults[storm]
    with node_commands.down(
        run.cluster, node, storm, fault, run_id=run.run_id, deadline=run.deadline
    ):
        yield ()


@contextmanager
def _drained(run: Run, node: str, names: list[str]) -> Iterator[tuple[Step, ...]]:
    """Evict the writers, then all others as far as their budgets let them go."""
    plan, cluster = run.plan, run.cluster.hasty
    with cordon.cordoned(run.cluster, node, run_id=run.run_id, deadline=run.deadline):
        pods = [verbs.get(run.cluster, "Pod", name) for name in names]
        there = faults.evictable(run.cluster, node) if plan.drain == "full" else []
        faults.evict(cluster, pods, plan.recovery_limit_seconds)
        own = {pod["metadata"]["uid"] for pod in pods}
        others = [pod for pod in there if pod["metadata"]["uid"] not in own]
        kept = faults.evict_beside(cluster, others, plan.recovery_limit_seconds)
        yield tuple(_kept(pod["metadata"], node, why) for pod, why in kept)


def _kept(meta: Obj, node: str, why: str) -> Step:
    return Step(now(), "not evicted", f"{meta['namespace']}/{meta['name']}", node, why)


# ---------------------------------------------------------------- what came of it


def _read_back(this: Experiment, outcome: Outcome) -> tuple[dict[str, Any], Rows]:
    """Read the volume back, and make the rows of one cell.

    One that cannot be read back is an outcome too, and the worst: its row has no verdict, and says
    why.
    """
    run = this.run
    if this.stop.is_set():
        raise recovery.Stopped
    recovery.settle(run, outcome)
    verdict, read_on, why = None, None, None
    try:
        verdict, read_on = verify.verify(run, this.owner, outcome, this.nodes)
    except (ClusterError, UnreadableVolume) as error:
        why = f"it could not be read back: {error}"
    row = measured_row(outcome, verdict, read_on, run.clock_error_seconds)
    events = [event_row(outcome, step) for step in way_back(outcome)]
    return row | ({"error": why} if why else {}), events
