"""What several modules of tests need of the cluster."""

import os

import pytest

from testbed import state

BREAKS_NODES = pytest.mark.skipif(
    os.environ.get("KUBECONFIG") != str(state.KUBECONFIG),
    reason="only the testbed's nodes can be broken by a test: `make e2e` without KUBECONFIG",
)
