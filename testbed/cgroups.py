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


def remove(node: str = "") -> None:
    """Remove every cgroup of the testbed, or of a node that has ended.

    Those of processes that are ending are waited for.
    """
    of = f"{GROUP}/{node}" if node else GROUP
    wait_for("cgroups removed", lambda: _try_to_remove(of), 30, f"{ROOT}/*/{of}/**/cgroup.procs")


def _try_to_remove(top_group: str) -> bool:
    """Remove what is empty, from the leaves up; true if nothing is left."""
    for top in ROOT.glob(f"*/{top_group}"):
        groups = [top, *(path for path in top.rglob("*") if path.is_dir())]
        for group in sorted(groups, reverse=True):
            try:
                group.rmdir()
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
    return not list(ROOT.glob(f"*/{top_group}"))
