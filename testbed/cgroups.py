"""The cgroups (v1) below which each node's kubelet makes those of its pods."""

import errno
from pathlib import Path

from .shell import wait_for
from .state import OWNER

ROOT = Path("/sys/fs/cgroup")
GROUP = OWNER.name


def make(node: str) -> None:
    """Make a node's cgroup in every hierarchy."""
    for hierarchy in filter(Path.is_dir, ROOT.iterdir()):
        for group in (hierarchy / GROUP, hierarchy / GROUP / node):
            group.mkdir(exist_ok=True)
            # a new cpuset is empty: nothing could run in it
            for name in ("cpuset.cpus", "cpuset.mems"):
                if (group / name).exists():
                    (group / name).write_text((group.parent / name).read_text())


def remove() -> None:
    """Remove every cgroup of the testbed; those of processes that are ending are waited for."""
    wait_for("cgroups removed", _try_to_remove, 30, f"{ROOT}/*/{GROUP}/**/cgroup.procs")


def _try_to_remove() -> bool:
    """Remove what is empty, from the leaves up; true if nothing is left."""
    for top in ROOT.glob(f"*/{GROUP}"):
        groups = [top, *(path for path in top.rglob("*") if path.is_dir())]
        for group in sorted(groups, reverse=True):
            try:
                group.rmdir()
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
    return not list(ROOT.glob(f"*/{GROUP}"))
