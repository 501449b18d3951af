from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from .kube import FOREVER, Kube, is_phase, is_ready, pod_spec


def create_owner(kube: Kube) -> dict[str, object]:
    """A ConfigMap, and the reference by which others name it as their owner."""
    body = {"metadata": {"name": "run"}}
    owner = kube.core.create_namespaced_config_map(kube.namespace, body)
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "run", "uid": owner.metadata.uid}


def create_owned(kube: Kube, reference: dict[str, object]) -> None:
    """A claim, a Job and a Deployment that belong to the ConfigMap."""
    owned = {"metadata": {"ownerReferences": [reference]}}
    kube.create_claim("data", "local-path")
    kube.core.patch_namespaced_persistent_volume_claim("data", kube.namespace, owned)
    kube.create_job("j", FOREVER)
    kube.batch.patch_namespaced_job("j", kube.namespace, owned)
    kube.create_deployment("d", pod_spec(FOREVER, claim="data"))
    kube.apps.patch_namespaced_deployment("d", kube.namespace, owned)
    kube.pods(lambda pods: len(pods) == 2 and all(map(is_ready, pods)))


def wait_until_all_gone(kube: Kube) -> None:
    kube.wait(kube.batch.list_namespaced_job, lambda jobs: not jobs)
    kube.wait(kube.apps.list_namespaced_deployment, lambda found: not found)
    kube.wait(kube.apps.list_namespaced_replica_set, lambda found: not found)
    kube.pods(lambda pods: not pods)
    kube.claim_gone("data")


def test_deleting_the_owner_collects_everything(kube: Kube) -> None:
    create_owned(kube, create_owner(kube))
    kube.core.delete_namespaced_config_map("run", kube.namespace)
    wait_until_all_gone(kube)


def test_foreground_deletion_keeps_the_owner_until_all_is_gone(kube: Kube) -> None:
    reference = create_owner(kube)
    create_owned(kube, reference | {"blockOwnerDeletion": True})
    kube.core.delete_namespaced_config_map(
        "run", kube.namespace, body={"propagationPolicy": "Foreground"}
    )
    kube.wait(
        kube.core.list_namespaced_config_map,
        lambda found: not any(m.metadata.name == "run" for m in found),
    )
    assert kube.batch.list_namespaced_job(kube.namespace).items == []
    assert kube.apps.list_namespaced_deployment(kube.namespace).items == []


def test_orphaning_deletion_leaves_the_owned(kube: Kube) -> None:
    reference = create_owner(kube)
    metadata = {"name": "owned", "ownerReferences": [reference]}
    kube.core.create_namespaced_config_map(kube.namespace, {"metadata": metadata})
    kube.core.delete_namespaced_config_map(
        "run", kube.namespace, body={"propagationPolicy": "Orphan"}
    )
    kube.wait(
        kube.core.list_namespaced_config_map,
        lambda found: any(
            m.metadata.name == "owned" and not m.metadata.owner_references for m in found
        ),
    )


def test_object_of_an_owner_that_never_was_is_collected(kube: Kube) -> None:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "never",
        "uid": "3f1c0f0e-1f4e-4a2f-9d35-7b4f3a1f0c55",
    }
    metadata = {"name": "owned", "ownerReferences": [reference]}
    kube.core.create_namespaced_config_map(kube.namespace, {"metadata": metadata})
    kube.wait(
        kube.core.list_namespaced_config_map,
        lambda found: not any(m.metadata.name == "owned" for m in found),
    )


def test_deleted_namespace_takes_its_content_along(kube: Kube) -> None:
    name = f"{kube.namespace}-inner"
    inner = Kube(kube.api_client, name)
    inner.create_namespace()
    inner.create_claim("data", "local-path")
    inner.create_pod("p", pod_spec(FOREVER, claim="data"))
    inner.pod("p", is_ready)
    volume = inner.claim("data", is_phase("Bound")).spec.volume_name
    held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    kube.core.create_namespaced_config_map(name, held)
    kube.core.delete_namespace(name)
    with pytest.raises(ApiException) as refused:
        kube.core.create_namespaced_config_map(name, {"metadata": {"name": "late"}})
    assert refused.value.status == 403
    expected = f"unable to create new content in namespace {name} because it is being terminated"
    assert expected in str(refused.value.body)
    inner.pods(lambda pods: not pods)
    assert kube.core.read_namespace(name).status.phase == "Terminating"
    release = {"metadata": {"finalizers": None}}
    kube.core.patch_namespaced_config_map("held", name, release)
    kube.wait(
        kube.core.list_namespace,
        lambda found: not found,
        field_selector=f"metadata.name={name}",
    )
    kube.wait(
        kube.core.list_persistent_volume,
        lambda found: not found,
        field_selector=f"metadata.name={volume}",
    )


def test_rollout_replaces_the_pods_by_those_of_the_new_template(kube: Kube) -> None:
    kube.create_deployment("d", pod_spec(FOREVER))
    (first,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    patch = {"spec": {"template": {"metadata": {"annotations": {"round": "2"}}}}}
    kube.apps.patch_namespaced_deployment("d", kube.namespace, patch)
    (second,) = kube.pods(
        lambda pods: (
            len(pods) == 1
            and is_ready(pods[0])
            and pods[0].metadata.uid != first.metadata.uid
            and pods
        )
    )
    assert second.metadata.annotations == {"round": "2"}
    deployment = kube.wait(
        kube.apps.list_namespaced_deployment,
        lambda found: (
            found[0].status.updated_replicas == 1
            and found[0].status.unavailable_replicas is None
            and found[0].status.replicas == 1
            and found[0]
        ),
    )
    conditions = {c.type: c.reason for c in deployment.status.conditions}
    assert conditions["Available"] == "MinimumReplicasAvailable"
    assert len(kube.apps.list_namespaced_replica_set(kube.namespace).items) == 2


def test_scaling_to_none_ends_the_pods(kube: Kube) -> None:
    kube.create_deployment("d", pod_spec(FOREVER))
    kube.pods(lambda pods: pods and all(map(is_ready, pods)))
    kube.apps.patch_namespaced_deployment("d", kube.namespace, {"spec": {"replicas": 0}})
    kube.pods(lambda pods: not pods)


def test_recreate_ends_the_old_pod_before_it_starts_the_new(kube: Kube) -> None:
    labels = {"app": "d"}
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec(FOREVER)},
    }
    kube.apps.create_namespaced_deployment(
        kube.namespace, {"metadata": {"name": "d"}, "spec": spec}
    )
    (first,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    patch = {"spec": {"template": {"metadata": {"annotations": {"round": "2"}}}}}
    kube.apps.patch_namespaced_deployment("d", kube.namespace, patch)
    most = 0

    def replaced(pods: list[Any]) -> bool:
        nonlocal most
        most = max(most, sum(pod.status.phase not in ("Succeeded", "Failed") for pod in pods))
        return any(is_ready(p) and p.metadata.uid != first.metadata.uid for p in pods)

    kube.pods(replaced)
    assert most == 1
