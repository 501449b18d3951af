"""A volume without a filesystem, on a real cluster: a profile measures the device itself."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client

from testbed import state
from tests.conftest import rows_of
from tests.real.account import granted
from tests.real.command import stormark
from tests.tasks.rights import shipped

NODE = "w1"
SIZE_BYTES = 320 * 2**20


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A disk of this machine, which the nodes of a testbed see too."""
    if os.environ["KUBECONFIG"] != str(state.KUBECONFIG):
        pytest.skip("only the testbed's nodes see a disk made here: `make e2e` without KUBECONFIG")
    disk = tmp_path_factory.mktemp("block") / "disk"
    with disk.open("wb") as file:
        file.truncate(SIZE_BYTES)
    made = subprocess.run(
        ["losetup", "--find", "--show", disk], check=True, capture_output=True, text=True
    )
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


@pytest.fixture
def storage_class(admin: client.ApiClient, device: str) -> Iterator[str]:
    """A class whose one PV is that disk, as an operator makes them by hand."""
    name = f"block-{uuid4().hex[:8]}"
    classes, core = client.StorageV1Api(admin), client.CoreV1Api(admin)
    on_node: dict[str, Any] = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    nobody: Any = {
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    disk: Any = {
        "metadata": {"name": name},
        "spec": {
            "storageClassName": name,
            "capacity": {"storage": str(SIZE_BYTES)},
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Block",
            "local": {"path": device},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
        },
    }
    classes.create_storage_class(nobody)
    core.create_persistent_volume(disk)
    yield name
    core.delete_persistent_volume(name)
    classes.delete_storage_class(name)


def test_a_device_is_measured(
    admin: client.ApiClient, image: str, tmp_path: Path, storage_class: str
) -> None:
    """Four jobs at once, with the rights of `manifests/rbac.yaml`; a device has no filesystem."""
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        done = stormark(
            kubeconfig,
            "run",
            *("--class", storage_class, "--volume-mode", "Block", "--volume-size", "300Mi"),
            *("--profile", "kubestr", "--runtime-seconds", "1", "--rounds", "1"),
            *("--image", image, "--results", str(tmp_path)),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = rows_of(str(tmp_path), "fio")
    assert {row["status"] for row in cells} == {"measured"}
    (volume,) = rows_of(str(tmp_path), "volumes")
    said = volume["volume_mode"], volume["filesystem"], volume["node"]
    assert said == ("Block", None, NODE)
