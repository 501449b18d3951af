"""The block device of the class gp3-like, one a node, and the rate to which it is held."""

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
    """The loop devices whose files are the testbed's, and those files."""
    listed = run("losetup", "--list", "--json", "--output", "NAME,BACK-FILE")
    devices = json.loads(listed)["loopdevices"] if listed else []
    files = {device["name"]: Path(device["back-file"].split(" (deleted)")[0]) for device in devices}
    return {name: file for name, file in files.items() if file.is_relative_to(state.NODES)}


def detach_all() -> None:
    """Detach every loop device of the testbed; one whose filesystem still ends is waited for."""
    for device in attached():
        run("losetup", "--detach", device)
    wait_for("loop devices detached", lambda: not attached(), 30, "`losetup --list`")


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
