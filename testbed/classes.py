"""The storage classes, and the provisioners and the storage host behind them.

devices.py has the device of gp3-like; node/services.sh mounts it, the storage host's folder and the
overlayfs of lying; node/sized.sh makes the volumes of sized.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from . import certificates, devices, network, processes, state
from .control_plane import apply, kubectl
from .shell import wait_for
from .templates import HERE, render

SHARED = f"{network.STORAGE}:{state.EXPORT}"


class StorageClass(NamedTuple):
    """A class and the configuration of the provisioner of its own."""

    name: str
    provisioner: str
    binding_mode: str
    config: Mapping[str, object]
    parameters: Mapping[str, str] = MappingProxyType({})
    volumes: str = "folder"  # what a volume is: its scripts are in storage/

    @property
    def namespace(self) -> str:
        """Where the provisioner's helper pods run."""
        return f"{self.name}-storage"

    @property
    def scripts(self) -> Path:
        """The folder with its helper pod, and what that runs."""
        return HERE / "storage" / self.volumes


def _on_every_node(path: str) -> dict[str, object]:
    return {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [path]}]}


CLASSES = (
    StorageClass(
        "local-path",
        "rancher.io/local-path",
        "WaitForFirstConsumer",
        _on_every_node("/opt/local-path-provisioner"),
    ),
    StorageClass(
        "nfs-client",
        "cluster.local/nfs-client",
        "Immediate",
        {"sharedFileSystemPath": "/mnt/shared"},
    ),
    StorageClass(
        "gp3-like",
        "cluster.local/gp3-like",
        "WaitForFirstConsumer",
        _on_every_node("/opt/gp3"),
        # as classes of Amazon's gp3 name them; throughput in MiB/s
        {"iops": str(devices.IOPS), "throughput": str(devices.BYTES_PER_SECOND // 2**20)},
    ),
    StorageClass(
        "sized",
        "cluster.local/sized",
        "WaitForFirstConsumer",
        _on_every_node(f"/{devices.SIZED}"),
        volumes="sized",
    ),
    StorageClass(
        "lying",
        "cluster.local/lying",
        "WaitForFirstConsumer",
        _on_every_node("/opt/lying"),
    ),
)


def start_storage_host() -> None:
    """Start the host behind nfs-client: an SFTP server, reached through the bridge alone."""
    network.make_host("storage", network.STORAGE)
    state.EXPORT.mkdir(parents=True, exist_ok=True)
    listen = f"TCP-LISTEN:2222,bind={network.STORAGE},fork,reuseaddr,nodelay"
    enter = ("nsenter", f"--net=/run/netns/{network.namespace('storage')}")
    processes.start("storage", *enter, "socat", listen, "EXEC:/usr/lib/openssh/sftp-server")


def make() -> None:
    """Make the classes and start their provisioners; waits until pods can be created."""
    for storage_class in CLASSES:
        apply(manifests(storage_class))
        _start_provisioner(storage_class)
    wait_for(
        "the default service account",
        lambda: kubectl("get", "serviceaccount", "default", "--output=name") != "",
        60,
        f"{state.LOG}/kube-controller-manager",
    )


def manifests(storage_class: StorageClass) -> str:
    """The objects of a class as YAML documents."""
    scripts = storage_class.scripts
    return render(
        "storage/class.yaml.jinja",
        name=storage_class.name,
        namespace=storage_class.namespace,
        provisioner=storage_class.provisioner,
        binding_mode=storage_class.binding_mode,
        parameters=dict(storage_class.parameters),
        is_default=storage_class.name == "local-path",
        config=json.dumps(storage_class.config),
        helper_pod=(scripts / "helper-pod.yaml").read_text(),
        setup=(scripts / "setup.sh").read_text(),
        teardown=(scripts / "teardown.sh").read_text(),
    )


def _start_provisioner(storage_class: StorageClass) -> None:
    folder = state.PROVISIONERS / storage_class.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(storage_class.config))
    kubeconfig = certificates.write_kubeconfig(folder / "kubeconfig", "local-path-provisioner")
    processes.start(
        f"provisioner-{storage_class.name}",
        "env",
        f"POD_NAMESPACE={storage_class.namespace}",
        state.PROVISIONER,
        "start",
        f"--config={folder / 'config.json'}",
        f"--kubeconfig={kubeconfig}",
        f"--provisioner-name={storage_class.provisioner}",
        f"--namespace={storage_class.namespace}",
        "--helper-image=busybox:1.36",
        "--configmap-name=local-path-config",
        f"--helper-pod-file={storage_class.scripts / 'helper-pod.yaml'}",
    )
