"""Waiting for a Job's pod, and saying in the cluster's own words why it does not come."""

from typing import Any

from tasks import cluster as k8s
from tasks.cluster import Cluster, ClusterError, Items, Obj

# Reasons that the kubelet gives once it has tried: waiting longer does not mend them.
CANNOT_START = (
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
# What it calls the end of a container that the node's runtime could not run.
NEVER_STARTED = ("StartError", "ContainerCannotRun")


class PodFailed(ClusterError):
    """The pod of a Job cannot run, did not run in time, or was lost."""


class PodLost(PodFailed):
    """Somebody took the pod away: deleted, evicted, preempted, or lost with its node."""


def of_job(job: str) -> str:
    """The label selector of a Job's pods."""
    return f"batch.kubernetes.io/job-name={job}"


def wait_started(cluster: Cluster, job: str, limit_seconds: float) -> Obj:
    """Wait until the container of a Job's pod runs or has ended; returns the pod.

    Raises PodFailed with the reason: an image that cannot be pulled at once, anything else after
    `limit_seconds`.
    """

    def started(items: Items) -> Obj | None:
        for pod in items.values():
            if why := cannot_start(pod):
                raise PodFailed(why)
            state = container_state(pod)
            if "running" in state or "terminated" in state:
                return pod
        return None

    try:
        return k8s.wait(
            cluster,
            "Pod",
            started,
            what=f"start of the pod of Job {job}",
            limit_seconds=limit_seconds,
            label=of_job(job),
        )
    except k8s.WaitTimedOut as error:
        why = why_not(cluster, of_job(job), job) or "the cluster gives no reason"
        raise PodFailed(f"{error}: {why}") from error


def wait_ended(cluster: Cluster, job: str, limit_seconds: float) -> Obj:
    """Wait until the container of a Job's pod has ended; returns its terminated state.

    Raises PodLost when the pod is taken away: by the Job's own deadline as well.
    """

    def ended(items: Items) -> dict[str, Any] | None:
        for pod in items.values():
            status = pod["status"]
            if reason := status.get("reason"):
                raise PodLost(f"the pod of Job {job} is lost: {reason}: {status.get('message')}")
            if "deletionTimestamp" in pod["metadata"]:
                raise PodLost(f"the pod of Job {job} is being deleted")
            if terminated := container_state(pod).get("terminated"):
                return dict(terminated)
        if not items:
            raise PodLost(f"the pod of Job {job} is gone: it was deleted, or its time was up")
        return None

    try:
        return k8s.wait(
            cluster,
            "Pod",
            ended,
            what=f"end of the pod of Job {job}",
            limit_seconds=limit_seconds,
            label=of_job(job),
        )
    except k8s.WaitTimedOut as error:
        raise PodFailed(str(error)) from error


def container_state(pod: Obj) -> dict[str, Any]:
    """The state of a pod's container, as waiting, running or terminated; empty before any."""
    statuses = pod["status"].get("containerStatuses") or [{}]
    state: dict[str, Any] = statuses[0].get("state") or {}
    return state


def cannot_start(pod: Obj) -> str | None:
    """Why a pod's container will not start however long one waits; None if it may."""
    state, name = container_state(pod), pod["metadata"]["name"]
    waiting, ended = state.get("waiting", {}), state.get("terminated", {})
    image = pod["spec"]["containers"][0]["image"]
    if waiting.get("reason") in CANNOT_START:
        return (
            f"pod {name} cannot start with image {image}: {waiting['reason']}: "
            f"{waiting.get('message', 'no message')}. "
            "Check the image's name and that the nodes may pull it."
        )
    if ended.get("reason") in NEVER_STARTED:
        return f"pod {name} did not start: {ended['reason']}: {ended.get('message', 'no message')}"
    return None


def why_not(cluster: Cluster, label: str, owner: str) -> str:
    """What the cluster says of a labelled pod that does not run: its condition, then events.

    Where there is no pod, the events of its Job or Deployment. Empty when it says nothing.
    """
    pods = k8s.find(cluster, "Pod", label=label)
    if not pods:
        return "; ".join(last_warnings(cluster, owner)) or "no pod was created"
    words = [
        condition["message"]
        for condition in pods[0]["status"].get("conditions", [])
        if condition["status"] == "False" and condition.get("message")
    ][:1]
    for warning in last_warnings(cluster, pods[0]["metadata"]["name"]):
        if not any(known in warning for known in words):
            words.append(warning)
    return "; ".join(words)


def last_warnings(cluster: Cluster, name: str, most: int = 2) -> list[str]:
    """The newest messages of Warning events about an object, `reason: message`, newest first."""
    events = k8s.find(cluster, "Event", field=f"involvedObject.name={name},type=Warning")
    events.sort(key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""), reverse=True)
    return [f"{event['reason']}: {event['message']}" for event in events[:most]]
