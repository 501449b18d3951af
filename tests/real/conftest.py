"""What only a real cluster has; KUBECONFIG names it, STORMARK_E2E_IMAGE an image that it has."""

import os
from collections.abc import Iterator

import pytest
from kubernetes import client, config

from tests.storms.ground import Ground, new_namespace


@pytest.fixture(scope="session")
def image() -> str:
    return os.environ["STORMARK_E2E_IMAGE"]


@pytest.fixture
def ground(image: str) -> Iterator[Ground]:
    """A namespace of the cluster; the test fails if a run leaves anything there."""
    with new_namespace() as cluster:
        ground = Ground(cluster, {"namespace": cluster.namespace, "image": image}, [])
        yield ground
        assert ground.left() == []


@pytest.fixture(scope="session")
def admin() -> Iterator[client.ApiClient]:
    with config.new_client_from_config(os.environ["KUBECONFIG"]) as connected:
        yield connected
