"""Where a testbed keeps its files, its addresses, and which testbed this machine belongs to."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(os.environ.get("STORMARK_TESTBED", "/var/lib/stormark-testbed")).resolve()
# `down` keeps these two: what was compiled, and the images made of it.
BIN, IMAGES = FOLDER / "bin", FOLDER / "images"
PKI, ETCD, EXPORT, NODES = (FOLDER / name for name in ("pki", "etcd", "export", "nodes"))
PROVISIONERS, LOG, TEMPORARY = (FOLDER / name for name in ("provisioner", "log", "tmp"))
KUBECONFIG = FOLDER / "kubeconfig"
KUBE, PROVISIONER = BIN / "kube", BIN / "local-path-provisioner"
BUSYBOX = BIN / "busybox"  # Debian's package of that name, whichever this machine has installed

SUBNET = "198.18.0"  # RFC 2544: addresses for tests between hosts
GATEWAY = f"{SUBNET}.1"  # the bridge's own address, where the API server listens

# Like the bridge, it outlives a crash and not a reboot.
OWNER = Path("/run/stormark-testbed")
SYSCTLS = Path("/run/stormark-testbed-sysctls")  # what they were before kubelets wrote them
# Abstract sockets, no files: one is bound while the machine is changed, one while a command is run.
LOCK, USE = "\0stormark-testbed", "\0stormark-testbed-use"


class Failed(Exception):
    """What was attempted, on what, what was seen, and what to do."""


@contextmanager
def exclusive() -> Iterator[None]:
    """Keep other commands out while this one changes the machine; raises Failed if one does."""
    with _bound(
        LOCK,
        "another command is changing the testbed of this machine; run this one again "
        "when it has ended (`ss -lxp | grep @stormark-testbed` names its PID)",
    ):
        yield


@contextmanager
def in_use() -> Iterator[None]:
    """Keep `run` and `down` of others out; raises Failed if one of them is under way."""
    with _bound(
        USE,
        "the testbed of this machine is in use, by a `python -m testbed run` or `down` that is "
        "under way; wait for its end (`ss -lxp | grep @stormark-testbed-use` names its PID)",
    ):
        yield


@contextmanager
def _bound(name: str, taken: str) -> Iterator[None]:
    """Hold a lock that is an abstract socket; raises Failed if it is taken.

    The kernel releases it however this process ends, and its scope is the network namespace, as
    the bridge's is.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(name)
        except OSError as error:
            raise Failed(taken) from error
        lock.listen()
        yield


def owner() -> Path | None:
    """The state folder of the testbed that this machine belongs to; None if there is none."""
    try:
        return Path(OWNER.read_text())
    except FileNotFoundError:
        return None


def check_owner() -> None:
    """Raise Failed if the machine belongs to the testbed of another state folder."""
    if (other := owner()) not in (None, FOLDER):
        raise Failed(
            f"this machine has a testbed already, with its state in {other}; bridge, addresses "
            f"and cgroups exist once. Use that one, or end it: "
            f"STORMARK_TESTBED={other} python -m testbed down"
        )


def claim() -> None:
    """Let the machine belong to this testbed; raises Failed if it is another's."""
    check_owner()
    fresh = OWNER.with_suffix(".new")
    fresh.write_text(str(FOLDER))
    fresh.replace(OWNER)


def release() -> None:
    """Let the machine belong to no testbed."""
    OWNER.with_suffix(".new").unlink(missing_ok=True)
    OWNER.unlink(missing_ok=True)
