"""What is said of a pod that does not come, or that ends before its work is done."""

import pytest

from tasks.kubernetes import pods
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import PodFailed
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, pod

EVENTS = "/api/v1/namespaces/bench/events"
LIMITS = "/api/v1/namespaces/bench/limitranges"
KILLED = {"reason": "OOMKilled", "exitCode": 137}


def why_no_pod(api: Api, job: Obj) -> str:
    api.script("GET", PODS, Answer.items([]))
    api.script("GET", JOBS, Answer.items([job]))
    api.script("GET", EVENTS, Answer.items([]))
    with pytest.raises(PodFailed) as failed:
        pods.wait_started(api.cluster, "a", 0)
    return str(failed.value)


def a_job(*, suspend: bool, **labels: str) -> Obj:
    return {"metadata": {"name": "a", "labels": labels}, "spec": {"suspend": suspend}}


@pytest.mark.parametrize(
    ("labels", "by"),
    [
        ({}, "what suspends Jobs here, such as Kueue, has not admitted it"),
        ({"kueue.x-k8s.io/queue-name": "night"}, "Kueue, queue night has not admitted it"),
    ],
)
def test_a_job_that_is_suspended_is_said_to_be(api: Api, labels: dict[str, str], by: str) -> None:
    """Its pod comes once somebody admits it; a Job that is not has another reason."""
    said = why_no_pod(api, a_job(suspend=True, **labels))
    assert said.startswith(
        "start of the pod of Job a did not happen within 0 s: Job a is suspended"
    )
    assert by in said
    assert "pod.labels" in said
    api.answers.clear()
    assert "suspended" not in why_no_pod(api, a_job(suspend=False, **labels))


def oom(api: Api, annotations: dict[str, str]) -> str:
    killed = pod("terminated")
    killed["metadata"]["annotations"] = annotations
    killed["spec"]["containers"] = [
        {"name": "istio-proxy", "resources": {"limits": {"memory": "1Gi"}}},
        {"name": CONTAINER, "resources": {"limits": {"memory": "128Mi"}}},
    ]
    return pods.how_ended(api.cluster, KILLED, killed)


def test_a_limit_that_a_limit_range_gave_is_told_with_its_name(api: Api) -> None:
    """The API server writes on a pod what it was given; the plan's own limit is nobody else's."""
    api.script("GET", LIMITS, Answer.items([{"metadata": {"name": "small"}}]))
    ended = "its container ended: OOMKilled, exit code 137, its memory limit is 128Mi"
    assert oom(api, {}) == ended
    assert api.requests == []
    given = f"LimitRanger plugin set: cpu request for container {CONTAINER}; cpu, memory limit for "
    ours = {"kubernetes.io/limit-ranger": given + f"container {CONTAINER}"}
    assert oom(api, ours) == (
        f"{ended}, of LimitRange small: plan field pod.resources may state another"
    )
    other = {"kubernetes.io/limit-ranger": given + "container istio-proxy"}
    assert oom(api, other) == ended


def test_limit_ranges_that_may_not_be_listed_have_no_name(api: Api) -> None:
    api.script("GET", LIMITS, Answer.refusal(403, "Forbidden"))
    words = f"LimitRanger plugin set: memory limit for container {CONTAINER}"
    assert "128Mi, of a LimitRange: " in oom(api, {"kubernetes.io/limit-ranger": words})
