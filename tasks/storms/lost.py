"""A node that does not come back by itself: when its writers' data is back elsewhere."""

import time
from collections.abc import Mapping
from contextlib import suppress

from tasks.kubernetes import verbs
from tasks.kubernetes.errors import ClusterError, Conflict
from tasks.kubernetes.nodes import is_ready
from tasks.lifecycle import node_commands, out_of_service
from tasks.lifecycle.cordon import NotRestored
from tasks.lifecycle.progress import Progress
from tasks.plan.vocabulary import NODE_LOST
from tasks.storms import recovery, writers
from tasks.storms.cells import Experiment, find, not_measured, or_why, rows_of
from tasks.storms.clock import now
from tasks.storms.outcome import Before, Outcome
from tasks.storms.timeline import Step
from tasks.storms.writers import Writer

LOOK_SECONDS = 0.5


def lose(this: Experiment, node: str, before: Mapping[Writer, Before], number: int) -> None:
    """Keep a node down until its writers write elsewhere, or the plan's limit is over.

    Volumes are read back while the node is away; one that did not come back within the limit when
    the node is up again.
    """
    run, fault_at, told = this.run, now(), set[Writer]()
    elsewhere = this._replace(nodes=[n for n in this.nodes if n["metadata"]["name"] != node])
    never: list[Outcome] = []
    try:
        with node_commands.down(
            run.cluster,
            node,
            NODE_LOST,
            run.plan.node_faults[NODE_LOST],
            run_id=run.run_id,
            deadline=run.deadline,
        ):
            beside = _wait(this, node, before, fault_at)
            back = []
            for writer, was in before.items():
                with or_why(this, writer.target, [NODE_LOST], [number]):
                    told.add(writer)
                    first = recovery.first_record(run, writer, was, fault_at, limit_seconds=0)
                    why = None if first else writers.why_pending(run, writer)
                    cell = Outcome(
                        writer, NODE_LOST, number, was, fault_at, first, pending=why, beside=beside
                    )
                    if first is None:
                        never.append(cell)
                    else:
                        back.append((cell, find(elsewhere, cell)))
            undone_at = now()
            for cell, found in back:
                this.keep(*rows_of(this, cell._replace(undone_at=undone_at), found))
    except (ClusterError, NotRestored) as error:
        missing = [*(w for w in before if w not in told), *(cell.writer for cell in never)]
        not_measured(this, NODE_LOST, missing, number, error)
        return
    _wait_ready(this, node)
    for cell in never:
        with or_why(this, cell.writer.target, [NODE_LOST], [number]):
            later = recovery.first_record(run, cell.writer, cell.before, fault_at, undone_at)
            found = find(this, cell._replace(first=later))
            this.keep(*rows_of(this, cell._replace(undone_at=undone_at), found))


def _wait(
    this: Experiment, node: str, before: Mapping[Writer, Before], fault_at: float
) -> tuple[Step, ...]:
    """Wait until each writer writes elsewhere, or the limit is over; the taint's steps."""
    plan, steps = this.run.plan, list[Step]()
    after, tainted = plan.out_of_service_after_seconds, False
    while (gone := now() - fault_at) < plan.recovery_limit_seconds:
        if all(recovery.next_ack(one, was, fault_at) for one, was in before.items()):
            break
        if after is not None and gone >= after:
            with suppress(Conflict):  # somebody else writes on the node: the next look
                there = out_of_service.put(this.run.cluster, node)
                if there and not tainted:
                    steps.append(Step(now(), "out of service", None, node))
                tainted = there
        if this.stop.wait(LOOK_SECONDS):
            raise recovery.Stopped
    return tuple(steps)


def _wait_ready(this: Experiment, node: str) -> None:
    """Give a node that is up again time to be Ready: what comes next may need it."""
    limit = this.run.plan.start_limit_seconds
    deadline = time.monotonic() + limit
    while not is_ready(verbs.get(this.run.cluster, "Node", node)):
        if time.monotonic() > deadline:
            said = f"node {node} is not Ready {limit} s after {NODE_LOST}; the storms go on"
            this.report(Progress(this.run.run_id, said))
            return
        if this.stop.wait(LOOK_SECONDS):
            raise recovery.Stopped
