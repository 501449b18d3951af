"""The controller of Jobs, with one completion and one pod at a time.

As in Kubernetes, pods carry a finalizer until they are counted, so that a pod which is deleted
while it runs counts as failed; its replacement starts while it is still terminating.
"""

import asyncio

from embedded.admission import admission
from embedded.controllers.workloads import active, children, create_pod, delete_pod
from embedded.node.recorder import record
from embedded.store.objects import (
    Object,
    condition_of,
    is_finished,
    is_ready,
    is_terminating,
    namespace_of,
    now,
    owner_uids,
    seconds_since,
    set_condition,
    uid_of,
)
from embedded.store.resources import JOBS, PODS
from embedded.store.store import Store

CONTROLLER = "job-controller"
TRACKING = "batch.kubernetes.io/job-tracking"
FIRST_BACKOFF_SECONDS = 10  # doubled by each failure, at most MAX_BACKOFF_SECONDS
MAX_BACKOFF_SECONDS = 600


async def run(store: Store) -> None:
    """Reconcile Jobs for ever, and let go of the pods of deleted ones."""
    with store.watch() as events:
        while True:
            event = await events.get()
            if event.resource is JOBS:
                for pod in children(store, PODS, event.object):
                    release_orphan(store, pod)
                reconcile(store, event.object)
            if event.resource is PODS:
                release_orphan(store, event.object)
                for job in store.items(JOBS, namespace_of(event.object)):
                    if uid_of(job) in owner_uids(event.object):
                        reconcile(store, job)


def release_orphan(store: Store, pod: Object) -> None:
    """Take the finalizer off a pod whose Job is gone or being deleted: nobody counts it."""
    current = store.current(PODS, pod)
    if current is None or TRACKING not in current["metadata"].get("finalizers", []):
        return
    jobs = [j for j in store.items(JOBS, namespace_of(pod)) if uid_of(j) in owner_uids(current)]
    if all(is_terminating(job) for job in jobs):
        store.change(PODS, current, lambda new: admission.remove_finalizer(new, TRACKING))


def reconcile(store: Store, seen: Object) -> None:
    """Run pods until one succeeds, too many fail, or the deadline passes."""
    job = store.current(JOBS, seen)
    if job is None or is_terminating(job):
        return
    if ended := condition_of(job, "Complete") or condition_of(job, "Failed"):
        _expire(store, job, ended["lastTransitionTime"])
        return
    if "startTime" not in job["status"]:
        job = store.change(JOBS, job, lambda new: new["status"].update(startTime=now()))
        if (deadline := job["spec"].get("activeDeadlineSeconds")) is not None:
            _again_in(deadline, store, job)
    job = _count_pods(store, job)
    pods = children(store, PODS, job)
    outcome = _outcome(job, pods)
    if outcome:
        for pod in active(pods):
            delete_pod(store, JOBS, job, pod, CONTROLLER)
        job = _count_pods(store, job)
    elif not active(pods):
        if (wait := _backoff(job, pods)) > 0:
            _again_in(wait, store, job)
        else:
            create_pod(store, JOBS, job, CONTROLLER, (TRACKING,))
    _report(store, job, children(store, PODS, job), outcome)


def _count_pods(store: Store, job: Object) -> Object:
    """Count each pod that ended, or that was told to, exactly once; return the Job as stored."""
    for pod in children(store, PODS, job):
        if TRACKING not in pod["metadata"].get("finalizers", []) or active([pod]):
            continue
        counter = "succeeded" if pod["status"]["phase"] == "Succeeded" else "failed"

        def count(new: Object, counter: str = counter) -> None:
            new["status"][counter] = new["status"].get(counter, 0) + 1

        job = store.change(JOBS, job, count)
        store.change(PODS, pod, lambda new: admission.remove_finalizer(new, TRACKING))
    return job


def _outcome(job: Object, pods: list[Object]) -> Object | None:
    """The interim condition once the Job's fate is decided, else None."""
    decided = condition_of(job, "FailureTarget") or condition_of(job, "SuccessCriteriaMet")
    if decided:
        return decided
    deadline = job["spec"].get("activeDeadlineSeconds")
    # Under restartPolicy OnFailure, restarts within the pods count as failures.
    restarts = sum(int(status["restartCount"]) for status in _containers(pods))
    if job["status"].get("succeeded"):
        kind, reason = "SuccessCriteriaMet", "CompletionsReached"
        message = "Reached expected number of succeeded pods"
    elif job["status"].get("failed", 0) + restarts > job["spec"]["backoffLimit"]:
        kind, reason = "FailureTarget", "BackoffLimitExceeded"
        message = "Job has reached the specified backoff limit"
    elif deadline is not None and seconds_since(job["status"]["startTime"]) >= deadline:
        kind, reason = "FailureTarget", "DeadlineExceeded"
        message = "Job was active longer than specified deadline"
    else:
        return None
    return {"type": kind, "status": "True", "reason": reason, "message": message}


def _containers(pods: list[Object]) -> list[Object]:
    return [status for pod in pods for status in pod["status"].get("containerStatuses", [])]


def _backoff(job: Object, pods: list[Object]) -> float:
    """Seconds until the next pod may start, counted from the last failed container's end."""
    states = [status["state"] for status in _containers(pods)]
    ends = [state["terminated"]["finishedAt"] for state in states if "terminated" in state]
    if not ends:
        return 0
    failures = job["status"].get("failed", 0)
    delay = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (failures - 1))
    return float(delay - seconds_since(max(ends)))


def _report(store: Store, job: Object, pods: list[Object], outcome: Object | None) -> None:
    running = active(pods)
    terminating = [pod for pod in pods if not is_finished(pod) and is_terminating(pod)]
    success = outcome is not None and outcome["type"] == "SuccessCriteriaMet"
    finished = outcome is not None and not running and not terminating

    def report(new: Object) -> None:
        status = new["status"]
        status |= {"ready": sum(map(is_ready, running)), "terminating": len(terminating)}
        status.pop("active", None)
        if running:
            status["active"] = len(running)
        if outcome:
            set_condition(status, outcome)
        if outcome and finished:
            final = {key: outcome[key] for key in ("status", "reason", "message")}
            set_condition(status, {"type": "Complete" if success else "Failed"} | final)
            if success:
                status["completionTime"] = now()

    store.change(JOBS, job, report)
    if outcome and finished:
        reason, message = outcome["reason"], outcome["message"]
        if success:
            reason, message = "Completed", "Job completed"
        record(store, JOBS, job, reason, message, component=CONTROLLER, warning=not success)


def _expire(store: Store, job: Object, ended: str) -> None:
    """Delete a finished Job when its ttlSecondsAfterFinished is over."""
    if (ttl := job["spec"].get("ttlSecondsAfterFinished")) is None:
        return
    left = ttl - seconds_since(ended)
    if left <= 0:
        admission.delete(store, JOBS, job, propagation="Foreground")
    else:
        _again_in(left, store, job)


def _again_in(seconds: float, store: Store, job: Object) -> None:
    asyncio.get_running_loop().call_later(seconds, reconcile, store, job)
