"""Drains: which pods they evict, and what a PodDisruptionBudget does to them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import Blocked
from tasks.kubernetes.objects import Items, Obj
from tasks.lifecycle.progress import Progress
from tasks.storms import faults, recovery
from tests.storms.ground import Ground, event_rows, new_namespace, storm_rows
from tests.storms.test_refused_writes import fill_up

NODE = "w2"
ON_NODE = {"kubernetes.io/hostname": NODE}
PLAN: dict[str, Any] = {
    "storage_classes": ["local-path"],
    "storm_volumes": ["local"],
    "storm_nodes": f"kubernetes.io/hostname={NODE}",
    "hold_seconds": 1,
    "recovery_limit_seconds": 60,
    "writes_per_second": 20,
}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few records are enough before a fault, and a refusal is told soon."""
    monkeypatch.setattr(k8s, "RETRIES", k8s.RETRIES.new(total=2))
    monkeypatch.setattr(recovery, "SETTLE_SECONDS", 0.3)


@pytest.fixture
def others(ground: Ground) -> Iterator[Cluster]:  # noqa: ARG001 - sets $KUBECONFIG
    """A namespace of somebody else, with one pod of a Deployment and a bare one on the node."""
    with new_namespace() as cluster:
        verbs.create(cluster, {"kind": "Pod", "apiVersion": "v1", **pod_of("bare")})
        meta, selector = {"name": "theirs"}, {"matchLabels": {"app": "theirs"}}
        spec = {"replicas": 1, "selector": selector, "template": pod_of("theirs")}
        kind = {"kind": "Deployment", "apiVersion": "apps/v1"}
        verbs.create(cluster, {**kind, "metadata": meta, "spec": spec})
        watches.wait(cluster, "Pod", two_run, what="start of two pods", limit_seconds=60)
        yield cluster


