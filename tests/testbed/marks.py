"""What several modules of tests need of the machine."""

import os

import pytest

WITH_DEVICES = [
    pytest.mark.skipif(
        os.environ.get("STORMARK_TESTBED_E2E") != "1" or os.geteuid() != 0,
        reason="needs root and what a testbed installs: set STORMARK_TESTBED_E2E=1",
    ),
    pytest.mark.xdist_group("devices"),  # the machine's loop devices are one set
]
