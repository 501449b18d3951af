"""A whole testbed, up and down. Both can be repeated, also after a crash of the other."""

import shutil
import time
from pathlib import Path

from . import (
    build,
    certificates,
    cgroups,
    classes,
    control_plane,
    csi_driver,
    devices,
    images,
    machine,
    network,
    nodes,
    prerequisites,
    processes,
    state,
    sysctls,
)
from .shell import run, step
from .state import Failed


def up(node_count: int, release: str | None = None, *, csi: bool = False) -> None:
    """Make a cluster with at least so many nodes; what exists already is kept or finished.

    With csi there are volumes that attach, too. Of another release than the one asked for, nothing
    is: that is Failed.
    """
    prerequisites.check_root()
    state.check_owner()
    prerequisites.check()
    with state.exclusive():
        if state.owner() is None:
            network.check_unused()
        with machine.alone():
            state.claim()
            build.choose(release)
            sysctls.save()
            prerequisites.install()
            prerequisites.unpack_busybox()
            build.build(release, csi=csi)
        began = time.monotonic()
        certificates.make()
        images.make()
        network.make_bridge()
        classes.start_storage_host()
        control_plane.start()
        csi_driver.make_array()
        names = [nodes.make(index) for index in range(1, node_count + 1)]
        for name in names:
            nodes.start(name)
        step(f"waiting for {', '.join(names)}")
        nodes.wait_until_ready(names)
        classes.make()
        if csi:
            csi_driver.start(names)
    step(f"up in {time.monotonic() - began:.0f} s")


def down() -> None:
    """End all that `up` has made, whatever of it is there; keeps what was compiled, and images."""
    prerequisites.check_root()
    state.check_owner()
    with state.exclusive():
        processes.kill_all()
        with machine.alone():
            if not state.others():
                sysctls.restore()
            prerequisites.remove_policy()
        if state.owner() is not None:  # else such names would be another program's
            network.remove()
            cgroups.remove()
        devices.detach_all(state.NODES, state.ARRAY)
        _unmount()
        devices.detach_all()
        _remove_files()
        state.release()
    step(f"down; {state.BIN} and {state.IMAGES} stay for the next time")


def mounts() -> list[str]:
    """The mounts below the state folder in this mount namespace: there should be none."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = (line.split()[4] for line in lines)
    return sorted(point for point in points if point.startswith(f"{state.FOLDER}/"))


def _unmount() -> None:
    for point in reversed(mounts()):
        run("umount", point)


def _remove_files() -> None:
    if there := mounts():  # removing files below one could remove this machine's
        raise Failed(f"still mounted: {', '.join(there)}; unmount them, then `down` again")
    kept = {state.BIN, state.IMAGES}
    for path in set(state.FOLDER.glob("*")) - kept:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
