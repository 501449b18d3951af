"""What is missing is said before anything is made, all at once."""

import os
from pathlib import Path

import pytest

from testbed import prerequisites, state
from testbed.shell import run
from testbed.state import Failed


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH with kubectl and all that the packages bring."""
    folder = tmp_path / "programs"
    folder.mkdir()
    packages = {folder / Path(probe).name: package for probe, package in PACKAGES.items()}
    for program in [*packages, folder / "kubectl"]:
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    names = {str(path): package for path, package in packages.items()}
    monkeypatch.setattr(prerequisites, "PACKAGES", names)
    state.BIN.mkdir()
    state.BUSYBOX.touch()
    return folder


PACKAGES = dict(prerequisites.PACKAGES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a Debian whose kernel has everything."""
    root = tmp_path / "root"
    for path in [*prerequisites.KERNEL, "etc/debian_version", "proc/filesystems"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    (root / "proc/filesystems").write_text("nodev\ttmpfs\nnodev\toverlay\n\txfs\n")
    return root


def test_complete_machine(root: Path, programs: Path) -> None:
    """Nothing is missing, nothing is installed."""
    prerequisites.check(root)
    prerequisites.install()
    assert programs.exists()


@pytest.mark.usefixtures("programs")
def test_everything_is_said_at_once(root: Path) -> None:
    """The message has each missing thing with what needs it, and names the alternatives."""
    (root / "dev/fuse").unlink()
    (root / "sys/fs/cgroup/blkio/blkio.throttle.read_iops_device").unlink()
    (root / "proc/filesystems").write_text("nodev\ttmpfs\n")
    with pytest.raises(Failed) as raised:
        prerequisites.check(root)
    for part in ("FUSE, for the class nfs-client", "cgroup v1", "overlayfs", "XFS", "kind or k3d"):
        assert part in str(raised.value)


def test_missing_package_on_another_system(root: Path, programs: Path) -> None:
    """Packages are installed on Debian; elsewhere the message says which are needed."""
    (programs / "fio").unlink()
    assert prerequisites.missing_packages() == ["fio"]
    prerequisites.check(root)
    (root / "etc/debian_version").unlink()
    with pytest.raises(Failed, match="lacks Debian, to install fio"):
        prerequisites.check(root)
    (programs / "fio").touch(0o755)
    state.BUSYBOX.unlink()
    with pytest.raises(Failed, match="lacks Debian, to install busybox"):
        prerequisites.check(root)


def test_busybox_is_the_one_of_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is on PATH may be the other package's; apt-get is a script here."""
    for name, text in {
        "busybox": "echo another",
        "apt-get": f'[ "$1" = update ] || {{ echo "$*" >>{tmp_path}/calls; touch a.deb; }}',
        "dpkg-deb": 'mkdir -p "$3/bin"; printf "#!/bin/sh\\necho known" >"$3/bin/busybox"; '
        'chmod 755 "$3/bin/busybox"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    prerequisites.unpack_busybox()
    prerequisites.unpack_busybox()
    assert run(state.BUSYBOX) == "known"
    assert (tmp_path / "calls").read_text() == "download -qq busybox\n"


def test_no_kubectl(root: Path, programs: Path) -> None:
    """kubectl is the user's own: it is named, not installed."""
    (programs / "kubectl").unlink()
    with pytest.raises(Failed, match="kubectl on PATH"):
        prerequisites.check(root)


@pytest.mark.parametrize(("content", "stays"), [(None, False), ("#!/bin/sh\nexit 0\n", True)])
def test_only_its_own_policy_is_removed(
    content: str | None, stays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy on starting services that was there before stays."""
    policy = tmp_path / "policy-rc.d"
    policy.write_text(content or prerequisites.NO_SERVICE)
    monkeypatch.setattr(prerequisites, "POLICY", policy)
    prerequisites.remove_policy()
    assert policy.exists() == stays
