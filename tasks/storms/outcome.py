"""One storm on one volume, and what its rows say of it. Only computes."""

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

from tasks.plan.plan import Storm
from tasks.results.storm_columns import EventRow, Status, StormRow
from tasks.storms.ledger import Verdict
from tasks.storms.observer import Ack
from tasks.storms.timeline import Step, multi_attach_seconds, pending_reason, steps
from tasks.storms.writers import Target, Writer

# A writer is steady at so much of the rate that it had before, and is watched for so long.
STEADY, STEADY_LIMIT_SECONDS = 0.9, 60.0
MUSL = {
    "I/O error": "EIO",
    "Quota exceeded": "EDQUOT",
    "Operation timed out": "ETIMEDOUT",
}
STEPS = (
    "out of service", "old pod gone", "new pod created", "scheduled", "detached", "attached",
    "volume ready", "container started",
)  # fmt: skip


class Before(NamedTuple):
    """The writer as the fault found it, and every pod that the volume had had until then.

    `rate` is that of its last `records`. `pod` is a name, which the next pod of a StatefulSet has
    too; `uid` and `pods` tell them apart.
    """

    pod: str
    uid: str
    life: int
    node: str
    rate: float
    pods: frozenset[str]
    records: int
    image_id: str | None = None


class Outcome(NamedTuple):
    """One storm on one volume: how it was, when the fault came, and who wrote first again.

    `beside` is what happened on the node to others, and to the volume.
    """

    writer: Writer
    storm: Storm
    round: int
    before: Before
    fault_at: float
    first: Ack | None
    undone_at: float | None = None
    pending: str | None = None
    beside: tuple[Step, ...] = ()

    @property
    def undoing(self) -> str:
        """What gives a node back to its pods."""
        return "uncordon" if self.storm == "drain" else "repair"


def measured_row(
    outcome: Outcome, verdict: Verdict | None, read_on: str | None, clock_error_seconds: float
) -> StormRow:
    """The row of the table `storms` for a storm; without a verdict where it was not read back."""
    node_after = node_of(outcome.writer, outcome.first) if outcome.first else None
    way = way_back(outcome)
    refusals = [why for at, why in outcome.writer.observer.refusals if at >= outcome.fault_at]
    message = outcome.pending or next((s.message for s in way if s.event == "pending"), None)
    row = replace(
        cell_row(outcome.writer.target, outcome.storm, outcome.round, "measured"),
        **outcome.writer.pv._asdict(),
        **times(outcome),
        **_seconds_to(way, outcome.fault_at),
        came_back=came_back(outcome, node_after),
        node_before=outcome.before.node,
        node_after=node_after,
        image_id=outcome.before.image_id,
        verified_on=read_on,
        fault_at=datetime.fromtimestamp(outcome.fault_at, UTC),
        writes_per_second=outcome.before.rate,
        multi_attach_seconds=multi_attach_seconds(way),
        clock_error_seconds=clock_error_seconds,
        write_errors=", ".join(dict.fromkeys(map(error_name, refusals))) or None,
        pending_message=message or None,
        pending_reason=pending_reason(message) if message else None,
    )
    return row if verdict is None else _judged(row, outcome, verdict)


def _judged(row: StormRow, outcome: Outcome, verdict: Verdict) -> StormRow:
    """The row with what is there of the records, and what is not."""
    observer, lost = outcome.writer.observer, set(verdict.lost)
    lost_at = [observer.at(a) for a in list(observer.acks) if (a.writer, a.number) in lost]
    return replace(
        row,
        kept=verdict.kept,
        acknowledged_records=verdict.acknowledged,
        lost_records=len(verdict.lost),
        lost_seconds=lost_seconds(lost_at, outcome.fault_at),
        torn_records=verdict.torn,
        unexpected_records=verdict.unexpected,
        read_back=verdict.read_back,
        pages_written=verdict.pages.written,
        pages_lost=len(verdict.pages.lost),
        pages_torn=len(verdict.pages.torn),
        cold_damaged=None if verdict.cold_damaged is None else bool(verdict.cold_damaged),
        unsynced_records=verdict.unsynced,
        unsynced_lost_records=len(verdict.unsynced_lost),
    )


def _seconds_to(way: list[Step], fault_at: float) -> dict[str, Any]:
    """How long after the fault each step of a pod's way back was, by its column."""
    return {
        f"{step.event.replace(' ', '_')}_seconds": step.at - fault_at
        for step in way
        if step.event in STEPS
    }


def error_name(words: str) -> str:
    """The name of the error that dd's words end with, as EIO; the words where it has none.

    glibc and musl have other words for some.
    """
    said = words.rpartition(": ")[2]
    names = {os.strerror(number): name for number, name in errno.errorcode.items()}
    return (names | MUSL).get(said, said)


def cell_row(
    target: Target, storm: Storm, number: int, status: Status, error: str | None = None
) -> StormRow:
    """The row of a cell that says which one it is, and how it ended."""
    return StormRow(**target._asdict(), storm=storm, round=number, status=status, error=error)


