"""What nodes and classes are configured to."""

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed import certificates, cgroups, classes, devices, images, nodes, state
from testbed.network import node_address
from testbed.shell import run
from testbed.templates import HERE

from .shells import SHELLS, command_of


def test_each_node_has_its_own() -> None:
    """Cgroup, name, addresses of pods and machine ID differ from node to node."""
    first, second = nodes.configuration("w1", 1), nodes.configuration("w2", 2)
    assert yaml.safe_load(first["kubelet.yaml"])["cgroupRoot"] == f"/{cgroups.GROUP}/w1"
    assert yaml.safe_load(second["kube-proxy.yaml"])["hostnameOverride"] == "w2"
    plugin = json.loads(second["cni/net.d/10-testbed.conflist"])["plugins"][0]
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.2.0/24"}]]
    assert first["machine-id"] != second["machine-id"]
    assert node_address(1) != node_address(2)


def test_sandbox_image_is_there() -> None:
    """containerd's sandbox image is one of those that nodes have: nothing is pulled."""
    config = tomllib.loads(nodes.configuration("w1", 1)["containerd/config.toml"])
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["sandbox_image"] == images.PAUSE


def test_throttle() -> None:
    """3,000 IOPS and 125 MiB/s, each for reads and for writes; the rest of the spec stays."""
    spec: dict[str, Any] = {
        "process": {"cwd": "/"},
        "linux": {"resources": {"devices": []}, "namespaces": []},
    }
    throttled = devices.throttled_spec(spec, os.makedev(7, 3))
    assert throttled["process"] == spec["process"]
    resources = throttled["linux"]["resources"]
    assert resources["devices"] == []
    assert resources["blockIO"] == {
        "throttleReadIOPSDevice": [{"major": 7, "minor": 3, "rate": 3000}],
        "throttleWriteIOPSDevice": [{"major": 7, "minor": 3, "rate": 3000}],
        "throttleReadBpsDevice": [{"major": 7, "minor": 3, "rate": 131072000}],
        "throttleWriteBpsDevice": [{"major": 7, "minor": 3, "rate": 131072000}],
    }
    assert "blockIO" not in spec["linux"]["resources"]


def documents(storage_class: classes.StorageClass) -> dict[str, Any]:
    """A class's objects by kind."""
    loaded = yaml.safe_load_all(classes.manifests(storage_class))
    return {document["kind"]: document for document in loaded}


def test_one_default_class() -> None:
    """local-path is the cluster's default, and no other is."""
    annotation = "storageclass.kubernetes.io/is-default-class"
    found = {
        storage_class.name: documents(storage_class)["StorageClass"]["metadata"]["annotations"]
        for storage_class in classes.CLASSES
    }
    assert {name: value[annotation] for name, value in found.items()} == {
        "local-path": "true",
        "nfs-client": "false",
        "gp3-like": "false",
        "sized": "false",
        "lying": "false",
    }


@pytest.mark.parametrize("storage_class", classes.CLASSES, ids=lambda each: each.name)
def test_class(storage_class: classes.StorageClass) -> None:
    """Its configuration and helper pod reach the ConfigMap whole, in the class's namespace."""
    found = documents(storage_class)
    data = found["ConfigMap"]["data"]
    assert data["setup"] == (storage_class.scripts / "setup.sh").read_text()
    assert json.loads(data["config.json"]) == storage_class.config
    assert yaml.safe_load(data["helperPod.yaml"])["kind"] == "Pod"
    assert found["ConfigMap"]["metadata"]["namespace"] == found["Namespace"]["metadata"]["name"]
    assert found["StorageClass"]["provisioner"] == storage_class.provisioner


@pytest.mark.parametrize("shell", SHELLS)
def test_volume_scripts(shell: str, tmp_path: Path) -> None:
    """Setup of a folder makes one that any user may write to, also again; teardown removes it."""
    volume = tmp_path / "deep" / "volume"

    def execute(script: str) -> None:
        command = [*command_of(shell), str(HERE / "storage/folder" / script)]
        subprocess.run(command, check=True, env={**os.environ, "VOL_DIR": str(volume)})

    execute("setup.sh")
    execute("setup.sh")
    assert volume.stat().st_mode & 0o777 == 0o777
    (volume / "file").touch()
    execute("teardown.sh")
    assert not volume.exists()


@pytest.fixture
def pki() -> Path:
    """Certificates of the test's own."""
    certificates.make()
    return state.PKI


def test_certificate(pki: Path) -> None:
    """The API server's is valid for the address in a kubeconfig; it is made only once."""
    before = (pki / "api.crt").read_bytes()
    address = certificates.API.removeprefix("https://").split(":")[0]
    run("openssl", "verify", "-CAfile", pki / "ca.crt", "-verify_ip", address, pki / "api.crt")
    certificates.make()
    assert (pki / "api.crt").read_bytes() == before


def test_kubeconfig(pki: Path, tmp_path: Path) -> None:
    """It holds the token that the API server knows for its user, and only its owner reads it."""
    path = certificates.write_kubeconfig(tmp_path / "kubeconfig", "system:node:w9")
    (user,) = yaml.safe_load(path.read_text())["users"]
    token = user["user"]["token"]
    assert f"{token},system:node:w9,system:node:w9,system:nodes" in (pki / "tokens.csv").read_text()
    assert path.stat().st_mode & 0o777 == 0o600
