"""Which loop devices are the testbed's, while others come and go; losetup is a script here."""

import json
import os
from pathlib import Path

import pytest

from testbed import devices, state


def listed(name: str, file: Path | None) -> dict[str, str | int | None]:
    """A row of losetup; without a file, of a device that is being detached."""
    if file is None:
        return {"name": name, "back-ino": None, "back-maj:min": None, "back-file": None}
    status = file.stat()
    number = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    return {
        "name": name,
        "back-ino": status.st_ino,
        "back-maj:min": f"  {number}  ",
        "back-file": f"/{file.relative_to(state.NODES / 'w1')}",  # the name that the node has
    }


@pytest.fixture
def volume(folder: Path) -> Path:
    """The image file of a volume of the class sized."""
    file = folder / "nodes/w1" / devices.SIZED / "volume.img"
    file.parent.mkdir(parents=True)
    file.touch()
    return file


@pytest.fixture
def losetup(volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with that volume, and a device that is being detached."""
    rows = {"loopdevices": [listed("/dev/loop0", None), listed("/dev/loop1", volume)]}
    (tmp_path / "rows").write_text(json.dumps(rows))
    script = tmp_path / "losetup"
    script.write_text(f"#!/bin/sh\ncat {tmp_path}/rows\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.usefixtures("losetup")
def test_a_device_that_is_being_detached_is_nobodys(volume: Path) -> None:
    """It has no file any more, whoever's it was."""
    assert devices.attached() == {"/dev/loop1": volume}


@pytest.mark.usefixtures("losetup")
def test_a_volume_that_is_removed_meanwhile(volume: Path) -> None:
    """Its name was seen in its folder, and there is no such file a moment later."""
    volume.with_name("removed.img").symlink_to("nothing")
    assert devices.attached() == {"/dev/loop1": volume}
