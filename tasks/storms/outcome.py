"""One storm on one volume, and what its rows say of it. Only computes."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from tasks.plan.plan import Storm
from tasks.storms.ledger import Verdict
from tasks.storms.observer import Ack
from tasks.storms.timeline import Step, pending_reason, steps
from tasks.storms.writers import Rig, Target

STEPS = ("old pod gone", "new pod created", "scheduled", "volume ready", "container started")


class Before(NamedTuple):
    """The writer as the fault found it, and every pod that the volume had had until then."""

    pod: str
    life: int
    node: str
    rate: float
    pods: frozenset[str]


class Course(NamedTuple):
    """One storm on one volume: how it was, when the fault came, and who wrote first again."""

    rig: Rig
    storm: Storm
    round: int
    before: Before
    fault_at: float
    first: Ack | None
    mended_at: float | None = None
    pending: str | None = None

    @property
    def mended(self) -> str:
        """What gives a node back to its pods."""
        return "uncordon" if self.storm == "drain" else "repair"


def measured_row(
    course: Course, verdict: Verdict | None, read_on: str | None, clock_error_seconds: float
) -> dict[str, Any]:
    """The row of the table `storms` for a storm; without a verdict where it was not read back."""
    node_after = node_of(course.rig, course.first) if course.first else None
    way = way_back(course)
    row = cell_row(course.rig.target, course.storm, course.round, status="measured")
    row |= course.rig.row | times(course)
    if verdict is not None:
        row |= {
            "kept": verdict.kept,
            "acknowledged_records": verdict.acknowledged,
            "lost_records": len(verdict.lost),
            "torn_records": verdict.torn,
            "unexpected_records": verdict.unexpected,
        }
    row |= {
        "came_back": came_back(course, node_after),
        "node_before": course.before.node,
        "node_after": node_after,
        "verified_on": read_on,
        "fault_at": datetime.fromtimestamp(course.fault_at, UTC),
        "writes_per_second": course.before.rate,
        "clock_error_seconds": clock_error_seconds,
    }
    for step in way:
        if step.event in STEPS:
            row[f"{step.event.replace(' ', '_')}_seconds"] = step.at - course.fault_at
    message = course.pending or next((s.message for s in way if s.event == "pending"), None)
    if message:
        row |= {"pending_message": message, "pending_reason": pending_reason(message)}
    return row


def cell_row(target: Target, storm: Storm, number: int, **columns: str) -> dict[str, Any]:
    """The columns that tell a cell of the table `storms` from the others."""
    return {**target._asdict(), "storm": storm, "round": number, **columns}


def times(course: Course) -> dict[str, float | None]:
    """The seconds of a course; see the table's columns for what each means."""
    observer, mended = course.rig.observer, course.mended_at
    held = None if mended is None else mended - course.fault_at
    if course.first is None:
        return {"hold_seconds": held, "away_seconds": held}
    back_at = observer.at(course.first)
    old = (ack for ack in list(observer.acks) if ack.pod in course.before.pods - {course.first.pod})
    both = max((observer.at(ack) - back_at for ack in old), default=0.0)
    times: dict[str, float | None] = {
        "recovery_seconds": back_at - course.fault_at,
        "overlap_seconds": max(0.0, both),
        "hold_seconds": held,
    }
    if mended is not None:
        times["away_seconds"] = min(back_at, mended) - course.fault_at
        times["return_seconds"] = back_at - mended if back_at > mended else None
    return times


def came_back(course: Course, node_after: str | None) -> str:
    """Where the writer came back, as the table says it."""
    if course.first is None:
        return "never"
    mended = course.mended_at
    if mended is not None and course.rig.observer.at(course.first) >= mended:
        return f"after {course.mended}"
    return "same node" if node_after == course.before.node else "other node"


def node_of(rig: Rig, ack: Ack) -> str | None:
    """The node of the pod that acknowledged a record, also when the pod is gone by now."""
    for event in reversed(list(rig.observer.events)):
        if event.pod["metadata"]["name"] == ack.pod and event.pod["spec"].get("nodeName"):
            return str(event.pod["spec"]["nodeName"])
    return None


def way_back(course: Course) -> list[Step]:
    """Every step of a course in order, from the fault on, its last and first records included."""
    observer, before = course.rig.observer, course.before
    way = steps(list(observer.events), course.fault_at, before.pod)
    way.append(Step(course.fault_at, "fault", before.pod, before.node))
    own = [a for a in list(observer.acks) if (a.pod, a.life) == (before.pod, before.life)]
    if course.first in own:
        own = own[: own.index(course.first)]
    if own:
        way.append(Step(observer.at(own[-1]), "last record", before.pod, before.node))
    if course.mended_at is not None:
        taken, given = ("cordoned", "uncordoned") if course.storm == "drain" else ("down", "up")
        way.append(Step(course.fault_at, taken, None, before.node))
        way.append(Step(course.mended_at, given, None, before.node))
    if course.first is not None:
        node = node_of(course.rig, course.first)
        way.append(Step(observer.at(course.first), "first record", course.first.pod, node))
    return sorted(way, key=lambda step: step.at)


def event_row(course: Course, step: Step) -> dict[str, Any]:
    """A step's row of the table `storm_events`."""
    return {
        "volume": course.rig.volume,
        "storm": course.storm,
        "round": course.round,
        "at": datetime.fromtimestamp(step.at, UTC),
        "offset_seconds": step.at - course.fault_at,
        "event": step.event,
        "pod": step.pod,
        "node": step.node,
        "message": step.message,
    }
