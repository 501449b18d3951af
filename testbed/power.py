"""A power cut: what a node's filesystems have not made durable is gone, all at one moment.

A killed process leaves its data in the page cache, from where the kernel writes it to disk later:
that is no power cut. A filesystem that is shut down writes nothing any more, not even its own log.
"""

import os
from contextlib import ExitStack
from fcntl import ioctl
from pathlib import Path
from struct import pack

from . import devices, state
from .state import Failed

# XFS_IOC_GOINGDOWN and its XFS_FSOP_GOING_FLAGS_NOLOGFLUSH of xfs_fs.h; ext4 has the same numbers:
# what `xfs_io -x -c shutdown` does.
_SHUT_DOWN, _WITHOUT_FLUSHING = 0x8004587D, pack("I", 2)


def cut(pid: int) -> None:
    """Shut down the filesystems of all volumes that a process's namespace has mounted."""
    with ExitStack() as opened:
        files = []
        for point in _mounts(pid).values():
            file = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
            opened.callback(os.close, file)
            files.append(file)
        for file in files:  # opened before: between the first and the last is no time
            ioctl(file, _SHUT_DOWN, _WITHOUT_FLUSHING)


def _mounts(pid: int) -> dict[int, Path]:
    """By device, a path to one place where it is mounted in a process's namespace."""
    wanted = {
        Path(device).stat().st_rdev
        for device, file in devices.attached().items()
        if file.is_relative_to(state.NODES) or file.is_relative_to(state.ARRAY)
    }
    found: dict[int, Path] = {}
    hidden = set()
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        numbers, _, point = line.split()[2:5]
        device = os.makedev(*map(int, numbers.split(":")))
        path = Path(f"/proc/{pid}/root{point}")
        if device not in wanted:
            continue
        if path.is_dir() and path.stat().st_dev == device:
            found[device] = path
        else:  # another filesystem was mounted over it
            hidden.add(device)
    if lost := hidden - found.keys():
        raise Failed(
            f"cutting the power of process {pid}: something lies over the mount of device "
            f"{os.major(min(lost))}:{os.minor(min(lost))}; /proc/{pid}/mountinfo tells what"
        )
    return found
