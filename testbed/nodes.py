"""Nodes: each a root folder, a network address, and namespaces in which a kubelet runs."""

import hashlib
import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from . import certificates, cgroups, devices, network, power, processes, state
from .classes import SHARED
from .control_plane import kubectl
from .shell import run, wait_for
from .state import Failed
from .templates import HERE, render

_FILES = {
    "hosts": "127.0.0.1 localhost\n",
    "resolv.conf": "",
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "nsswitch.conf": "hosts: files\n",
}


def names() -> list[str]:
    """The names of the nodes that exist, running or not."""
    return sorted(path.name for path in state.NODES.glob("w*"))


def check(name: str) -> None:
    """Raise Failed if there is no node of this name."""
    if name not in names():
        known = ", ".join(names()) or "none: run `python -m testbed up`"
        raise Failed(f"there is no node {name}; nodes are {known}")


def make(index: int) -> str:
    """Make the node of this number, from 1, or finish it; returns its name."""
    name = f"w{index}"
    network.make_host(name, network.node_address(index))
    root = state.NODES / name
    for folder in ("mnt/shared", "opt/gp3", "root", "var/log", "etc/cni/net.d", "etc/containerd"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path, text in configuration(name, index).items():
        (root / "etc" / path).write_text(text)
    for user, program in ((f"system:node:{name}", "kubelet"), ("system:kube-proxy", "kube-proxy")):
        certificates.write_kubeconfig(root / f"etc/{program}.kubeconfig", user)
    return name


def configuration(name: str, index: int) -> dict[str, str]:
    """The files of a node's /etc that need nothing of a running testbed, by their paths there."""
    return _FILES | {
        "machine-id": hashlib.sha256(name.encode()).hexdigest()[:32] + "\n",
        "services.sh": (HERE / "node/services.sh").read_text(),
        "sized.sh": (HERE / "node/sized.sh").read_text(),
        "containerd/config.toml": (HERE / "node/containerd.toml").read_text(),
        "cni/net.d/10-testbed.conflist": render("node/cni.conflist.jinja", index=index),
        "kubelet.yaml": render("node/kubelet.yaml.jinja", cgroup=f"/{cgroups.GROUP}/{name}"),
        "kube-proxy.yaml": render("node/kube-proxy.yaml.jinja", name=name),
    }


def start(name: str) -> None:
    """Start a node, unless it runs."""
    if _process(name) in processes.running():
        return
    root = state.NODES / name
    cgroups.remove(name)  # kubelet would look for 3 s at each container that is gone
    cgroups.make(name)
    shutil.rmtree(root / "var/lib/cni", ignore_errors=True)  # addresses of pods that are gone
    devices.wait_until_released(root)
    limited, disk = devices.attach(root, *devices.GP3), devices.attach(root, *devices.DISK)
    number = Path(limited).stat().st_rdev
    spec = devices.throttled_spec(json.loads(run("ctr", "oci", "spec")), number)
    (root / "etc/containerd/base-spec.json").write_text(json.dumps(spec))
    address = network.node_address(int(name.removeprefix("w")))
    init = ("/bin/sh", HERE / "node/init.sh", root, state.FOLDER)
    own = (name, address, SHARED, limited, disk)
    enter = ("nsenter", f"--net=/run/netns/{network.namespace(name)}")
    isolate = ("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child")
    processes.start(_process(name), *enter, *isolate, *init, *own)


def stop(name: str) -> None:
    """Cut a node's power: what was not durable on its disks is gone, and then all processes are."""
    pid = processes.running().get(_process(name))
    if pid is not None and (first := processes.child(pid)) is not None:
        power.cut(first)
    kill(name)


def kill(name: str) -> None:
    """Kill a node's processes, the kernel all with the first; what they wrote, it still keeps."""
    pid = processes.running().get(_process(name))
    if pid is None:
        return
    if (first := processes.child(pid)) is not None:
        with suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
    processes.wait_for_end(pid, _process(name))


def wait_until_ready(wanted: list[str]) -> None:
    """Wait until Kubernetes says that these nodes are ready."""
    wait_for(
        f"nodes {', '.join(wanted)} ready", lambda: _ready() >= set(wanted), 180, _logs(wanted[0])
    )


def _ready() -> set[str]:
    items = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    return {
        node["metadata"]["name"]
        for node in items
        for condition in node["status"].get("conditions", [])
        if condition["type"] == "Ready" and condition["status"] == "True"
    }


def _logs(name: str) -> str:
    return f"{state.NODES / name / 'var/log'}/kubelet.log and services.log, and {state.LOG}"


def _process(name: str) -> str:
    return f"node-{name}"
