"""What a new cluster contains: nodes, namespaces, storage classes."""

import os
import platform
from pathlib import Path

from embedded.admission import admission
from embedded.controllers.provisioners import LOCAL_PATH, NFS, SHARED
from embedded.store.objects import Object, is_terminating, now
from embedded.store.resources import (
    ARCHITECTURE,
    NAMESPACES,
    NODES,
    SERVICE_ACCOUNTS,
    STORAGE_CLASSES,
    VERSION,
)
from embedded.store.store import Store

NAMES = ("w1", "w2", "w3")
TAINT = "node.kubernetes.io/unschedulable"


def make_folders(folder: Path) -> dict[str, Path]:
    """A folder for each node, each with a link to the shared one."""
    (folder / "shared").mkdir(parents=True)
    nodes = {name: folder / name for name in NAMES}
    for path in nodes.values():
        link = path / SHARED.strip("/")
        link.parent.mkdir(parents=True)
        link.symlink_to(folder / "shared")
    return nodes


def populate(store: Store) -> None:
    """Create what every cluster has."""
    for name in ("default", "kube-system"):
        admission.create(store, NAMESPACES, {"metadata": {"name": name}})
    for name in NAMES:
        store.create(NODES, node(name))
    for storage_class in (local_path_class(), nfs_class()):
        admission.create(store, STORAGE_CLASSES, storage_class)


def node(name: str) -> Object:
    """A Ready node with the capacity of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    capacity = {"cpu": str(os.cpu_count()), "memory": f"{memory}Ki", "pods": "110"}
    labels = {
        "kubernetes.io/arch": ARCHITECTURE,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    }
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": now(),
        "lastTransitionTime": now(),
    }
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [ready],
            "nodeInfo": {
                "architecture": ARCHITECTURE,
                "bootID": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
                "containerRuntimeVersion": "embedded://processes",
                "kernelVersion": os.uname().release,
                "kubeletVersion": VERSION,
                "kubeProxyVersion": "",
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": platform.freedesktop_os_release()["PRETTY_NAME"],
                "systemUUID": "",
            },
        },
    }


def local_path_class() -> Object:
    """The default class: folders on the pod's node."""
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "metadata": {"name": "local-path", "annotations": annotations},
        "provisioner": LOCAL_PATH,
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def nfs_class() -> Object:
    """The shared class: one folder for all nodes, and no network in its path."""
    return {
        "metadata": {"name": "nfs-client"},
        "provisioner": NFS,
        "parameters": {"wire": "none"},
    }


async def run(store: Store) -> None:
    """Keep cordoned nodes tainted and each namespace's default account, for ever."""
    with store.watch() as events:
        for namespace in store.items(NAMESPACES):
            add_account(store, namespace)
        while True:
            event = await events.get()
            if event.resource is NODES and event.type != "DELETED":
                taint_cordoned(store, event.object)
            if event.resource is NAMESPACES and event.type == "ADDED":
                add_account(store, event.object)


def add_account(store: Store, namespace: Object) -> None:
    """The service account that pods have by default."""
    name = namespace["metadata"]["name"]
    if not is_terminating(namespace) and not store.find(SERVICE_ACCOUNTS, name, "default"):
        metadata = {"name": "default", "namespace": name}
        admission.create(store, SERVICE_ACCOUNTS, {"metadata": metadata})


def taint_cordoned(store: Store, seen: Object) -> None:
    """Give a cordoned node its taint, and take it off an uncordoned one."""
    current = store.current(NODES, seen)
    if current is None:
        return
    taints = [t for t in current["spec"].get("taints") or [] if t["key"] != TAINT]
    if current["spec"].get("unschedulable"):
        old = [t for t in current["spec"].get("taints") or [] if t["key"] == TAINT]
        taints += old or [{"key": TAINT, "effect": "NoSchedule", "timeAdded": now()}]

    def edit(new: Object) -> None:
        new["spec"].pop("taints", None)
        if taints:
            new["spec"]["taints"] = taints

    store.change(NODES, current, edit)
