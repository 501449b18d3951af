"""Where a testbed keeps its files, and its number: addresses and names on this machine have it."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEFAULT = Path("/var/lib/stormark-testbed")
FOLDER = Path(os.environ.get("STORMARK_TESTBED", DEFAULT)).resolve()
# `down` keeps these two: what was compiled, and the images made of it.
BIN, IMAGES = FOLDER / "bin", FOLDER / "images"
PKI, ETCD, EXPORT, NODES = (FOLDER / name for name in ("pki", "etcd", "export", "nodes"))
PROVISIONERS, LOG, TEMPORARY = (FOLDER / name for name in ("provisioner", "log", "tmp"))
KUBECONFIG = FOLDER / "kubeconfig"
PROVISIONER = BIN / "local-path-provisioner"
KUBE = FOLDER / "kube"  # a link to the release in bin/ that this testbed runs, until it is down
CSI = BIN / "csi"  # the driver; its sidecars are beside it
ARRAY = FOLDER / "array"  # where the volumes of the CSI driver are
BUSYBOX = BIN / "busybox"  # Debian's package of that name, whichever this machine has installed

KEPT_NUMBER = FOLDER / "number"  # certificates and the cluster's own data are of it

# Each names the state folder of the testbed with its number. Like bridges, they outlive a crash and
# not a reboot.
MOST_TESTBEDS = 9
OWNERS = tuple(
    Path(f"/run/stormark-testbed{f'-{number}' if number else ''}")
    for number in range(MOST_TESTBEDS)
)
SYSCTLS = Path("/run/stormark-testbed-sysctls")  # what they were before kubelets wrote them
# Abstract sockets, no files: one is bound while the testbed is changed, one while a command is run.
_DIGEST = hashlib.sha256(bytes(FOLDER)).hexdigest()[:12]
LOCK, USE = f"\0stormark-testbed-{_DIGEST}", f"\0stormark-testbed-{_DIGEST}-use"


class Failed(Exception):
    """What was attempted, on what, what was seen, and what to do."""


@contextmanager
def exclusive() -> Iterator[None]:
    """Keep other commands out while this one changes the machine; raises Failed if one does."""
    with _bound(
        LOCK,
        "another command is changing the testbed; run this one again when it has ended "
        f"(`ss -lxp | grep @{LOCK[1:]}` names its PID)",
    ):
        yield


@contextmanager
def in_use() -> Iterator[None]:
    """Keep `run` and `down` of others out; raises Failed if one of them is under way."""
    with _bound(
        USE,
        "the testbed is in use, by a `python -m testbed run` or `down` that is under way; "
        f"wait for its end (`ss -lxp | grep @{USE[1:]}` names its PID)",
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


def others() -> list[Path]:
    """The state folders of the other testbeds that this machine has."""
    return [folder for folder in map(_read, OWNERS) if folder not in (None, FOLDER)]


def elsewhere(file: Path) -> list[Path]:
    """What another testbed of this machine may have of a file: the same one of its folder."""
    folders = {DEFAULT, *others()} - {FOLDER}
    return [folder / file.relative_to(FOLDER) for folder in sorted(folders)]


def owner() -> Path | None:
    """The state folder of the testbed with this one's number; None if there is none."""
    return _read(OWNER)


def check_owner() -> None:
    """Raise Failed if this testbed's number has become another's, or is not that of its files."""
    if (other := owner()) not in (None, FOLDER):
        raise Failed(
            f"another testbed, with its state in {other}, has taken the addresses that were free: "
            f"run the command again. A machine has at most {MOST_TESTBEDS} testbeds, "
            f"`STORMARK_TESTBED={other} python -m testbed down` ends that one"
        )


def claim() -> None:
    """Let this testbed have its number; raises Failed if that is another's."""
    check_owner()
    if (kept := _kept()) not in (None, NUMBER):
        raise Failed(
            f"the files in {FOLDER} are of a testbed with other addresses ({_subnet(kept)}.1), "
            f"which by now belong to {_read(OWNERS[kept])}: `python -m testbed down` removes them"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    KEPT_NUMBER.write_text(str(NUMBER))
    fresh = OWNER.with_suffix(".new")
    fresh.write_text(str(FOLDER))
    fresh.replace(OWNER)


def release() -> None:
    """Let the number be free."""
    OWNER.with_suffix(".new").unlink(missing_ok=True)
    OWNER.unlink(missing_ok=True)


def _read(owner: Path) -> Path | None:
    try:
        return Path(owner.read_text())
    except FileNotFoundError:
        return None


def _kept() -> int | None:
    """The number of which the state folder's files are; None if there are no such files."""
    if not PKI.exists():
        return None
    return int(KEPT_NUMBER.read_text()) if KEPT_NUMBER.exists() else 0


def _number() -> int:
    """The number that this testbed has; else that of its files, if it is free; else a free one."""
    owners = [_read(path) for path in OWNERS]
    if FOLDER in owners:
        return owners.index(FOLDER)
    free = [number for number, folder in enumerate(owners) if folder is None]
    kept = _kept()
    return kept if kept in free else min(free, default=0)


def _subnet(number: int) -> str:
    return f"198.18.{number}"  # RFC 2544: addresses for tests between hosts


NUMBER = _number()
OWNER = OWNERS[NUMBER]
SUBNET = _subnet(NUMBER)
GATEWAY = f"{SUBNET}.1"  # the bridge's own address, where the API server listens
LOOPBACK = f"127.0.{NUMBER}.1"  # where else the control plane listens
