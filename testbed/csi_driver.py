"""Volumes that attach: the array, and the CSI driver of csi/ with its sidecars."""

import json
import os
from pathlib import Path

from . import certificates, devices, processes, state
from .control_plane import apply, kubectl
from .shell import run, wait_for
from .templates import HERE, render

NAME = "block.stormark.testbed"
# As one that a node always has: the array's own image, which no node's loss of power touches.
ARRAY = ("array.img", 64 * 2**30, ("mkfs.xfs", "-q"))
USER = "csi-sidecars"
_OF_DRIVER = ("csi-provisioner", "csi-attacher", "csi-resizer", "csi-snapshotter")
_READY = Path("driver")  # in the array: nodes start the driver once it is there


def make_array() -> None:
    """Make the folder of the volumes, with a filesystem on which they share blocks."""
    state.ARRAY.mkdir(parents=True, exist_ok=True)
    device = devices.attach(state.FOLDER, *ARRAY)
    if not os.path.ismount(state.ARRAY):
        run("mount", "-o", "discard", device, state.ARRAY)


def start(nodes: list[str]) -> None:
    """Start the driver and its sidecars, make its classes, and wait until nodes know it."""
    socket = state.FOLDER / "csi.sock"
    controller = (state.CSI, "--array", state.ARRAY, "--socket", socket, "--controller")
    processes.start("csi", *controller)
    wait_for("the CSI driver listens", socket.exists, 30, f"{state.LOG}/csi")
    kubeconfig = certificates.write_kubeconfig(state.PKI / f"{USER}.kubeconfig", USER)
    apply(render("storage/csi/snapshots.yaml.jinja"))
    kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "customresourcedefinitions", "--all"
    )
    apply((HERE / "storage/csi/classes.yaml").read_text())
    for sidecar in _OF_DRIVER:
        program = state.BIN / sidecar
        processes.start(sidecar, program, f"--csi-address={socket}", f"--kubeconfig={kubeconfig}")
    snapshots = state.BIN / "snapshot-controller"
    processes.start("snapshot-controller", snapshots, f"--kubeconfig={kubeconfig}")
    (state.ARRAY / _READY).touch()
    wait_for(
        f"the CSI driver on {', '.join(nodes)}",
        lambda: _registered() >= set(nodes),
        60,
        f"{state.NODES / nodes[0] / 'var/log'}/csi.log",
    )


def tell(attach_seconds: float, detach_failures: int, delete_seconds: float) -> None:
    """Tell the array what to do badly from now on; see csi/faults.go."""
    faults = {
        "attach_seconds": attach_seconds,
        "detach_failures": detach_failures,
        "delete_seconds": delete_seconds,
    }
    fresh = state.ARRAY / "faults.json.new"
    fresh.write_text(json.dumps(faults))
    fresh.rename(state.ARRAY / "faults.json")


def _registered() -> set[str]:
    items = json.loads(kubectl("get", "csinodes", "--output=json"))["items"]
    return {
        node["metadata"]["name"]
        for node in items
        for driver in node["spec"].get("drivers") or []
        if driver["name"] == NAME
    }
