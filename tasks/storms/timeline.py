"""A storm's course, from what was observed: only computes."""

import re
from typing import Any, NamedTuple

from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import container_state, container_status
from tasks.storms.observer import PodEvent

# The meaning, not the wording: it differs between Kubernetes versions (1.23 to 1.34 were compared).
# `Multi-Attach error for volume …` of before is `Waiting for detach for volume …` in 1.37.
MULTI_ATTACH = re.compile(
    r"multi-attach|waiting for detach|volume is already (used by pod|exclusively attached)",
    re.IGNORECASE,
)
REASONS = (
    (
        r"volume node affinity conflict|PersistentVolume's node affinity|volume zone"
        r"|\[VolumeBinding\]",
        "volume node affinity",
    ),
    (MULTI_ATTACH.pattern, "multi-attach"),
    (r"node affinity/selector|node selector|node affinity|\[NodeAffinity\]", "node selector"),
    (r"unschedulable", "unschedulable nodes"),
)


class Step(NamedTuple):
    """One moment of a storm: `at` in seconds since the epoch, by the client's clock."""

    at: float
    event: str
    pod: str | None = None
    node: str | None = None
    message: str | None = None


def pending_reason(message: str) -> str:
    """The class of the cluster's words on why a pod stays Pending."""
    for pattern, reason in REASONS:
        if re.search(pattern, message, re.IGNORECASE):
            return reason
    return "other"


def multi_attach_seconds(way: list[Step]) -> float | None:
    """How long another node kept the volume from a new pod, of steps in order; None if none did.

    Until it was attached or written to; where neither came, until the last step that was seen.
    """
    began = next((step.at for step in way if step.event == "multi-attach error"), None)
    if began is None:
        return None
    ends = (s.at for s in way if s.event in ("attached", "first record") and s.at >= began)
    return next(ends, way[-1].at) - began


def steps(events: list[PodEvent], fault_at: float, old_pod: str) -> list[Step]:
    """The way back, from the pod events after a fault, each step at its first appearance.

    `old_pod` is the UID of the pod that the fault met.
    """
    found: dict[str, Step] = {}

    def saw(event: PodEvent, name: str, message: str | None = None) -> None:
        meta, spec = event.pod["metadata"], event.pod["spec"]
        step = Step(event.at, name, meta["name"], spec.get("nodeName"), message)
        found.setdefault(name, step)

    restarts, earlier = 0, set()
    for event in events:
        pod = event.pod["metadata"]["uid"]
        old = pod == old_pod
        if event.at < fault_at:
            restarts = _restarts(event.pod) if old else restarts
            earlier.add(pod)
            continue
        if old:
            if event.type == "DELETED":
                saw(event, "old pod gone")
            elif _running(event.pod) and _restarts(event.pod) > restarts:
                saw(event, "container started")
            continue
        if event.type == "DELETED" or pod in earlier:  # one of an earlier storm, on its way out
            continue
        saw(event, "new pod created")
        if event.pod["spec"].get("nodeName"):
            saw(event, "scheduled")
        elif message := _unschedulable(event.pod):
            saw(event, "pending", message)
        if _condition(event.pod, "PodReadyToStartContainers").get("status") == "True":
            saw(event, "volume ready")
        if _running(event.pod):
            saw(event, "container started")
    return sorted(found.values())


def _condition(pod: Obj, kind: str) -> dict[str, Any]:
    conditions = pod["status"].get("conditions") or []
    return next((dict(c) for c in conditions if c["type"] == kind), {})


def _unschedulable(pod: Obj) -> str | None:
    condition = _condition(pod, "PodScheduled")
    return condition.get("message") if condition.get("reason") == "Unschedulable" else None


def _running(pod: Obj) -> bool:
    return "running" in container_state(pod)


def _restarts(pod: Obj) -> int:
    return int(container_status(pod).get("restartCount", 0))
