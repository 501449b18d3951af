"""Each worker of `make e2e` has a testbed of its own, where tests and their commands find it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOUND = """
import os, tests.conftest
from testbed import state
print(os.environ["KUBECONFIG"], os.environ.get("STORMARK_TESTBED"), state.FOLDER)
"""


@pytest.mark.parametrize(("worker", "own"), [("gw0", "/first"), ("gw1", "/second")])
def test_each_worker_has_its_own(worker: str, own: str) -> None:
    given = {"STORMARK_E2E_TESTBEDS": "/first:/second", "PYTEST_XDIST_WORKER": worker}
    assert found(given) == [f"{own}/kubeconfig", own, own]


def test_a_given_cluster_is_every_workers() -> None:
    """Somebody's own cluster stays the one that is tested."""
    given = {"KUBECONFIG": "/own", "STORMARK_TESTBED": "/first", "PYTEST_XDIST_WORKER": "gw1"}
    assert found(given) == ["/own", "/first", "/first"]


def found(variables: dict[str, str]) -> list[str]:
    """KUBECONFIG, STORMARK_TESTBED and the state folder, as tests see them."""
    names = ("STORMARK_E2E_TESTBEDS", "PYTEST_XDIST_WORKER", "KUBECONFIG", "STORMARK_TESTBED")
    others = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", FOUND],
        cwd=Path(__file__).parents[2],
        env=others | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
