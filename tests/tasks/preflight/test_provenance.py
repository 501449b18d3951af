"""What is recorded of classes and nodes; a secret never is."""

import json

import pytest

from tasks.kubernetes import storage_classes
from tasks.kubernetes.nodes import hostname
from tasks.kubernetes.objects import Obj
from tasks.preflight.provenance import class_row, node
from tasks.results.run_columns import Node
from tests.tasks.kubernetes.test_storage_classes import storage_class


def test_nodes_say_what_they_are() -> None:
    """Quantities as numbers, for provenance."""
    info = {
        "kernelVersion": "6.1",
        "osImage": "Debian",
        "kubeletVersion": "v1.34.4",
        "containerRuntimeVersion": "containerd://2",
    }
    status = {"nodeInfo": info, "capacity": {"cpu": "1500m", "memory": "16Gi"}}
    assert node({"metadata": {"name": "n1"}, "status": status}) == Node(
        name="n1",
        kernel="6.1",
        os_image="Debian",
        kubelet_version="v1.34.4",
        container_runtime="containerd://2",
        cpus=1.5,
        memory_bytes=2**34,
    )


def test_a_node_that_says_nothing_of_itself_is_one_all_the_same() -> None:
    """A virtual kubelet has no nodeInfo, and no label with its hostname."""
    virtual: Obj = {"metadata": {"name": "virtual"}, "status": {}}
    assert node(virtual) == Node("virtual", *[None] * 6)
    assert hostname(virtual) == "virtual"


def test_a_row_has_what_the_class_says() -> None:
    """In every column."""
    found = storage_class(
        "fast",
        default=True,
        volumeBindingMode="WaitForFirstConsumer",
        allowVolumeExpansion=True,
        reclaimPolicy="Retain",
        mountOptions=["noatime"],
        parameters={"type": "ssd", "fsType": "xfs"},
    )
    recorded = class_row(found, 3).columns()
    assert recorded == {
        "storage_class": "fast",
        "position": 3,
        "is_default": True,
        "provisioner": "example.com/disk",
        "volume_binding_mode": "WaitForFirstConsumer",
        "allow_volume_expansion": True,
        "reclaim_policy": "Retain",
        "mount_options": ("noatime",),
        "parameters": '{"fsType": "xfs", "type": "ssd"}',
    }


def test_a_class_that_says_nothing_has_the_api_s_defaults() -> None:
    """Immediate, Delete, no expansion, nothing mounted in a special way."""
    recorded = class_row(storage_class("plain"), 0)
    assert recorded.volume_binding_mode == "Immediate"
    assert recorded.reclaim_policy == "Delete"
    assert recorded.allow_volume_expansion is False
    assert (recorded.mount_options, recorded.parameters) == ((), "{}")
    assert not storage_classes.is_default(storage_class("plain"))


@pytest.mark.parametrize(
    "name",
    [
        "csi.storage.k8s.io/provisioner-secret-name",
        "adminPassword",
        "passwd",
        "passphrase",
        "restuserkey",
        "accessToken",
        "credentialsFile",
    ],
)
def test_a_secret_is_never_recorded(name: str) -> None:
    """Neither as a parameter nor as a mount option: results are shared."""
    found = storage_class(
        "fast",
        parameters={name: "hunter2", "type": "ssd"},
        mountOptions=[f"{name}=hunter2", "noatime"],
    )
    recorded = class_row(found, 0)
    assert "hunter2" not in f"{recorded}"
    assert json.loads(recorded.parameters or "") == {"type": "ssd"}
    assert recorded.mount_options == ("noatime",)
