"""A storm's course, from the pod events of a watch."""

from typing import Any

import pytest

from tasks.observer import PodEvent
from tasks.timeline import Step, pending_reason, steps

FAULT = 1000.0
WAITING = "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had no room."


def pod(name: str, node: str | None = None, *conditions: dict[str, str], **status: Any) -> Any:
    return {
        "metadata": {"name": name},
        "spec": {"nodeName": node} if node else {},
        "status": {"conditions": list(conditions)} | status,
    }


def container(**states: Any) -> list[dict[str, Any]]:
    return [{"name": "writer", **states}]


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": WAITING,
}
MOUNTED = {"type": "PodReadyToStartContainers", "status": "True"}
RUNNING = {"containerStatuses": container(state={"running": {}})}


def test_a_pod_that_waited_for_its_node() -> None:
    """Each step at its first appearance, with the pod's name, its node and the cluster's words."""
    assert steps(
        [
            PodEvent(FAULT - 1, "MODIFIED", pod("old", "w1", MOUNTED, **RUNNING)),
            PodEvent(FAULT + 1, "ADDED", pod("new")),
            PodEvent(FAULT + 2, "MODIFIED", pod("new", None, UNSCHEDULABLE)),
            PodEvent(FAULT + 3, "DELETED", pod("old", "w1")),
            PodEvent(FAULT + 4, "MODIFIED", pod("new", None, UNSCHEDULABLE)),
            PodEvent(FAULT + 5, "MODIFIED", pod("new", "w1")),
            PodEvent(FAULT + 6, "MODIFIED", pod("new", "w1", MOUNTED)),
            PodEvent(FAULT + 7, "MODIFIED", pod("new", "w1", MOUNTED, **RUNNING)),
            PodEvent(FAULT + 8, "MODIFIED", pod("new", "w1", MOUNTED, **RUNNING)),
        ],
        FAULT,
        "old",
    ) == [
        Step(FAULT + 1, "new pod created", "new"),
        Step(FAULT + 2, "pending", "new", None, WAITING),
        Step(FAULT + 3, "old pod gone", "old", "w1"),
        Step(FAULT + 5, "scheduled", "new", "w1"),
        Step(FAULT + 6, "volume ready", "new", "w1"),
        Step(FAULT + 7, "container started", "new", "w1"),
    ]


@pytest.mark.parametrize(
    ("ended", "started"),
    [("1970-01-01T00:16:40Z", True), ("1970-01-01T00:16:30Z", False)],
    ids=["by the fault", "long before"],
)
def test_a_container_that_was_started_again(ended: str, started: bool) -> None:
    """The pod stays; what counts is that its container ended at the fault, and runs."""
    again = container(
        state={"running": {}}, lastState={"terminated": {"finishedAt": ended}}, restartCount=1
    )
    event = PodEvent(FAULT + 1, "MODIFIED", pod("old", "w1", containerStatuses=again))
    expected = [Step(FAULT + 1, "container started", "old", "w1")] if started else []
    assert steps([event], FAULT, "old") == expected


def test_a_container_that_waits_to_be_started_again() -> None:
    """It has not started yet."""
    waiting = container(
        state={"waiting": {"reason": "CrashLoopBackOff"}},
        lastState={"terminated": {"finishedAt": "1970-01-01T00:16:40Z"}},
    )
    event = PodEvent(FAULT + 1, "MODIFIED", pod("old", "w1", containerStatuses=waiting))
    assert steps([event], FAULT, "old") == []


def test_a_pod_that_is_gone_at_once_was_not_created() -> None:
    """Only what there is after the fault is on the way back."""
    assert steps([PodEvent(FAULT + 1, "DELETED", pod("older", "w1"))], FAULT, "old") == []


def available(reasons: str, ending: str = "") -> str:
    return f"0/3 nodes are available: {reasons}.{ending}"


PREEMPTION = (
    " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    " no new claims to deallocate"
)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            available("1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict"),
            "volume node affinity",
        ),
        (
            available(
                "1 node(s) were unschedulable, 2 node(s) didn't match PersistentVolume's node "
                "affinity",
                PREEMPTION,
            ),
            "volume node affinity",
        ),
        (
            available("1 node(s) were unschedulable, 2 node(s) had no available volume zone"),
            "volume node affinity",
        ),
        (
            available("1 node(s) were unschedulable, 2 node(s) didn't match node selector"),
            "node selector",
        ),
        (
            available("1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity"),
            "node selector",
        ),
        (
            available(
                "1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector",
                PREEMPTION,
            ),
            "node selector",
        ),
        (available("3 node(s) were unschedulable"), "unschedulable nodes"),
        (
            available(
                "3 node(s) had taint {node.kubernetes.io/unschedulable: }, that the pod didn't "
                "tolerate"
            ),
            "unschedulable nodes",
        ),
        (
            'FailedAttachVolume: Multi-Attach error for volume "pvc-1" Volume is already '
            "exclusively attached to one node and can't be attached to another",
            "multi-attach",
        ),
        (
            "containers with unready status: [writer]; FailedAttachVolume: Multi-Attach error for "
            'volume "pvc-1" Volume is already used by pod(s) web-1',
            "multi-attach",
        ),
        (available("3 node(s) had untolerated taint {gpu: true}"), "other"),
        (available("3 Insufficient cpu"), "other"),
        ("pod has unbound immediate PersistentVolumeClaims", "other"),
        ("", "other"),
    ],
)
def test_the_reason_of_waiting_is_the_same_in_every_version(message: str, reason: str) -> None:
    """Wordings of Kubernetes 1.19 to 1.34; what holds the pod to its node comes first."""
    assert pending_reason(message) == reason
