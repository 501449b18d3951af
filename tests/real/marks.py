"""What several modules of tests need of the cluster."""

import os

import pytest

from testbed import state

_ELSEWHERE = os.environ.get("KUBECONFIG") != str(state.KUBECONFIG)
BREAKS_NODES = pytest.mark.skipif(
    _ELSEWHERE,
    reason="only the testbed's nodes can be broken by a test: `make e2e` without KUBECONFIG",
)
ON_THIS_MACHINE = pytest.mark.skipif(
    _ELSEWHERE,
    reason="only a testbed's API server reaches what a test serves here: `make e2e` without "
    "KUBECONFIG",
)
