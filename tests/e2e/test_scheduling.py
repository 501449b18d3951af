import pytest
from kubernetes.client.exceptions import ApiException

from .kube import CORDONED, FOREVER, Kube, is_phase, is_ready, pod_spec
from .test_exec import execute

# One after the other: what the scheduler says of all nodes changes while one of them is cordoned.
pytestmark = pytest.mark.xdist_group("cordon")

PREEMPTION = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."


def affinity(**kinds: object) -> dict[str, object]:
    """A pod's affinity to nodes: required, preferred or both."""
    rules = {f"{kind}DuringSchedulingIgnoredDuringExecution": rule for kind, rule in kinds.items()}
    return {"nodeAffinity": rules}


def node_affinity(**term: object) -> dict[str, object]:
    return affinity(required={"nodeSelectorTerms": [term]})


def test_node_selector_chooses_the_node(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER, nodeSelector={"kubernetes.io/hostname": "w2"}))
    pod = kube.pod("p", is_ready)
    assert pod.spec.node_name == "w2"
    event = kube.event("p", "Scheduled")
    assert event.message == f"Successfully assigned {kube.namespace}/p to w2"


def test_affinity_chooses_by_label_and_by_name(kube: Kube) -> None:
    labelled = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["w3"]}
    named = {"key": "metadata.name", "operator": "In", "values": ["w1"]}
    by_label = node_affinity(matchExpressions=[labelled])
    kube.create_pod("by-label", pod_spec(FOREVER, affinity=by_label))
    kube.create_pod("by-name", pod_spec(FOREVER, affinity=node_affinity(matchFields=[named])))
    assert kube.pod("by-label", is_ready).spec.node_name == "w3"
    assert kube.pod("by-name", is_ready).spec.node_name == "w1"


def test_affinity_with_several_expressions_needs_all_and_of_several_terms_one(kube: Kube) -> None:
    def hosts(operator: str, *names: str) -> dict[str, object]:
        return {"key": "kubernetes.io/hostname", "operator": operator, "values": [*names]}

    both = {"matchExpressions": [hosts("In", "w1", "w2"), hosts("NotIn", "w1")]}
    named = {"key": "metadata.name", "operator": "In", "values": ["w3"]}
    none = {"matchExpressions": [hosts("In", "w1", "w2")], "matchFields": [named]}
    required = {"nodeSelectorTerms": [none, both]}
    kube.create_pod("p", pod_spec(FOREVER, affinity=affinity(required=required)))
    assert kube.pod("p", is_ready).spec.node_name == "w2"


def test_preferred_affinity_chooses_by_weight_and_holds_nothing_back(kube: Kube) -> None:
    def prefer(node: str, weight: int) -> dict[str, object]:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        return {"weight": weight, "preference": {"matchExpressions": [expression]}}

    preferred = [prefer("w1", 1), prefer("w3", 100), prefer("no-such-node", 100)]
    kube.create_pod("p", pod_spec(FOREVER, affinity=affinity(preferred=preferred)))
    assert kube.pod("p", is_ready).spec.node_name == "w3"


def test_pod_for_no_node_says_why(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER, nodeSelector={"no": "such"}))
    event = kube.event("p", "FailedScheduling", of="affinity/selector")
    assert event.type == "Warning"
    assert event.message == (
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. "
        + PREEMPTION
    )
    pod = kube.pod("p", lambda p: p.status.conditions)
    (condition,) = pod.status.conditions
    assert (condition.type, condition.status) == ("PodScheduled", "False")
    assert (condition.reason, condition.message) == ("Unschedulable", event.message)


def test_cordoned_node_holds_the_pod_of_a_local_volume_until_uncordoned(kube: Kube) -> None:
    kube.create_claim("data", "local-path")
    command = "echo x >> data/f; echo written; " + FOREVER
    kube.create_deployment("writer", pod_spec(command, claim="data"))
    (first,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    assert kube.first_line(first.metadata.name) == "written"
    node = first.spec.node_name
    kube.cordon(node)
    kube.evict(first.metadata.name)
    name = kube.pods(
        lambda pods: next(
            (p.metadata.name for p in pods if p.metadata.uid != first.metadata.uid), None
        )
    )
    event = kube.event(name, "FailedScheduling")
    assert event.message == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match "
        "PersistentVolume's node affinity. " + PREEMPTION
    )
    kube.pod_gone(first.metadata.name)
    kube.uncordon(node)
    second = kube.pod(name, is_ready)
    assert second.spec.node_name == node
    assert kube.first_line(name) == "written"
    kube.create_pod("reader", pod_spec("wc -l < data/f", claim="data", restartPolicy="Never"))
    kube.pod("reader", is_phase("Succeeded"))
    assert kube.log("reader").strip() == "2"


