"""Loop devices: of the class gp3-like one a node, with its rate; of the class sized one a volume.

node/sized.sh attaches and mounts those of sized. The kernel detaches them when they are unmounted,
also by the end of their node.
"""

import json
import os
from pathlib import Path
from typing import Any

from . import state
from .shell import run, wait_for

# An AWS gp3 volume without extras: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
IOPS, BYTES_PER_SECOND = 3000, 125 * 2**20
SIZE_BYTES = 12 * 2**30
IMAGE = "gp3.img"
SIZED = "opt/sized"  # on a node: the volumes of the class sized, and their image files


def attach(root: Path) -> str:
    """The loop device of a node's image file; both are made if they are missing."""
    image = root / IMAGE
    if not image.exists():
        fresh = image.with_suffix(".new")
        with fresh.open("wb") as file:
            file.truncate(SIZE_BYTES)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", fresh)
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
    sized = {_identity(file): file for file in state.NODES.glob(f"*/{SIZED}/*.img")}
    found = {}
    for device in devices:
        if device["back-file"] is None:  # it is being detached, and has no file any more
            continue
        named = Path(device["back-file"].split(" (deleted)")[0])
        file = sized.get((device["back-maj:min"].strip(), int(device["back-ino"])), named)
        if file.is_relative_to(state.NODES):
            found[device["name"]] = file
    return found


def wait_until_released(root: Path) -> None:
    """Wait until the volumes of the class sized that a node had mounted are so no more."""
    wait_for(
        f"loop devices of {root.name} detached",
        lambda: not any(file.is_relative_to(root / SIZED) for file in attached().values()),
        30,
        "`losetup --list`",
    )


def detach_all() -> None:
    """Detach every loop device of the testbed; one whose filesystem still ends is waited for."""

    def detached() -> bool:
        for device in attached():
            run("losetup", "--detach", device)  # fails for one that the kernel has detached by now
        return not attached()

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
