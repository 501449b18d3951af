import pytest
from kubernetes.client.exceptions import ApiException

from .kube import FOREVER, Kube, is_phase, is_ready, pod_spec


def test_waiting_claim_binds_where_its_first_pod_runs(kube: Kube) -> None:
    kube.create_claim("data", "local-path")
    waiting = kube.event("data", "WaitForFirstConsumer")
    assert waiting.message == "waiting for first consumer to be created before binding"
    assert kube.claim("data", is_phase("Pending")).spec.volume_name is None
    kube.create_pod("user", pod_spec("echo kept > data/file", claim="data", restartPolicy="Never"))
    pod = kube.pod("user", is_phase("Succeeded"))
    claim = kube.claim("data", is_phase("Bound"))
    volume = kube.core.read_persistent_volume(claim.spec.volume_name)
    (term,) = volume.spec.node_affinity.required.node_selector_terms
    (expression,) = term.match_expressions
    assert (expression.key, expression.values) == ("kubernetes.io/hostname", [pod.spec.node_name])
    assert claim.status.capacity == {"storage": "16Mi"}
    assert volume.spec.host_path.type == "DirectoryOrCreate"
    annotations = claim.metadata.annotations
    assert annotations["volume.kubernetes.io/selected-node"] == pod.spec.node_name


def test_immediate_claim_binds_without_a_pod(kube: Kube) -> None:
    kube.create_claim("shared", "nfs-client", "ReadWriteMany")
    claim = kube.claim("shared", is_phase("Bound"))
    volume = kube.core.read_persistent_volume(claim.spec.volume_name)
    assert volume.spec.node_affinity is None
    assert volume.status.phase == "Bound"
    assert volume.spec.claim_ref.uid == claim.metadata.uid
    assert claim.metadata.annotations["pv.kubernetes.io/bind-completed"] == "yes"


def test_shared_volume_keeps_data_from_node_to_node(kube: Kube) -> None:
    kube.create_claim("shared", "nfs-client", "ReadWriteMany")
    on_w1 = pod_spec("echo from-w1 > data/file", claim="shared", restartPolicy="Never")
    kube.create_pod("writer", on_w1 | {"nodeName": "w1"})
    kube.pod("writer", is_phase("Succeeded"))
    on_w2 = pod_spec("cat data/file", claim="shared", restartPolicy="Never")
    kube.create_pod("reader", on_w2 | {"nodeName": "w2"})
    kube.pod("reader", is_phase("Succeeded"))
    assert kube.log("reader") == "from-w1\n"


def test_a_sub_path_is_a_folder_of_the_volume(kube: Kube) -> None:
    """Which is made, and shows nothing of what is beside it."""
    kube.create_claim("shared", "nfs-client", "ReadWriteMany")
    whole = pod_spec("echo theirs > data/file", claim="shared", restartPolicy="Never")
    kube.create_pod("writer", whole)
    kube.pod("writer", is_phase("Succeeded"))
    inside = pod_spec("ls -A data; cd data && pwd -P", claim="shared", restartPolicy="Never")
    inside["containers"][0]["volumeMounts"][0]["subPath"] = "ours"
    kube.create_pod("inside", inside)
    kube.pod("inside", is_phase("Succeeded"))
    assert kube.log("inside").count("\n") == 1  # no file, and the folder's own path
    look = pod_spec("ls -A data", claim="shared", restartPolicy="Never")
    kube.create_pod("look", look)
    kube.pod("look", is_phase("Succeeded"))
    assert kube.log("look").split() == ["file", "ours"]


def test_unknown_class_leaves_the_claim_pending(kube: Kube) -> None:
    kube.create_claim("data", "no-such-class")
    event = kube.event("data", "ProvisioningFailed")
    assert event.type == "Warning"
    assert event.message == 'storageclass.storage.k8s.io "no-such-class" not found'
    assert kube.claim("data", is_phase("Pending"))


def test_block_mode_is_refused_by_the_provisioner(kube: Kube) -> None:
    kube.create_claim("raw", "nfs-client", "ReadWriteMany", volumeMode="Block")
    event = kube.event("raw", "ProvisioningFailed")
    expected = "cluster.local/nfs-client does not support block volume provisioning"
    assert event.message == expected
    assert kube.claim("raw", is_phase("Pending"))


def test_local_class_refuses_many_writers(kube: Kube) -> None:
    kube.create_claim("data", "local-path", "ReadWriteMany")
    kube.create_pod("user", pod_spec("true", claim="data"))
    event = kube.event("data", "ProvisioningFailed")
    assert event.message == (
        'failed to provision volume with StorageClass "local-path": NodePath only supports '
        "ReadWriteOnce and ReadWriteOncePod (1.22+) access modes"
    )