def times(outcome: Outcome) -> dict[str, Any]:
    """The seconds of a outcome; see the table's columns for what each means."""
    observer, undone = outcome.writer.observer, outcome.undone_at
    held = None if undone is None else undone - outcome.fault_at
    if outcome.first is None:
        return {"hold_seconds": held, "away_seconds": held}
    back_at = observer.at(outcome.first)
    old = (
        ack for ack in list(observer.acks) if ack.pod in outcome.before.pods - {outcome.first.pod}
    )
    both = max((observer.at(ack) - back_at for ack in old), default=0.0)
    before = [at for ack in list(observer.acks) if (at := observer.at(ack)) < back_at]
    times: dict[str, float | None] = {
        "recovery_seconds": back_at - outcome.fault_at,
        "gap_seconds": back_at - max(before) if before else None,
        **_steadiness(outcome, back_at),
        "overlap_seconds": max(0.0, both),
        "hold_seconds": held,
    }
    if undone is not None:
        times["away_seconds"] = min(back_at, undone) - outcome.fault_at
        times["return_seconds"] = back_at - undone if back_at > undone else None
        if (outcome.first.pod, outcome.first.life) == (outcome.before.uid, outcome.before.life):
            arrived = [ack.arrived for ack in list(observer.acks)]
            times["unseen_seconds"] = unseen_seconds(arrived, outcome.fault_at)
    return times


def _steadiness(outcome: Outcome, back_at: float) -> dict[str, float | None]:
    """When the writer was as fast as before again, and its longest pause from its return on."""
    observer, first = outcome.writer.observer, outcome.first
    own = [observer.at(a) for a in list(observer.acks) if first and a.writer == first.writer]
    after = [at for at in own if back_at <= at <= back_at + STEADY_LIMIT_SECONDS]
    steady = steady_at(after, outcome.before)
    pauses = [b - a for a, b in pairwise(after) if steady is None or b <= steady]
    return {
        "steady_seconds": None if steady is None else steady - outcome.fault_at,
        "longest_pause_seconds": max(pauses, default=None),
    }


def steady_at(after: list[float], before: Before) -> float | None:
    """When a writer was as fast as before: the end of the first so many records that were.

    As many as the rate before was taken of; `after` are the times of records in order.
    """
    span = before.records - 1
    enough = span / (before.rate * STEADY) if before.rate else inf
    ends = (end for start, end in zip(after, after[span:], strict=False) if end - start <= enough)
    return next(ends, None)


def unseen_seconds(arrived: list[float], fault_at: float) -> float | None:
    """The longest time from a fault on in which no record arrived; None where none came later."""
    return max((b - a for a, b in pairwise(sorted(arrived)) if b >= fault_at), default=None)


def lost_seconds(at: list[float], fault_at: float) -> float:
    """How much time's records are lost; `at` is when each lost one was acknowledged."""
    return max(*at, fault_at) - min(at) if at else 0.0


def came_back(outcome: Outcome, node_after: str | None) -> str:
    """Where the writer came back, as the table says it."""
    if outcome.first is None:
        return "never"
    undone = outcome.undone_at
    if undone is not None and outcome.writer.observer.at(outcome.first) >= undone:
        return f"after {outcome.undoing}"
    return "same node" if node_after == outcome.before.node else "other node"


def node_of(writer: Writer, ack: Ack) -> str | None:
    """The node of the pod that acknowledged a record, also when the pod is gone by now."""
    return _name_and_node(writer, ack)[1]


def _name_and_node(writer: Writer, ack: Ack) -> tuple[str | None, str | None]:
    for event in reversed(list(writer.observer.events)):
        meta, node = event.pod["metadata"], event.pod["spec"].get("nodeName")
        if meta["uid"] == ack.pod and node:
            return str(meta["name"]), str(node)
    return None, None


def way_back(outcome: Outcome) -> list[Step]:
    """Every step of a outcome in order, from the fault on, its last and first records included."""
    observer, before = outcome.writer.observer, outcome.before
    way = steps(list(observer.events), outcome.fault_at, before.uid)
    way += [Step(outcome.fault_at, "fault", before.pod, before.node), *outcome.beside]
    own = [a for a in list(observer.acks) if (a.pod, a.life) == (before.uid, before.life)]
    if outcome.first in own:
        own = own[: own.index(outcome.first)]
    if own:
        way.append(Step(observer.at(own[-1]), "last record", before.pod, before.node))
    if outcome.undone_at is not None:
        taken, given = ("cordoned", "uncordoned") if outcome.storm == "drain" else ("down", "up")
        way.append(Step(outcome.fault_at, taken, None, before.node))
        way.append(Step(outcome.undone_at, given, None, before.node))
    if outcome.first is not None:
        pod, node = _name_and_node(outcome.writer, outcome.first)
        way.append(Step(observer.at(outcome.first), "first record", pod, node))
    return sorted(way, key=lambda step: step.at)


def event_row(outcome: Outcome, step: Step) -> EventRow:
    """A step's row of the table `storm_events`."""
    return EventRow(
        volume=outcome.writer.volume,
        storm=outcome.storm,
        round=outcome.round,
        at=datetime.fromtimestamp(step.at, UTC),
        offset_seconds=step.at - outcome.fault_at,
        event=step.event,
        pod=step.pod,
        node=step.node,
        message=step.message,
    )
