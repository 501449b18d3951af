"""What the machine must have; Debian packages that are missing are installed.

busybox is not installed but unpacked: a machine has one of its two packages, and they differ.
"""

import os
import shutil
import subprocess
from pathlib import Path

from . import state
from .shell import CommandFailed, run, step
from .state import Failed

# What is looked for, on PATH or as a file, and the Debian package that has it.
PACKAGES = {
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/lib/openssh/sftp-server": "openssh-sftp-server",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "fio": "fio",
    "ip": "iproute2",
    "iptables": "iptables",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "openssl": "openssl",
    "runc": "runc",
    "socat": "socat",
    "sshfs": "sshfs",
}
# What the kernel must show, and what needs it.
KERNEL = {
    "dev/fuse": "FUSE, for the class nfs-client",
    "dev/loop-control": "loop devices, for nodes' disks and volumes",
    "sys/fs/cgroup/blkio/blkio.throttle.read_iops_device": (
        "cgroup v1 with blkio throttling, for kubelet and the class gp3-like"
    ),
}
BUSYBOX = "busybox"  # Debian's package; busybox-static would prefer its own commands to an image's
FILESYSTEMS = {"overlay": "overlayfs, for containerd", "xfs": "XFS, for nodes' disks"}
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICE = "#!/bin/sh\n# stormark testbed: installing a package starts no service\nexit 101\n"


def check(root: Path = Path("/")) -> None:
    """Raise Failed with everything that is missing and cannot be installed here."""
    missing = [
        f"{what} (no {root / path})" for path, what in KERNEL.items() if not (root / path).exists()
    ]
    missing += [
        f"{what} (not in /proc/filesystems)"
        for name, what in FILESYSTEMS.items()
        if not _has_filesystem(root, name)
    ]
    if shutil.which("kubectl") is None:
        missing.append("kubectl on PATH (Debian: package kubernetes-client)")
    packages = missing_packages() + ([] if state.BUSYBOX.exists() else [BUSYBOX])
    if packages and not (root / "etc/debian_version").exists():
        missing.append(f"Debian, to install {', '.join(packages)}")
    if missing:
        raise Failed(
            f"this machine lacks {'; '.join(missing)}. Elsewhere kind or k3d make a cluster"
        )


def check_root() -> None:
    """Raise Failed unless this is root."""
    if os.geteuid() != 0:
        raise Failed("it makes namespaces, mounts and devices: run it as root")


def missing_packages() -> list[str]:
    """The Debian packages whose files are not on this machine."""
    return sorted({package for probe, package in PACKAGES.items() if shutil.which(probe) is None})


def install() -> None:
    """Install the Debian packages that are missing; their services are not started."""
    if not (packages := missing_packages()):
        return
    step(f"installing {' '.join(packages)}")
    if not POLICY.exists():
        POLICY.write_text(NO_SERVICE)
        POLICY.chmod(0o755)
    try:
        run("apt-get", "update", "-qq")
        line = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(
            line,
            check=True,
            text=True,
            capture_output=True,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.CalledProcessError as error:
        raise CommandFailed(
            f"installing {' '.join(packages)}: apt-get exited {error.returncode}: "
            f"{error.stderr.strip()}. Install them by hand, then run this again"
        ) from error
    finally:
        remove_policy()


def unpack_busybox() -> None:
    """Unpack the busybox of the images from its Debian package, once."""
    if state.BUSYBOX.exists():
        return
    fresh = state.TEMPORARY / BUSYBOX
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    state.BIN.mkdir(parents=True, exist_ok=True)
    if there := [file for file in state.elsewhere(state.BUSYBOX) if file.exists()]:
        shutil.copy(there[0], fresh)
        (fresh / BUSYBOX).rename(state.BUSYBOX)
        return
    step(f"unpacking Debian's package {BUSYBOX}")
    run("apt-get", "update", "-qq")
    run("env", f"--chdir={fresh}", "apt-get", "download", "-qq", BUSYBOX)
    (package,) = fresh.glob("*.deb")
    run("dpkg-deb", "--extract", package, fresh)
    (program,) = (path for path in fresh.glob("**/bin/busybox") if path.is_file())
    program.rename(state.BUSYBOX)


def remove_policy() -> None:
    """Let packages start services again, if it was the testbed that forbade it."""
    if POLICY.exists() and POLICY.read_text() == NO_SERVICE:
        POLICY.unlink()


def _has_filesystem(root: Path, name: str) -> bool:
    if f"\t{name}\n" in (root / "proc/filesystems").read_text():
        return True
    modprobe = shutil.which("modprobe")
    return modprobe is not None and (
        subprocess.run([modprobe, "--quiet", name], check=False).returncode == 0
    )
