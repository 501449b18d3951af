"""The volumes of the class sized, on a node that is a mount namespace alone: as root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed import devices, state
from testbed.templates import HERE
from tests.testbed.marks import WITH_DEVICES

SCRIPT = HERE / "node/sized.sh"
MOUNTED = "/mnt"  # where the node sees its own folder

pytestmark = WITH_DEVICES


@pytest.fixture
def root() -> Iterator[Path]:
    """The folder of a node that does not run."""
    root = state.NODES / "w1"
    (root / devices.SIZED).mkdir(parents=True)
    yield root
    devices.detach_all()


@contextmanager
def node(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A shell below the node's first process; the end of the block is a power cut."""
    isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    begin = ["sh", "-c", f"mount --bind {root} {MOUNTED} && exec sh"]
    with subprocess.Popen(
        [*isolate, *begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shell:
        try:
            yield shell
        finally:
            shell.kill()


def does(shell: subprocess.Popen[str], command: str) -> str:
    """Run a command that succeeds; the last word that it says."""
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.write(f"({command}) 2>&1; echo status $?\n")
    shell.stdin.flush()
    said = []
    while not (line := shell.stdout.readline()).startswith("status "):
        assert line, f"the node ended during {command}"
        said.append(line.strip())
    assert line == "status 0\n", said
    return said[-1] if said else ""


def sized(action: str, *arguments: str) -> str:
    return " ".join(["sh", str(SCRIPT), action, f"{MOUNTED}/{devices.SIZED}/volume", *arguments])


@pytest.mark.parametrize(("asked", "size"), [(400 * 2**20, 400 * 2**20), (2**20, 300 * 2**20)])
def test_a_volume_has_the_size_that_was_asked_for(root: Path, asked: int, size: int) -> None:
    """XFS has a least one. Made again it keeps its files; removed it leaves nothing."""
    folder, image = root / devices.SIZED, root / devices.SIZED / "volume.img"
    with node(root) as shell:
        does(shell, sized("make", str(asked)))
        volume = f"{MOUNTED}/{devices.SIZED}/volume"
        assert does(shell, f"stat --file-system --format %T {volume}") == "xfs"
        assert does(shell, f"stat --format %a {volume}") == "777"
        assert image.stat().st_size == size
        blocks = int(does(shell, f"stat --file-system --format '%b' {volume}"))
        assert 0.7 * size < blocks * 4096 < size
        does(shell, f"touch {volume}/file")
        does(shell, sized("make", str(asked)))
        assert does(shell, f"ls {volume}") == "file"
        assert list(devices.attached().values()) == [image]
        does(shell, sized("remove"))
        devices.wait_until_released(root)
        does(shell, sized("remove"))
    assert list(folder.iterdir()) == []


def test_a_power_cut_releases_volumes_and_they_are_mounted_again(root: Path) -> None:
    """What was durable is there after it, also when the device was in use."""
    volume = f"{MOUNTED}/{devices.SIZED}/volume"
    with node(root) as shell:
        does(shell, sized("make", "0"))
        does(shell, f"echo kept >{volume}/file && sync {volume}/file")
    devices.wait_until_released(root)
    assert devices.attached() == {}
    with node(root) as shell:
        does(shell, sized("mount"))
        assert does(shell, f"cat {volume}/file") == "kept"


def test_a_device_that_was_never_mounted_is_detached(root: Path) -> None:
    """As a kill between the two steps leaves it: no filesystem's end detaches it."""
    image = root / devices.SIZED / "volume.img"
    with image.open("wb") as file:
        file.truncate(2**20)
    with node(root) as shell:
        does(shell, f"losetup --find {MOUNTED}/{devices.SIZED}/volume.img")
    assert list(devices.attached().values()) == [image]
    devices.detach_all()
    assert devices.attached() == {}
