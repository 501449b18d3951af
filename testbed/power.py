"""A power cut: what a node's filesystems have not made durable is gone, all at one moment.

A killed process leaves its data in the page cache, from where the kernel writes it to disk later:
that is no power cut. A filesystem that is shut down writes nothing any more, not even its own log.
"""

import errno
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
    """Shut down the filesystems of all volumes that a process's namespace has mounted.

    One that is shut down already stays so.
    """
    numbers = {
        Path(device).stat().st_rdev: device
        for device, file in devices.attached().items()
        if file.is_relative_to(state.NODES) or file.is_relative_to(state.ARRAY)
    }
    with ExitStack() as opened:
        files: dict[str, int | None] = {}
        hidden: dict[str, str] = {}
        for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
            major_minor, _, point = line.split()[2:5]
            number = os.makedev(*map(int, major_minor.split(":")))
            device = numbers.get(number)
            if device is None or device in files:
                continue
            try:
                files[device] = _opened(f"/proc/{pid}/root{point}", number, opened)
            except (
                FileNotFoundError
            ):  # another filesystem lies over it; it may be mounted elsewhere
                hidden[device] = point
        for device in hidden.keys() - files.keys():
            raise Failed(
                f"cutting the power of process {pid}: something lies over {hidden[device]}, where "
                f"{device} is mounted; `nsenter -t {pid} -m umount {hidden[device]}` takes it away"
            )
        for file in files.values():  # between the first and the last is no time
            if file is not None:
                ioctl(file, _SHUT_DOWN, _WITHOUT_FLUSHING)


def _opened(path: str, number: int, stack: ExitStack) -> int | None:
    """A descriptor of a folder of the device with this number; None if that is shut down already.

    Raises FileNotFoundError if the folder is another device's.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        stack.callback(os.close, file)
        found = os.fstat(file).st_dev
    except OSError as error:
        if error.errno == errno.EIO:
            return None
        raise
    if found != number:
        raise FileNotFoundError(path)
    return file
