from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException


def test_data_is_in_the_nodes_folder_until_the_claim_goes(core: Any, folder: Path) -> None:
    container = {
        "name": "c",
        "image": "x",
        "workingDir": "/",
        "command": ["sh", "-c", "echo kept > data/file"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    core.create_namespaced_persistent_volume_claim(
        "default", {"metadata": {"name": "kept"}, "spec": claim}
    )
    spec = {
        "containers": [container],
        "restartPolicy": "Never",
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "kept"}}],
    }
    core.create_namespaced_pod("default", {"metadata": {"name": "writer"}, "spec": spec})
    for change in watch.Watch().stream(
        core.list_namespaced_pod,
        "default",
        field_selector="metadata.name=writer",
        timeout_seconds=20,
    ):
        if change["object"].status.phase == "Succeeded":
            break
    node = change["object"].spec.node_name
    name = core.read_namespaced_persistent_volume_claim("kept", "default").spec.volume_name
    path = core.read_persistent_volume(name).spec.host_path.path
    assert (folder / node / path.lstrip("/") / "file").read_text() == "kept\n"
    version = core.list_persistent_volume().metadata.resource_version
    core.delete_namespaced_pod("writer", "default")
    core.delete_namespaced_persistent_volume_claim("kept", "default")
    for change in watch.Watch().stream(
        core.list_persistent_volume, resource_version=version, timeout_seconds=20
    ):
        if change["type"] == "DELETED" and change["object"].metadata.name == name:
            break
    assert not (folder / node / path.lstrip("/")).exists()


def test_shared_class_says_that_no_wire_is_in_its_path(core: Any) -> None:
    storage = client.StorageV1Api(core.api_client)
    assert storage.read_storage_class("nfs-client").parameters == {"wire": "none"}


def claim_of(storage_class: str) -> dict[str, object]:
    size = {"requests": {"storage": "2Mi"}}
    modes = ["ReadWriteOnce"]
    spec = {"storageClassName": storage_class, "accessModes": modes, "resources": size}
    return {"metadata": {"name": f"on-{storage_class}"}, "spec": spec}


def test_no_claim_changes_its_size(core: Any) -> None:
    """As in Kubernetes, where a class does not allow expansion."""
    core.create_namespaced_persistent_volume_claim("default", claim_of("nfs-client"))
    larger = {"spec": {"resources": {"requests": {"storage": "4Mi"}}}}
    with pytest.raises(ApiException) as refused:
        core.patch_namespaced_persistent_volume_claim("on-nfs-client", "default", larger)
    assert refused.value.status == 403
    assert "the storageclass that provisions the pvc must support resize" in str(refused.value.body)
