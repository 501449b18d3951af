"""Waiting for a Job's pod, and saying in the cluster's own words why it does not come."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tasks.kubernetes import verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, WaitTimedOut
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.objects import Items, Obj

# Of the reasons why the kubelet starts no container, those that it does not try again itself.
FINAL = ("InvalidImageName", "ErrImageNeverPull")
# A registry's words, or its name server's, for what is not there or not for everybody: told so as
# often, the image's name is wrong. Whatever else keeps an image away may pass.
NO_SUCH_IMAGE = re.compile(
    "not found|no such host|manifest unknown|name unknown|does not exist|no match for platform"
    "|unauthorized|authentication required|denied|forbidden",
    re.I,
)
MOST_PULLS = 2
LIMIT_RANGER = "kubernetes.io/limit-ranger"
QUEUE = "kueue.x-k8s.io/queue-name"
# What it calls the end of a container that the node's runtime could not run.
NEVER_STARTED = ("StartError", "ContainerCannotRun")


class PodFailed(ClusterError):
    """The pod of a Job cannot run, did not run in time, or was lost."""


class PodLost(PodFailed):
    """Somebody took the pod away: deleted, evicted, preempted, or lost with its node."""


def of_job(job: str) -> str:
    """The label selector of a Job's pods."""
    return f"batch.kubernetes.io/job-name={job}"


def wait_started(
    cluster: Cluster, job: str, limit_seconds: float, waits: Callable[[str], object] = str
) -> Obj:
    """Wait until the container of a Job's pod runs or has ended; returns the pod.

    `waits` is told what the kubelet tries again. Raises PodFailed with the reason: what it does not
    try again and an image that is not there as soon as that is known, anything else after
    `limit_seconds`.
    """

    def started(items: Items) -> Obj | None:
        for pod in items.values():
            if why := cannot_start(cluster, pod):
                raise PodFailed(why)
            if why := waits_for(pod):
                waits(why)
            state = container_state(pod)
            if "running" in state or "terminated" in state:
                return pod
        return None

    try:
        return watches.wait(
            cluster,
            "Pod",
            started,
            what=f"start of the pod of Job {job}",
            limit_seconds=limit_seconds,
            label=of_job(job),
        )
    except WaitTimedOut as error:
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
        return watches.wait(
            cluster,
            "Pod",
            ended,
            what=f"end of the pod of Job {job}",
            limit_seconds=limit_seconds,
            label=of_job(job),
        )
    except WaitTimedOut as error:
        raise PodFailed(str(error)) from error


def how_ended(cluster: Cluster, terminated: Obj, pod: Obj) -> str:
    """How a container ended, in the cluster's words: OOMKilled, exit code, message, its limit."""
    reason, message = terminated.get("reason"), terminated.get("message")
    words = f"its container ended: {reason or 'no reason'}, exit code {terminated.get('exitCode')}"
    limits = _container(pod).get("resources", {}).get("limits", {})
    if reason == "OOMKilled" and "memory" in limits:
        words += f", its memory limit is {limits['memory']}{_of_limit_range(cluster, pod)}"
    return f"{words}: {message.strip()}" if message else words


def _of_limit_range(cluster: Cluster, pod: Obj) -> str:
    """Which LimitRange gave the container its memory limit, where the API server says that one did.

    It writes on the pod what it set, and not by which.
    """
    said = (pod["metadata"].get("annotations") or {}).get(LIMIT_RANGER, "")
    given = (part for part in said.split(";") if part.endswith(f" limit for container {CONTAINER}"))
    if not any("memory" in part for part in given):
        return ""
    names: list[str] = []
    with suppress(ClusterError):  # which no run needs the right to list
        names = [one["metadata"]["name"] for one in verbs.find(cluster, "LimitRange")]
    which = f"LimitRange {' or '.join(names)}" if names else "a LimitRange"
    return f", of {which}: plan field pod.resources may state another"


def container_status(pod: Obj) -> dict[str, Any]:
    """What the kubelet says of our container; empty before it says anything."""
    statuses: list[Obj] = pod.get("status", {}).get("containerStatuses") or []
    return next((status for status in statuses if status["name"] == CONTAINER), {})


def container_state(pod: Obj) -> dict[str, Any]:
    """The state of our container, as waiting, running or terminated; empty before any."""
    state: dict[str, Any] = container_status(pod).get("state") or {}
    return state


def image_id(pod: Obj) -> str | None:
    """What the node ran under the image's name: a digest, or the runtime's own id; None if unsaid.

    A tag may name another image tomorrow, and on another node.
    """
    return str(container_status(pod).get("imageID") or "") or None


