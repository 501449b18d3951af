"""A StatefulSet of one replica: one pod name, never two pods of it. A Deployment is the twin."""

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from .kube import FOREVER, Kube, is_ready, pod_spec
from .test_owners import create_owner

# It ends as late as its grace allows, so that it can be seen what is made meanwhile.
LINGERS = pod_spec('trap "" TERM; while true; do sleep 0.1; done', terminationGracePeriodSeconds=3)


def first(kube: Kube) -> Any:
    (pod,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    return pod


def most_at_once(kube: Kube, before: str) -> int:
    """How many pods there are at once at the most until one other than `before` is ready."""
    most = 0

    def replaced(pods: list[Any]) -> bool:
        nonlocal most
        most = max(most, len(pods))
        return any(is_ready(pod) and pod.metadata.uid != before for pod in pods)

    kube.pods(replaced)
    return most


def test_a_deleted_pod_is_waited_out_and_its_name_used_again(kube: Kube) -> None:
    kube.create_stateful_set("s", LINGERS)
    pod = first(kube)
    assert pod.metadata.name == "s-0"
    assert pod.metadata.labels["statefulset.kubernetes.io/pod-name"] == "s-0"
    kube.core.delete_namespaced_pod("s-0", kube.namespace)
    assert most_at_once(kube, pod.metadata.uid) == 1
    assert first(kube).metadata.name == "s-0"


def test_the_next_pod_of_a_deployment_waits_for_none(kube: Kube) -> None:
    """The twin: the same deletion, and two pods at once."""
    kube.create_deployment("s", LINGERS)
    pod = first(kube)
    kube.core.delete_namespaced_pod(pod.metadata.name, kube.namespace)
    assert most_at_once(kube, pod.metadata.uid) == 2


def test_a_pod_that_is_deleted_by_force_is_replaced_at_once(kube: Kube) -> None:
    kube.create_stateful_set("s", LINGERS)
    pod = first(kube)
    kube.core.delete_namespaced_pod("s-0", kube.namespace, grace_period_seconds=0)
    again = kube.pod("s-0", lambda new: new.metadata.uid != pod.metadata.uid and is_ready(new))
    assert again.metadata.owner_references[0].kind == "StatefulSet"


def test_it_goes_with_its_owner_and_its_pod_with_it(kube: Kube) -> None:
    reference = create_owner(kube)
    kube.create_stateful_set("s", pod_spec(FOREVER), ownerReferences=[reference])
    first(kube)
    kube.core.delete_namespaced_config_map("run", kube.namespace)
    kube.wait(kube.apps.list_namespaced_stateful_set, lambda found: not found)
    kube.pods(lambda pods: not pods)


def test_one_whose_selector_misses_its_template_is_refused(kube: Kube) -> None:
    template = {"metadata": {"labels": {"app": "other"}}, "spec": pod_spec(FOREVER)}
    spec = {"serviceName": "s", "selector": {"matchLabels": {"app": "s"}}, "template": template}
    with pytest.raises(ApiException) as refused:
        kube.apps.create_namespaced_stateful_set(
            kube.namespace, {"metadata": {"name": "s"}, "spec": spec}
        )
    assert refused.value.status == 422
    assert "`selector` does not match template `labels`" in str(refused.value.body)
