"""Each scenario runs against the cluster of KUBECONFIG, else against an embedded one."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from kubernetes import client, config

from embedded import cluster

from .kube import Kube


@pytest.fixture(scope="session")
def kubeconfig() -> Iterator[str]:
    if given := os.environ.get("KUBECONFIG"):
        yield given
    else:
        with cluster.running() as path:
            yield str(path)


@pytest.fixture(scope="session")
def api_client(kubeconfig: str) -> Iterator[client.ApiClient]:
    with config.new_client_from_config(kubeconfig) as connected:
        yield connected


@pytest.fixture
def kube(api_client: client.ApiClient) -> Iterator[Kube]:
    """A namespace of the test's own, and the client's APIs in it; cordons are undone."""
    kube = Kube(api_client, f"e2e-{uuid4().hex[:8]}")
    kube.create_namespace()
    yield kube
    for node in kube.cordoned:
        kube.uncordon(node)
    kube.core.delete_namespace(kube.namespace)