def test_claim_of_one_pod_holds_the_next_until_the_first_has_ended_or_is_gone(kube: Kube) -> None:
    kube.create_claim("data", "local-path", "ReadWriteOncePod")
    until_told = pod_spec("until [ -e data/end ]; do sleep 0.1; done", claim="data")
    kube.create_pod("first", until_told | {"restartPolicy": "Never"})
    kube.pod("first", is_ready)
    kube.create_pod("second", pod_spec(FOREVER, claim="data"))
    event = kube.event("second", "FailedScheduling")
    assert event.message == (
        "0/3 nodes are available: 3 node(s) unavailable due to PersistentVolumeClaim with "
        "ReadWriteOncePod access mode already in-use by another pod. "
        "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
    )
    execute(kube, "first", "touch", "data/end")
    kube.pod("first", is_phase("Succeeded"))
    kube.pod("second", is_ready)
    kube.create_pod("third", pod_spec(FOREVER, claim="data"))
    assert kube.event("third", "FailedScheduling").message == event.message
    kube.core.delete_namespaced_pod("second", kube.namespace)
    kube.pod("third", is_ready)


def test_cordoned_node_is_tainted_and_its_pods_stay(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER, nodeSelector={"kubernetes.io/hostname": "w1"}))
    kube.pod("p", is_ready)
    kube.cordon("w1")
    (taint,) = kube.core.read_node("w1").spec.taints
    assert (taint.key, taint.effect) == (CORDONED, "NoSchedule")
    assert is_ready(kube.pod("p"))
    kube.uncordon("w1")
    kube.wait(
        kube.core.list_node,
        lambda nodes: nodes and not nodes[0].spec.taints,
        field_selector="metadata.name=w1",
    )


def test_toleration_lets_a_pod_onto_a_cordoned_node(kube: Kube) -> None:
    kube.cordon("w2")
    toleration = {"key": CORDONED, "operator": "Exists"}
    on_w2 = {"kubernetes.io/hostname": "w2"}
    kube.create_pod("p", pod_spec(FOREVER, nodeSelector=on_w2, tolerations=[toleration]))
    assert kube.pod("p", is_ready).spec.node_name == "w2"


def budget(kube: Kube, minimum: int) -> None:
    kube.policy.create_namespaced_pod_disruption_budget(
        kube.namespace,
        {
            "metadata": {"name": "keep"},
            "spec": {"minAvailable": minimum, "selector": {"matchLabels": {"app": "kept"}}},
        },
    )
    kube.wait(
        kube.policy.list_namespaced_pod_disruption_budget,
        lambda found: found and found[0].status and found[0].status.expected_pods == 1,
    )


def test_eviction_that_violates_a_budget_is_refused(kube: Kube) -> None:
    kube.create_deployment("kept", pod_spec(FOREVER))
    (pod,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    budget(kube, minimum=1)
    with pytest.raises(ApiException) as refused:
        kube.evict(pod.metadata.name)
    assert refused.value.status == 429
    assert "Cannot evict pod as it would violate the pod's disruption budget." in str(
        refused.value.body
    )
    expected = "The disruption budget keep needs 1 healthy pods and has 1 currently"
    assert expected in str(refused.value.body)
    assert is_ready(kube.pod(pod.metadata.name))


def test_eviction_within_the_budget_replaces_the_pod(kube: Kube) -> None:
    kube.create_deployment("kept", pod_spec(FOREVER))
    (pod,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    budget(kube, minimum=0)
    kube.wait(
        kube.policy.list_namespaced_pod_disruption_budget,
        lambda found: found[0].status.disruptions_allowed == 1,
    )
    kube.evict(pod.metadata.name)
    kube.pod_gone(pod.metadata.name)
    kube.pods(lambda pods: len(pods) == 1 and is_ready(pods[0]))
