"""The scripts of nodes in each shell: programs are stand-ins only where services need a cluster."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import devices
from testbed.templates import HERE

from .marks import WITH_DEVICES
from .shells import SHELLS, command_of, program_of
from .test_devices import does

VOLUME = f"/{devices.SIZED}/volume"
FOLDERS = "/opt/local-path-provisioner /var/tmp /var/lib/kubelet/pods /opt/lying"
# Goes on as a node's first process, with this machine's files; what it writes is its own. The
# folder $1 has volumes, and own/, which is laid over the machine's files.
NODE = f"""\
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/own /mnt/work /mnt/root
cp -r "$1/own" /mnt
mount -t overlay -o lowerdir=/,upperdir=/mnt/own,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mkdir -p {devices.SIZED} .host
mount --bind "$1/volumes" {devices.SIZED}
mount --rbind /dev dev
mount -t proc proc proc
pivot_root . .host
umount -l .host
exec sh
"""
NOTE = '#!/bin/sh\necho "${0##*/} $*" >>/var/log/calls\n'

pytestmark = WITH_DEVICES


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, folder: Path) -> str:
    """The command of a shell on the node."""
    if request.param == "sh":
        return "sh"
    copied = folder / "own/usr/bin/busybox"
    copied.parent.mkdir(parents=True)
    shutil.copy(program_of(request.param), copied)
    return "/usr/bin/busybox sh"


@pytest.fixture
def node(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A shell that is a node's first process; what it has mounted ends with it."""
    etc = folder / "own/etc"
    shutil.copytree(HERE / "storage/sized", etc / "storage")
    for script in (HERE / "node").glob("*.sh"):
        shutil.copy(script, etc)
    (folder / "volumes").mkdir()
    isolate = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen(
        [*isolate, "sh", "-c", NODE, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        yield first
        first.kill()


def test_a_volume_of_the_class_sized(shell: str, node: subprocess.Popen[str], folder: Path) -> None:
    """As the provisioner's helper pod makes and removes it, each also a second time."""
    variables = f"VOL_DIR={VOLUME} VOL_SIZE_BYTES={400 * 2**20}"
    for _ in range(2):
        does(node, f"{variables} {shell} /etc/storage/setup.sh")
        assert does(node, f"stat --file-system --format %T {VOLUME}") == "xfs"
    assert (folder / "volumes/volume.img").stat().st_size == 400 * 2**20
    for _ in range(2):
        does(node, f"{variables} {shell} /etc/storage/teardown.sh")
    assert list((folder / "volumes").iterdir()) == []


def test_services(shell: str, node: subprocess.Popen[str]) -> None:
    """Started again it mounts the volumes that there were; images are imported, kubelet runs.

    Its second start is one after a power cut, which leaves the folders of the lying overlayfs.
    """
    volumes = Path(VOLUME).parent
    does(node, f"{shell} /etc/sized.sh make {VOLUME} 0")
    does(node, f"touch {VOLUME}/file && umount {VOLUME}")
    does(node, "mkdir -p /opt/gp3 /mnt/shared /testbed/bin /testbed/images")
    does(node, "touch /testbed/images/a.tar")
    for program in ("/usr/bin/sshfs", "/usr/bin/containerd", "/usr/bin/ctr", "/testbed/kube"):
        does(node, f"rm -f {program}; printf '%s' '{NOTE}' >{program}; chmod 755 {program}")
    does(node, f"truncate --size 300M {volumes}/disk && /usr/sbin/mkfs.xfs -q {volumes}/disk")
    for _ in range(2):
        does(node, f"umount --lazy {VOLUME} {FOLDERS} /disk || true; rm -f /var/log/calls")
        arguments = f"w1 192.0.2.1 host:/export /dev/null {volumes}/disk"
        does(node, f"{shell} /etc/services.sh {arguments} >/dev/null 2>&1 & echo $! >/first")
        does(node, "timeout 60 sh -c 'until grep -q kubelet /var/log/calls; do sleep 0.1; done'")
        does(node, "kill $(cat /first)")
    for folder in FOLDERS.split():
        kind = "overlayfs" if folder == "/opt/lying" else "xfs"
        assert does(node, f"stat --file-system --format %T {folder}") == kind
    assert does(node, f"ls {VOLUME}") == "file"
    does(node, "grep 'sshfs .* host:/export /mnt/shared' /var/log/calls")
    does(node, "grep 'ctr .* images import --no-unpack /testbed/images/a.tar' /var/log/calls")
    does(node, "grep 'kube kubelet .* --hostname-override w1 --node-ip 192.0.2.1' /var/log/calls")


@pytest.mark.parametrize("name", SHELLS)
def test_first_process(name: str, folder: Path) -> None:
    """It has a root of its own with the machine's programs, and goes on as services.sh."""
    root = folder / "nodes/w1"
    for made in (root / "etc", folder / "bin", folder / "images", folder / "array"):
        made.mkdir(parents=True)
    kube = folder / "bin/kube-1.31"
    kube.write_text("#!/bin/sh\necho Kubernetes 1.31\n")
    kube.chmod(0o755)
    (folder / "kube").symlink_to(kube)
    services = 'echo "$(hostname) $*"; /testbed/kube; ls /testbed/bin /var; ls /.host\n'
    (root / "etc/services.sh").write_text(services)
    (root / "var").mkdir()
    isolate = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
    init = [*command_of(name), str(HERE / "node/init.sh"), str(root), str(folder)]
    line = [*isolate, *init, "w1", "192.0.2.1", "host:/export", "/dev/loop9", "/dev/loop8"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout.split("\n")
    assert said[:2] == ["w1 w1 192.0.2.1 host:/export /dev/loop9 /dev/loop8", "Kubernetes 1.31"], (
        done
    )
    assert said[2:4] == ["/testbed/bin:", "kube-1.31"], done
    assert done.stderr.count("\n") == 1, done  # only that there is no way to the machine's files
    assert "/.host" in done.stderr
