"""Loop devices: a node's disk and that of its gp3-like, with its rate; one of each other volume.

node/sized.sh and the CSI driver attach those of volumes. The kernel detaches them when they are
unmounted, also by the end of their node.
"""

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import state
from .shell import run, wait_for

# An AWS gp3 volume without extras: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
IOPS, BYTES_PER_SECOND = 3000, 125 * 2**20
# A device that a node always has: its image file, its size, and what makes its filesystem.
# The images are sparse; on one disk of this machine, what is written is all that they take.
GP3 = ("gp3.img", 12 * 2**30, ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0"))
DISK = ("disk.img", 64 * 2**30, ("mkfs.xfs", "-q"))  # all other volumes of the node lie on it
SIZED = "opt/sized"  # on a node: the volumes of the class sized, and their image files


def attach(root: Path, name: str, size_bytes: int, make_filesystem: Sequence[str]) -> str:
    """The loop device of an image file in a folder; both are made if they are missing."""
    image = root / name
    if not image.exists():
        fresh = image.with_suffix(".new")
        with fresh.open("wb") as file:
            file.truncate(size_bytes)
        run(*make_filesystem, fresh)
        fresh.rename(image)
    for device, file_of_device in attached().items():
        if file_of_device == image:
            return device
    return run("losetup", "--direct-io=on", "--find", "--show", image)


def attached() -> dict[str, Path]:
    """The loop devices whose files are the testbed's, and those files.

    The name of a file that a node has attached is the node's own: its inode tells whose it is.
    """
    listed = run("losetup", "--list", "--json", "--output", "NAME,BACK-INO,BACK-MAJ:MIN,BACK-FILE")
    devices = json.loads(listed)["loopdevices"] if listed else []
    volumes = [*state.NODES.glob(f"*/{SIZED}/*.img"), *state.ARRAY.glob("*.img")]
    known = {_identity(file): file for file in volumes}
    found = {}
    for device in devices:
        if device["back-file"] is None:  # it is being detached, and has no file any more
            continue
        named = Path(device["back-file"].split(" (deleted)")[0])
        file = known.get((device["back-maj:min"].strip(), int(device["back-ino"])), named)
        if file.is_relative_to(state.FOLDER):
            found[device["name"]] = file
    return found


def wait_until_released(root: Path) -> None:
    """Wait until nothing that a node had mounted is mounted any more.

    A filesystem that was shut down and still is mounted somewhere would be the one that a new mount
    gets.
    """

    def released() -> bool:
        mine = {name: file for name, file in attached().items() if file.is_relative_to(root)}
        volumes = [file for file in mine.values() if file.is_relative_to(root / SIZED)]
        return not volumes and not any(map(_is_mounted, mine))

    wait_for(f"loop devices of {root.name} released", released, 30, "`losetup --list`")


def _is_mounted(device: str) -> bool:
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL))  # mounted: another has it exclusively
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return True
    return False


def detach_all(*folders: Path) -> None:
    """Detach every loop device of the testbed, or of files in some folders of it.

    One whose filesystem still ends is waited for.
    """

    def of_these() -> list[str]:
        below = folders or (state.FOLDER,)
        files = attached().items()
        return [device for device, file in files if any(map(file.is_relative_to, below))]

    def detached() -> bool:
        for device in of_these():
            run("losetup", "--detach", device)  # fails for one that the kernel has detached by now
        return not of_these()

    wait_for("loop devices detached", detached, 30, "`losetup --list`")


def _identity(file: Path) -> tuple[str, int] | None:
    """Device and inode of a file, as losetup writes them; None if it has been removed meanwhile."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}", status.st_ino


def throttled_spec(spec: dict[str, Any], number: int) -> dict[str, Any]:
    """An OCI runtime spec that also holds the block device of a number to the rate.

    The rate is for each container and direction.

    https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#block-io
    """

    def rate(value: int) -> list[dict[str, int]]:
        return [{"major": os.major(number), "minor": os.minor(number), "rate": value}]

    limits = {
        "throttleReadIOPSDevice": rate(IOPS),
        "throttleWriteIOPSDevice": rate(IOPS),
        "throttleReadBpsDevice": rate(BYTES_PER_SECOND),
        "throttleWriteBpsDevice": rate(BYTES_PER_SECOND),
    }
    resources = spec["linux"].get("resources", {}) | {"blockIO": limits}
    return spec | {"linux": spec["linux"] | {"resources": resources}}