def has_ended(pod: Obj) -> bool:
    """Whether a Job's pod has done its work; a container beside ours may go on for ever."""
    ended = pod["status"].get("phase") in ("Succeeded", "Failed")
    return ended or "terminated" in container_state(pod)


def _container(pod: Obj) -> Obj:
    containers: list[Obj] = pod["spec"]["containers"]
    return next((one for one in containers if one["name"] == CONTAINER), {})


def cannot_start(cluster: Cluster, pod: Obj) -> str | None:
    """Why a pod's container will not start however long one waits; None if it may."""
    state, name = container_state(pod), pod["metadata"]["name"]
    reason, ended = state.get("waiting", {}).get("reason"), state.get("terminated", {})
    if reason in FINAL:
        return waits_for(pod)
    if reason == "ImagePullBackOff" and (said := _no_such_image(cluster, name)):
        return _without_image(pod, f"{reason}: {said}")
    if ended.get("reason") in NEVER_STARTED:
        return f"pod {name} did not start: {ended['reason']}: {ended.get('message', 'no message')}"
    return None


def _no_such_image(cluster: Cluster, pod: str) -> str | None:
    """The kubelet's words, once it was told MOST_PULLS times that there is no such image."""
    told = [
        event
        for event in verbs.find(cluster, "Event", field=f"involvedObject.name={pod},reason=Failed")
        if NO_SUCH_IMAGE.search(event["message"])
    ]
    if sum(event.get("count") or 1 for event in told) < MOST_PULLS:
        return None
    return str(told[-1]["message"])


def waits_for(pod: Obj) -> str | None:
    """What keeps a pod's container from its start, in the kubelet's words; None if nothing does."""
    waiting = container_state(pod).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message")
    if not message and reason not in FINAL:  # as while a container is created
        return None
    words = f"{reason}: {message or 'no message'}"
    if "Image" in reason:
        return _without_image(pod, words)
    return f"pod {pod['metadata']['name']} does not start: {words}"


def _without_image(pod: Obj, words: str) -> str:
    image = _container(pod).get("image")
    return (
        f"pod {pod['metadata']['name']} cannot start with image {image}: {words.rstrip('.')}. "
        "Check the image's name and that the nodes may pull it."
    )


def why_not(cluster: Cluster, label: str, owner: str) -> str:
    """What the cluster says of a labelled pod that does not run.

    The kubelet's reason, else a condition; then events. Where there is no pod, the events of its
    workload. Empty when it says nothing.
    """
    pods = verbs.find(cluster, "Pod", label=label)
    pods.sort(key=lambda pod: "deletionTimestamp" in pod["metadata"])  # the one that goes last
    if not pods:
        words = [*_suspended(cluster, owner), *last_warnings(cluster, owner)]
        return "; ".join(words) or "no pod was created"
    why = waits_for(pods[0])
    words = (
        [why]
        if why
        else [
            condition["message"]
            for condition in pods[0]["status"].get("conditions", [])
            if condition["status"] == "False" and condition.get("message")
        ][:1]
    )
    for warning in last_warnings(cluster, pods[0]["metadata"]["name"]):
        if not any(known in warning for known in words):
            words.append(warning)
    return "; ".join(words)


def _suspended(cluster: Cluster, job: str) -> list[str]:
    """That a Job is suspended, as by a webhook that queues it, and what is known of by whom."""
    found: list[Obj] = []
    with suppress(ClusterError):
        found = verbs.find(cluster, "Job", field=f"metadata.name={job}")
    if not any(one["spec"].get("suspend") for one in found):
        return []
    labels = found[0]["metadata"].get("labels") or {}
    by = found[0]["spec"].get("managedBy") or (
        f"Kueue, queue {labels[QUEUE]}" if QUEUE in labels else ""
    )
    admits = f"{by or 'what suspends Jobs here, such as Kueue,'} has not admitted it"
    return [f"Job {job} is suspended: {admits}. Plan field pod.labels may name a queue ({QUEUE})"]


def last_warnings(cluster: Cluster, name: str, most: int = 2) -> list[str]:
    """The newest messages of Warning events about an object, `reason: message`, newest first."""
    events = verbs.find(cluster, "Event", field=f"involvedObject.name={name},type=Warning")
    events.sort(key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""), reverse=True)
    return [f"{event['reason']}: {event['message']}" for event in events[:most]]


# Pod Security Standard `restricted`; root only where a volume lets no other user write.
NOBODY, ROOT = 65534, 0