def test_class_of_a_claim_without_one_is_the_default(kube: Kube) -> None:
    kube.core.create_namespaced_persistent_volume_claim(
        kube.namespace,
        {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "16Mi"}},
            },
        },
    )
    claim = kube.core.read_namespaced_persistent_volume_claim("data", kube.namespace)
    assert claim.spec.storage_class_name == "local-path"


def test_claim_in_use_is_deleted_after_its_pod(kube: Kube) -> None:
    kube.create_claim("data", "local-path")
    kube.create_pod("user", pod_spec(FOREVER, claim="data"))
    kube.pod("user", is_ready)
    volume = kube.claim("data", is_phase("Bound")).spec.volume_name
    kube.core.delete_namespaced_persistent_volume_claim("data", kube.namespace)
    claim = kube.claim("data", lambda c: c.metadata.deletion_timestamp)
    assert claim.metadata.finalizers == ["kubernetes.io/pvc-protection"]
    assert is_ready(kube.pod("user"))
    kube.core.delete_namespaced_pod("user", kube.namespace)
    kube.claim_gone("data")
    kube.wait(
        kube.core.list_persistent_volume,
        lambda volumes: not volumes,
        field_selector=f"metadata.name={volume}",
    )


def test_finished_pod_still_holds_its_claim(kube: Kube) -> None:
    kube.create_claim("data", "local-path")
    kube.create_pod("user", pod_spec("true", claim="data", restartPolicy="Never"))
    kube.pod("user", is_phase("Succeeded"))
    kube.core.delete_namespaced_persistent_volume_claim("data", kube.namespace)
    claim = kube.claim("data", lambda c: c.metadata.deletion_timestamp)
    assert claim.metadata.finalizers == ["kubernetes.io/pvc-protection"]
    kube.core.delete_namespaced_pod("user", kube.namespace)
    kube.claim_gone("data")


def test_pod_with_a_deleted_claim_is_not_scheduled(kube: Kube) -> None:
    kube.create_pod("user", pod_spec("true", claim="missing"))
    event = kube.event("user", "FailedScheduling")
    assert 'persistentvolumeclaim "missing" not found' in event.message
    pod = kube.pod("user")
    assert (pod.status.phase, pod.spec.node_name) == ("Pending", None)


def static_volume(kube: Kube, **source: object) -> str:
    """A volume on w3 that only this test's claim can bind."""
    name = f"static-{kube.namespace}"
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["w3"]}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "16Mi"},
        "storageClassName": "",
        "persistentVolumeReclaimPolicy": "Delete",
        "claimRef": {"namespace": kube.namespace, "name": "data"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
        **source,
    }
    kube.core.create_persistent_volume({"metadata": {"name": name}, "spec": spec})
    return name


def test_static_volume_whose_folder_is_missing_fails_to_mount(kube: Kube) -> None:
    name = static_volume(kube, local={"path": "/no/such/folder"})
    try:
        kube.create_claim("data", "")
        assert kube.claim("data", is_phase("Bound")).spec.volume_name == name
        kube.create_pod("user", pod_spec("true", claim="data"))
        event = kube.event("user", "FailedMount", of=f'volume "{name}"')
        assert 'path "/no/such/folder" does not exist' in event.message
        pod = kube.pod("user", lambda p: p.status.container_statuses)
        assert pod.spec.node_name == "w3"
        assert pod.status.container_statuses[0].state.waiting.reason == "ContainerCreating"
    finally:
        kube.core.delete_persistent_volume(name)


def test_deleting_a_bound_volume_waits_for_its_claim(kube: Kube) -> None:
    kube.create_claim("shared", "nfs-client", "ReadWriteMany")
    name = kube.claim("shared", is_phase("Bound")).spec.volume_name
    kube.core.delete_persistent_volume(name)
    volume = kube.core.read_persistent_volume(name)
    assert volume.metadata.deletion_timestamp
    assert "kubernetes.io/pv-protection" in volume.metadata.finalizers
    kube.core.delete_namespaced_persistent_volume_claim("shared", kube.namespace)
    kube.wait(
        kube.core.list_persistent_volume,
        lambda volumes: not volumes,
        field_selector=f"metadata.name={name}",
    )


def test_claim_size_must_be_given(kube: Kube) -> None:
    with pytest.raises(ApiException) as refused:
        kube.create_claim("data", "local-path", resources={"requests": {}})
    assert refused.value.status == 422
    assert "spec.resources[storage]: Required value" in str(refused.value.body)
