"""An embedded cluster for the tests of what only it has, and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from embedded import cluster


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded") / "cluster"


@pytest.fixture(scope="session")
def kubeconfig(folder: Path) -> Iterator[Path]:
    with cluster.running(folder, module="tests.embedded.faulty") as path:
        yield path


@pytest.fixture
def core(kubeconfig: Path) -> Iterator[client.CoreV1Api]:
    with config.new_client_from_config(str(kubeconfig)) as api_client:
        yield client.CoreV1Api(api_client)
