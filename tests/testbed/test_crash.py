"""The real thing, as root: `down` clears the machine whenever `up`, or another `down`, was killed.

Minutes long, and it ends the testbed of this machine: only with STORMARK_TESTBED_E2E=1.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed import shell, state

COMMAND = [sys.executable, "-m", "testbed"]
HERE = Path(__file__).parents[2]
HOME = state.FOLDER
MARK = f"{shell.MARK}={HOME}:".encode()
# What appears on the machine, after which `up` is killed.
MOMENTS = (
    "/run/stormark-testbed",
    "/sys/class/net/smbr0",
    "/run/netns/sm-storage",
    "/run/netns/sm-w1",
    "/sys/fs/cgroup/blkio/stormark-testbed/w2",
    "/sys/class/net/smv-w3",
)
# What disappears, after which `down` is killed: one moment of each of its steps.
LAST_MOMENTS = (
    "/run/stormark-testbed-sysctls",
    "/sys/class/net/smv-w1",
    "/run/netns/sm-storage",
    "/sys/fs/cgroup/blkio/stormark-testbed/w1",
    f"{HOME}/kubeconfig",
)
POD = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: a}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: sized
  resources: {requests: {storage: 300Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
    - name: a
      image: busybox:1.36
      command: [sh, -c, "exec >/volume/open; exec sleep 100000"]
      volumeMounts: [{name: volume, mountPath: /volume}]
  volumes:
    - name: volume
      persistentVolumeClaim: {claimName: a}
"""

pytestmark = pytest.mark.skipif(
    os.environ.get("STORMARK_TESTBED_E2E") != "1" or os.geteuid() != 0,
    reason="needs root and this machine's testbed: set STORMARK_TESTBED_E2E=1",
)


def left() -> dict[str, list[str]]:
    """All of the testbed that this machine shows, except what `down` keeps."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    environments = {path: _read(path) for path in Path("/proc").glob("[0-9]*/environ")}
    loops = Path("/sys/block").glob("loop*/loop/backing_file")
    return {
        "processes": [str(p) for p, e in environments.items() if MARK in e],
        "mounts": [line for line in mounts if "sm-" in line or str(HOME) in line],
        "networks": [path.name for path in Path("/sys/class/net").glob("sm[bv]*")],
        "namespaces": [path.name for path in Path("/run/netns").glob("sm-*")],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob("*/stormark-testbed")],
        "devices": [str(path) for path in loops if _is_testbeds(path)],
        "files": sorted({path.name for path in HOME.glob("*")} - {"bin", "images"}),
        "owner": [str(path) for path in Path("/run").glob("stormark-testbed*")],
    }


def _is_testbeds(backing_file: Path) -> bool:
    """A node's own name for its file is that of the node's root."""
    return _read(backing_file).startswith((bytes(HOME), b"/opt/sized/"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def run(*arguments: str) -> str:
    """The output of a command of the testbed that succeeds."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=HERE, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Killed at a moment of `up` that is not the build's minutes; nothing is there before."""
    run("build")
    run("down")
    assert not any(left().values()), left()


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_up(moment: str) -> None:
    """Whatever it had made, `down` leaves nothing."""
    with subprocess.Popen(
        [*COMMAND, "up"], cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as up:
        while not Path(moment).exists():
            assert up.poll() is None, f"up ended before {moment} appeared"
            os.sched_yield()
        up.send_signal(signal.SIGKILL)
    assert any(left().values())
    run("down")
    assert not any(left().values()), left()


@pytest.mark.parametrize("moment", LAST_MOMENTS)
def test_killed_down(moment: str) -> None:
    """The next one ends what is left."""
    run("up", "--nodes", "1")
    assert Path(moment).exists()
    with subprocess.Popen([*COMMAND, "down"], cwd=HERE, stderr=subprocess.DEVNULL) as down:
        while Path(moment).exists():
            assert down.poll() is None or not Path(moment).exists(), "down has failed"
            os.sched_yield()
        down.send_signal(signal.SIGKILL)
    run("down")
    assert not any(left().values()), left()


def test_up_finishes_what_was_begun() -> None:
    """After a kill `up` goes on; repeated it keeps all processes; `down` may be repeated."""
    with subprocess.Popen([*COMMAND, "up"], cwd=HERE, stdout=subprocess.DEVNULL) as up:
        while not Path("/sys/class/net/smv-w2").exists():
            assert up.poll() is None
            os.sched_yield()
        up.send_signal(signal.SIGKILL)
    run("up")
    before = run("status")
    run("up")
    assert _processes(run("status")) == _processes(before)
    run("down")
    run("down")
    assert not any(left().values()), left()


def test_down_with_a_volume_in_use() -> None:
    """One of the class sized is a filesystem and a loop device of its own."""
    run("up", "--nodes", "1")
    before = left()["devices"]
    kubectl = ["kubectl", f"--kubeconfig={run('kubeconfig').strip()}"]
    subprocess.run([*kubectl, "apply", "--filename=-"], input=POD, text=True, check=True)
    subprocess.run(
        [*kubectl, "wait", "--for=condition=Ready", "pod/a", "--timeout=120s"], check=True
    )
    assert len(left()["devices"]) == len(before) + 1
    run("down")
    assert not any(left().values()), left()


def test_listens_on_its_own_addresses_only() -> None:
    """Loopback and the bridge: no socket of the host is open to others."""
    run("up", "--nodes", "1")
    opened = _listening()
    run("down")
    assert opened
    assert all(address.startswith(("127.0.0.1:", "198.18.0.1:")) for address in opened), opened


def _processes(status: str) -> set[str]:
    return {line for line in status.splitlines() if line.split()[:1] and line.split()[0].isdigit()}


def _listening() -> set[str]:
    """The addresses of the sockets that the testbed's processes listen on."""
    lines = subprocess.run(["ss", "-Htlnp"], capture_output=True, text=True, check=True).stdout
    return {
        line.split()[3]
        for line in lines.splitlines()
        for pid in re.findall(r"pid=(\d+)", line)
        if MARK in _read(Path(f"/proc/{pid}/environ"))
    }
