"""To which node a volume is attached while storms go on, and what kept it from the next one."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Event, Thread
from typing import NamedTuple

from tasks.kubernetes import verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import Forbidden
from tasks.kubernetes.objects import Obj
from tasks.storms.clock import now
from tasks.storms.outcome import Outcome
from tasks.storms.timeline import MULTI_ATTACH, Step


class Change(NamedTuple):
    """A PV was seen attached to a node, or no longer, at so many seconds since the epoch."""

    at: float
    volume: str
    node: str
    attached: bool


def watch(cluster: Cluster, stop: Event) -> Sequence[Change]:
    """Every change of a VolumeAttachment until `stop` is set, watched in a thread.

    There are none where the account may not look at VolumeAttachments.
    """
    changes, attached = list[Change](), set[str]()

    def look() -> None:
        with suppress(Forbidden):
            for kind, one in watches.watch(cluster, "VolumeAttachment", label="", stop=stop):
                name, spec = one["metadata"]["name"], one["spec"]
                is_attached = kind != "DELETED" and bool(one.get("status", {}).get("attached"))
                volume = spec["source"].get("persistentVolumeName")
                if volume and is_attached is not (name in attached):
                    changes.append(Change(now(), volume, spec["nodeName"], is_attached))
                    attached.symmetric_difference_update({name})

    # a daemon: its last watch may hang, and nobody waits for it
    Thread(target=look, name="attachments", daemon=True).start()
    return changes


def steps(cluster: Cluster, changes: Sequence[Change], outcome: Outcome) -> list[Step]:
    """When the volume of a storm left its old node and came to the new one, and what kept it.

    None of a volume without a PVC, or whose driver attaches nothing.
    """
    source = outcome.writer.source.get("persistentVolumeClaim")
    if source is None:
        return []
    claim = verbs.get(cluster, "PersistentVolumeClaim", source["claimName"])
    mine = [c for c in list(changes) if c.volume == claim["spec"].get("volumeName")]
    found = [*_moved(mine, outcome), *_refused(cluster, outcome)]
    return sorted(found, key=lambda step: step.at)


def _moved(changes: Sequence[Change], outcome: Outcome) -> Iterator[Step]:
    """The first detachment from the old node, and the first attachment, since the fault."""
    since = [change for change in changes if change.at >= outcome.fault_at]
    old = (c for c in since if not c.attached and c.node == outcome.before.node)
    for event, change in (
        ("detached", next(old, None)),
        ("attached", next((c for c in since if c.attached), None)),
    ):
        if change is not None:
            yield Step(change.at, event, None, change.node)


def _refused(cluster: Cluster, outcome: Outcome) -> Iterator[Step]:
    """The cluster's words of a new pod whose volume another node still has.

    They have the cluster's time in whole seconds; not before the pod was seen to have a node.
    """
    scheduled: dict[str, tuple[float, str, str]] = {}
    for event in list(outcome.writer.observer.events):
        meta, node = event.pod["metadata"], event.pod["spec"].get("nodeName")
        if meta["uid"] not in outcome.before.pods and node:
            scheduled.setdefault(meta["uid"], (event.at, meta["name"], node))
    for one in verbs.find(cluster, "Event", field="reason=FailedAttachVolume"):
        pod = one["involvedObject"].get("uid")
        if pod in scheduled and MULTI_ATTACH.search(one["message"]):
            at, name, node = scheduled[pod]
            yield Step(max(at, _time_of(one)), "multi-attach error", name, node, one["message"])


def _time_of(event: Obj) -> float:
    said = event.get("firstTimestamp") or event.get("eventTime")
    return datetime.fromisoformat(said).timestamp() if said else 0.0
