"""The real thing, as root: `down` clears the machine whenever `up`, or another `down`, was killed.

Minutes long, and it ends the testbed of this machine: only with STORMARK_TESTBED_E2E=1.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed import cgroups, network, shell, state

COMMAND = [sys.executable, "-m", "testbed"]
HERE = Path(__file__).parents[2]
# As they are for the commands: each test here has a folder and names of its own.
HOME, OWNERS, SYSCTLS = state.FOLDER, state.OWNERS, state.SYSCTLS
SECOND = HOME.with_name(f"{HOME.name}-second")
BLKIO = f"{cgroups.ROOT}/blkio/{cgroups.GROUP}"
# What appears on the machine, after which `up` is killed.
MOMENTS = (
    str(state.OWNER),
    f"/sys/class/net/{network.BRIDGE}",
    f"/run/netns/{network.namespace('storage')}",
    f"/run/netns/{network.namespace('w1')}",
    f"{BLKIO}/w2",
    f"/sys/class/net/{network.link('w3')}",
)
# What disappears, after which `down` is killed: one moment of each of its steps.
LAST_MOMENTS = (
    str(SYSCTLS),
    f"/sys/class/net/{network.link('w1')}",
    f"/run/netns/{network.namespace('storage')}",
    f"{BLKIO}/w1",
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


def owners() -> list[str]:
    """The state folder of the testbed of each number; empty where there is none."""
    return [_read(path).decode() for path in OWNERS]


def others() -> set[str]:
    """Those of testbeds that are nothing to these tests."""
    return set(owners()) - {"", str(HOME), str(SECOND)}


def left(home: Path = HOME, number: int = state.NUMBER) -> dict[str, list[str]]:
    """All of a testbed that this machine shows, except what `down` keeps."""
    name, of = OWNERS[number].name, number or ""
    mark, namespace = f"{shell.MARK}={home}:".encode(), f"/run/netns/sm{of}-"
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    environments = {path: _read(path) for path in Path("/proc").glob("[0-9]*/environ")}
    loops = Path("/sys/block").glob("loop*/loop/backing_file")
    networks = [f"smbr{number}", f"smv{of}-*"]
    shared = [] if any(owners()) else [SYSCTLS]  # kubelets of any may run
    return {
        "processes": [str(path) for path, e in environments.items() if mark in e],
        "mounts": [line for line in mounts if namespace in line or f"{home}/" in line],
        "networks": [str(p) for net in networks for p in Path("/sys/class/net").glob(net)],
        "namespaces": [path.name for path in Path("/run/netns").glob(f"sm{of}-*")],
        "cgroups": [str(path) for path in cgroups.ROOT.glob(f"*/{name}")],
        "devices": [str(path) for path in loops if _is_of(home, path)],
        "files": sorted({path.name for path in home.glob("*")} - {"bin", "images"}),
        "owner": [str(path) for path in [OWNERS[number], *shared] if path.exists()],
    }


def _is_of(home: Path, backing_file: Path) -> bool:
    """A node's own name for its file is that of the node's root, in which all testbeds agree."""
    name = _read(backing_file)
    return name.startswith(f"{home}/".encode()) or (
        not others() and name.startswith((b"/opt/sized/", b"/testbed/array/"))
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def run(*arguments: str, home: Path = HOME) -> str:
    """The output of a command of the testbed that succeeds."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=HERE,
        env=os.environ | {"STORMARK_TESTBED": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
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
    if moment == str(SYSCTLS) and others():
        pytest.skip("another testbed's kubelets run: the kernel's settings stay")
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


def test_two_side_by_side() -> None:
    """Each is a whole cluster, also while the other is broken; `down` ends exactly one."""
    run("up", "--nodes", "1")
    try:
        run("up", "--nodes", "2", home=SECOND)
        number = owners().index(str(SECOND))
        assert all(left(SECOND, number)[what] for what in ("processes", "networks", "cgroups"))
        run("stop-node", "w1")
        assert run("status", home=SECOND).count(" Ready ") == 2
        run("down")
        kept = [str(path) for path in (OWNERS[number], SYSCTLS)]
        assert [path for path in kept if not Path(path).exists()] == []
        assert not any(left().values()), left()
        assert run("status", home=SECOND).count(" Ready ") == 2
        run("cut", "w1", home=SECOND)
        run("up", "--nodes", "1")
        assert run("status").count(" Ready ") == 1
    finally:
        run("down", home=SECOND)
    assert run("status").count(" Ready ") == 1
    assert not any((left(SECOND, number) | {"devices": []}).values()), left(SECOND, number)
    run("down")
    assert not any(left().values()), left()
    assert not any(left(SECOND, number).values()), left(SECOND, number)
    shutil.rmtree(SECOND)


def test_listens_on_its_own_addresses_only() -> None:
    """Loopback and the bridge: no socket of the host is open to others."""
    run("up", "--nodes", "1")
    opened = _listening()
    run("down")
    assert opened
    own = (f"{state.LOOPBACK}:", f"{state.GATEWAY}:")
    assert all(address.startswith(own) for address in opened), opened


def _processes(status: str) -> set[str]:
    return {line for line in status.splitlines() if line.split()[:1] and line.split()[0].isdigit()}


def _listening() -> set[str]:
    """The addresses of the sockets that the testbed's processes listen on."""
    lines = subprocess.run(["ss", "-Htlnp"], capture_output=True, text=True, check=True).stdout
    return {
        line.split()[3]
        for line in lines.splitlines()
        for pid in re.findall(r"pid=(\d+)", line)
        if f"{shell.MARK}={HOME}:".encode() in _read(Path(f"/proc/{pid}/environ"))
    }
