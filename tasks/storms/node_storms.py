"""Storms on a node: it is taken from all its writers at the same time, and given back."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tasks.kubernetes import verbs
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon, node_commands
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.run import Run
from tasks.plan.plan import NodeStorm
from tasks.plan.vocabulary import NODE_LOST
from tasks.storms import faults, lost, recovery, writers
from tasks.storms.cells import Experiment, not_measured, or_why, read_back
from tasks.storms.clock import now
from tasks.storms.outcome import Before, Outcome, cell_row
from tasks.storms.timeline import Step
from tasks.storms.writers import Writer


def hit(this: Experiment, started: list[Writer], storm: NodeStorm, number: int) -> None:
    """Hit, one after the other, every node that a writer is on, until each has met the storm."""
    left = list(started)
    while left:
        by_node: dict[str, list[Writer]] = defaultdict(list)
        for writer in left:
            with or_why(this, writer.target, [storm], [number]):
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
        with or_why(this, writer.target, [storm], [number]):
            before[writer] = recovery.writing(this.run, writer)
    if not before:
        return
    if storm == NODE_LOST:
        lost.lose(this, node, before, number)
    else:
        _hold(this, storm, node, before, number)


def _hold(
    this: Experiment, storm: NodeStorm, node: str, before: dict[Writer, Before], number: int
) -> None:
    """Keep a node from its writers for the plan's seconds, and judge each once it is given back."""
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
        not_measured(this, storm, before, number, error)
        return
    for (writer, was), why in zip(before.items(), pending, strict=True):
        with or_why(this, writer.target, [storm], [number]):
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
            this.keep(*read_back(this, outcome))


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
