"""A power cut on filesystems of a node that is a mount namespace alone: as root."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed import devices, power, processes, state

from .marks import WITH_DEVICES
from .test_devices import does, node

MOUNTED = "/mnt"  # where the node sees its own folder
UNSYNCED, SYNCED = "echo kept >", "echo kept | dd conv=fsync status=none of="
Cut = Callable[[subprocess.Popen[str]], None]

pytestmark = WITH_DEVICES


@pytest.fixture
def root() -> Iterator[Path]:
    """The folder of a node that does not run."""
    root = state.NODES / "w1"
    (root / "volume").mkdir(parents=True)
    (root / "lying").mkdir()
    yield root
    devices.detach_all()


@pytest.fixture(params=[devices.DISK, devices.GP3], ids=["xfs", "ext4"])
def device(root: Path, request: pytest.FixtureRequest) -> str:
    """A device of the node, as nodes.py attaches it."""
    return devices.attach(root, *request.param)


def cut_power(first: subprocess.Popen[str]) -> None:
    """As `stop-node` does: `node` kills what is left of it."""
    child = processes.child(first.pid)
    assert child is not None
    power.cut(child)


def kill_alone(first: subprocess.Popen[str]) -> None:
    """As `kill-node` does."""


def survives(root: Path, device: str, write: str, fault: Cut, volume: str = "volume") -> bool:
    """Whether a line that was written with a command is there after a fault.

    A volume is a folder of the device's filesystem, or a lying one over it.
    """
    folder, lying = f"{MOUNTED}/volume", f"{MOUNTED}/lying"
    layers = ",".join(f"{each}dir={folder}/{each}" for each in ("lower", "upper", "work"))
    mounts = (
        f"mount {device} {folder} && cd {folder} && rm -rf work && mkdir -p lower upper work && "
        f"mount -t overlay -o volatile,{layers} lying {lying}"
    )
    with node(root) as shell:
        does(shell, f"{mounts} && sync --file-system {folder}")
        does(shell, f"{write}{MOUNTED}/{volume}/file")
        fault(shell)
    devices.wait_until_released(root)
    with node(root) as shell:
        does(shell, mounts)
        return does(shell, f"cat {MOUNTED}/{volume}/file || true") == "kept"


def test_what_was_durable_is_there_after_a_power_cut(root: Path, device: str) -> None:
    assert survives(root, device, SYNCED, cut_power)


def test_what_was_not_is_gone(root: Path, device: str) -> None:
    """Also nothing that a killed process would leave to the kernel."""
    assert not survives(root, device, UNSYNCED, cut_power)


def test_a_process_fault_loses_nothing(root: Path, device: str) -> None:
    """The twin: the kernel lives on, and writes what no fsync has asked for."""
    assert survives(root, device, UNSYNCED, kill_alone)


def test_a_lying_disk_loses_what_it_called_durable(root: Path, device: str) -> None:
    assert not survives(root, device, SYNCED, cut_power, "lying")


def test_a_process_fault_does_not_show_that_a_disk_lies(root: Path, device: str) -> None:
    """The twin: all that was written is there."""
    assert survives(root, device, SYNCED, kill_alone, "lying")


def test_a_power_cut_may_be_repeated(root: Path, device: str) -> None:
    """As after one that was interrupted before it had killed the node."""

    def cut_twice(first: subprocess.Popen[str]) -> None:
        cut_power(first)
        cut_power(first)

    assert survives(root, device, SYNCED, cut_twice)


def test_other_filesystems_stay(root: Path) -> None:
    """A power cut of a node that has mounted none of its devices shuts nothing down."""
    with node(root) as shell:
        does(shell, f"echo before >{MOUNTED}/before")
        cut_power(shell)
        does(shell, f"echo kept >{MOUNTED}/file && sync {MOUNTED}/file")
    assert (root / "file").read_text() == "kept\n"