def pod_of(name: str) -> Obj:
    container = {"name": "c", "image": "busybox", "command": ["sleep", "3600"]}
    spec = {
        "containers": [container],
        "nodeSelector": ON_NODE,
        "terminationGracePeriodSeconds": 1,
    }
    return {"metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def two_run(items: Items) -> bool | None:
    return [p["status"].get("phase") for p in items.values()] == ["Running"] * 2 or None


def uids(cluster: Cluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in verbs.find(cluster, "Pod")}


def test_by_default_only_the_runs_own_pods_are_evicted(
    ground: Ground, others: Cluster, tmp_path: Path
) -> None:
    before = uids(others)
    known = ground.run_storms(tmp_path, **PLAN, storms=["drain"])
    assert [row["came_back"] for row in storm_rows(known)] == ["after uncordon"]
    assert uids(others) == before


def test_a_full_drain_evicts_every_pod_of_the_node(
    ground: Ground, others: Cluster, tmp_path: Path
) -> None:
    """Those that nothing would start again, too, as kubectl drain --force."""
    before = uids(others)
    known = ground.run_storms(tmp_path, **PLAN, storms=["drain"], drain="full")
    assert [row["came_back"] for row in storm_rows(known)] == ["after uncordon"]
    assert uids(others).isdisjoint(before)


def test_a_budget_of_others_keeps_its_pod_and_no_other(
    ground: Ground, others: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's outage is measured, the budget is named, and the node is given back."""
    theirs = {"matchLabels": {"app": "theirs"}}
    body = {"metadata": {"name": "never"}, "spec": {"maxUnavailable": 0, "selector": theirs}}
    budgets(ground).create_namespaced_pod_disruption_budget(others.namespace, body)
    before = {p["metadata"]["name"]: p["metadata"]["uid"] for p in verbs.find(others, "Pod")}
    (kept,) = (name for name in before if name.startswith("theirs"))
    monkeypatch.setattr(faults, "evict_beside", partial(for_a_moment, faults.evict_beside))
    known = ground.run_storms(tmp_path, **PLAN, storms=["drain"], drain="full")
    assert [row["came_back"] for row in storm_rows(known)] == ["after uncordon"]
    assert uids(others) & set(before.values()) == {before[kept]}
    (stayed,) = (event for event in event_rows(known) if event["event"] == "not evicted")
    assert stayed["pod"] == f"{others.namespace}/{kept}"
    assert "The disruption budget never needs" in stayed["message"]
    assert "unschedulable" not in verbs.get(ground.cluster, "Node", NODE)["spec"]


def for_a_moment(evict: Callable[..., Any], cluster: Cluster, pods: list[Obj], limit: float) -> Any:
    assert limit == PLAN["recovery_limit_seconds"]
    return evict(cluster, pods, 0.5)


def test_a_budget_that_forbids_is_a_failed_drain_and_the_node_is_uncordoned(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other storms are measured; the reason is the server's."""
    forbid_evictions(ground)
    evict = faults.evict

    def evict_for_a_moment(cluster: Cluster, pods: list[Obj], limit_seconds: float) -> None:
        assert limit_seconds == PLAN["recovery_limit_seconds"]
        evict(cluster, pods, 0.5)

    monkeypatch.setattr(faults, "evict", evict_for_a_moment)
    known = ground.run_storms(tmp_path, **PLAN, storms=["drain", "pod-delete"])
    found = {row["storm"]: row for row in storm_rows(known)}
    assert found["pod-delete"]["kept"] is True
    assert found["drain"]["status"] == "failed"
    assert "Cannot evict pod as it would violate" in found["drain"]["error"]
    assert "unschedulable" not in verbs.get(ground.cluster, "Node", NODE)["spec"]


def test_a_budget_that_gives_way_delays_the_drain(ground: Ground, tmp_path: Path) -> None:
    """An eviction is asked for again until the budget allows it."""
    forbid_evictions(ground)
    refused: list[str] = []

    def refuse_once(cluster: Cluster, pod: str) -> None:
        try:
            evict(cluster, pod)
        except Blocked as error:
            refused.append(str(error))
            budgets(ground).delete_namespaced_pod_disruption_budget("stay", cluster.namespace)
            raise

    evict = verbs.evict
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "evict", refuse_once)
        known = ground.run_storms(tmp_path, **PLAN, storms=["drain"])
    assert len(refused) == 1
    assert [row["kept"] for row in storm_rows(known)] == [True]


def test_a_writer_that_falls_silent_before_a_drain_ends_no_other(
    ground: Ground, tmp_path: Path
) -> None:
    """Its cell says why; the other volume of the node is measured, and the next storm as well."""

    def silence(progress: Progress) -> None:
        if progress.step.startswith("drain of"):
            (writer,) = (
                pod["metadata"]["name"]
                for pod in verbs.find(ground.cluster, "Pod")
                if "hostpath" in pod["metadata"]["name"]
            )
            fill_up(ground, writer)

    known = ground.run_storms(
        tmp_path,
        report=silence,
        **PLAN | {"storm_volumes": ["hostPath-pinned", "local"], "recovery_limit_seconds": 5},
        storms=["drain"],
    )
    found = {row["volume"]: row for row in storm_rows(known)}
    assert found["hostPath-pinned"]["status"] == "failed"
    assert "its writer says: dd: " in found["hostPath-pinned"]["error"]
    assert found["local"]["came_back"] == "after uncordon"


def forbid_evictions(ground: Ground) -> None:
    """A budget by which every pod of a run has to stay."""
    ours = {"matchLabels": {"app.kubernetes.io/managed-by": "stormark"}}
    body = {"metadata": {"name": "stay"}, "spec": {"minAvailable": 1, "selector": ours}}
    budgets(ground).create_namespaced_pod_disruption_budget(ground.cluster.namespace, body)


def budgets(ground: Ground) -> Any:
    return client.PolicyV1Api(ground.cluster.api)
