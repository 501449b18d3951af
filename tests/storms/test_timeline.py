"""A storm's course, from the pod events of a watch."""

from typing import Any

import pytest

from tasks.storms.observer import PodEvent
from tasks.storms.timeline import Step, multi_attach_seconds, pending_reason, steps

FAULT = 1000.0
WAITING = "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had no room."


def pod(name: str, node: str | None = None, *conditions: dict[str, str], **status: Any) -> Any:
    return {
        "metadata": {"name": name, "uid": name},
        "spec": {"nodeName": node} if node else {},
        "status": {"conditions": list(conditions)} | status,
    }


def container(**states: Any) -> list[dict[str, Any]]:
    return [{"name": "stormark", **states}]


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": WAITING,
}
MOUNTED = {"type": "PodReadyToStartContainers", "status": "True"}
RUNNING = {"containerStatuses": container(state={"running": {}})}


def test_a_pod_of_an_earlier_storm_is_not_the_new_one() -> None:
    """It still ends when the next fault comes, as on a node that was down."""
    ending = pod("earlier", "w2", MOUNTED, **RUNNING)
    before = [
        PodEvent(FAULT - 9, "ADDED", ending),
        PodEvent(FAULT - 1, "MODIFIED", pod("old", "w1", MOUNTED, **RUNNING)),
    ]
    after = [
        PodEvent(FAULT + 1, "MODIFIED", ending),
        PodEvent(FAULT + 2, "DELETED", ending),
        PodEvent(FAULT + 3, "ADDED", pod("new", "w3", MOUNTED, **RUNNING)),
    ]
    found = steps(before + after, FAULT, "old")
    assert {step.pod for step in found} == {"new"}
    assert {step.at for step in found} == {FAULT + 3}
    assert {step.pod for step in steps(after, FAULT, "old")} == {"earlier"}  # it would be taken


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


def restarted(at: float, times: int, **state: Any) -> PodEvent:
    """The old pod, whose container was started again so many times."""
    statuses = container(state=state, restartCount=times)
    return PodEvent(at, "MODIFIED", pod("old", "w1", containerStatuses=statuses))


def test_a_container_that_was_started_again() -> None:
    """The pod stays; its container runs once it has left its back-off."""
    events = [
        restarted(FAULT - 1, 1, running={}),
        restarted(FAULT + 1, 1, terminated={}),
        restarted(FAULT + 2, 2, waiting={"reason": "CrashLoopBackOff"}),
        restarted(FAULT + 3, 2, running={}),
    ]
    assert steps(events, FAULT, "old") == [Step(FAULT + 3, "container started", "old", "w1")]


def test_a_container_that_an_earlier_storm_restarted_is_no_step_of_this_one() -> None:
    """A pod that is deleted right after still runs for a moment."""
    events = [restarted(FAULT - 0.5, 1, running={}), restarted(FAULT + 0.1, 1, running={})]
    assert steps(events, FAULT, "old") == []


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
        (
            available(
                "1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [VolumeBinding]"
            ),
            "volume node affinity",
        ),
        (
            available(
                "1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]"
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


@pytest.mark.parametrize(
    "words",
    [
        'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) old',
        'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
        'Waiting for detach for volume "pvc-1" Volume is already used by pod(s) old',  # 1.37
    ],
)
def test_a_volume_that_another_node_has(words: str) -> None:
    assert pending_reason(f"FailedAttachVolume: {words}") == "multi-attach"
    assert pending_reason("FailedAttachVolume: rpc error: the array is away") == "other"


@pytest.mark.parametrize(
    ("way", "seconds"),
    [
        ({"attached": 9.0, "first record": 11.0}, None),
        ({"multi-attach error": 2.0, "attached": 9.0, "first record": 11.0}, 7.0),
        ({"attached": 1.0, "multi-attach error": 2.0, "first record": 11.0}, 9.0),
        ({"multi-attach error": 2.0, "up": 30.0}, 28.0),
    ],
)
def test_how_long_another_node_kept_it(way: dict[str, float], seconds: float | None) -> None:
    """Until it was attached or, where that was not seen, written to; else as long as one looked."""
    assert multi_attach_seconds([Step(at, event) for event, at in way.items()]) == seconds
