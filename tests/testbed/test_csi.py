"""The CSI driver, as root: csi-sanity asks it for what the specification says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import csi_driver, devices, processes, state
from testbed.shell import run, wait_for
from tests.testbed.marks import WITH_DEVICES

HOME = state.FOLDER  # of the testbed that has the binaries: each test here has a folder of its own
# So many of csi-sanity's specifications are run; the others are of what the driver does not offer.
OFFERED = 60

pytestmark = WITH_DEVICES


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder with the driver and csi-sanity, compiled if they are not."""
    subprocess.run(
        [sys.executable, "-m", "testbed", "build", "--csi"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"STORMARK_TESTBED": str(HOME)},
        check=True,
        timeout=1800,
    )
    return HOME / "bin"


@pytest.fixture
def socket(programs: Path) -> Iterator[Path]:
    """Where a driver listens that is controller and node at once."""
    csi_driver.make_array()
    file = state.FOLDER / "csi.sock"
    driver = (programs / "csi", "--array", state.ARRAY, "--socket", file)
    # in a mount namespace of its own, as on a node: what it has mounted ends with it
    processes.start("csi", "unshare", "--mount", *driver, "--controller", "--node", "w1")
    wait_for("the driver listens", file.exists, 30, f"{state.LOG}/csi")
    yield file
    processes.kill_all()
    devices.detach_all(state.ARRAY)
    run("umount", state.ARRAY)
    devices.detach_all()


def test_csi_sanity(socket: Path, programs: Path, tmp_path: Path) -> None:
    """It passes, and leaves no volume, snapshot, mount or device."""
    folders = (f"--csi.mountdir={tmp_path}/mount", f"--csi.stagingdir={tmp_path}/staging")
    said = run(programs / "csi-sanity", f"--csi.endpoint={socket}", *folders, "--ginkgo.no-color")
    found = re.search(r"(\d+) Passed \| 0 Failed", said)
    assert found, said
    assert int(found[1]) >= OFFERED
    assert sorted(path.name for path in state.ARRAY.iterdir()) == ["nodes"]
    assert list(devices.attached().values()) == [state.FOLDER / csi_driver.ARRAY[0]]
