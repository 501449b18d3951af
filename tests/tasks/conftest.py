"""What several tests need: a connection to a scripted API server, or to the embedded cluster."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import streams
from tasks.lifecycle.run import Run, new_run_id
from tests.conftest import Cluster as Embedded
from tests.tasks.api import Api, serving
from tests.tasks.sample import make_run

NAMESPACE = "bench"


def write_kubeconfig(path: Path, url: str) -> None:
    entry = {"name": "test", "context": {"cluster": "test", "user": "test"}}
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "test",
                "contexts": [entry],
                "clusters": [{"name": "test", "cluster": {"server": url}}],
                "users": [{"name": "test", "user": {"token": "of a test"}}],
            }
        )
    )


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A scripted API server; `api.cluster` is connected to it and does not wait between tries."""
    with serving() as server:
        write_kubeconfig(tmp_path / "kubeconfig", server.url)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(k8s, "RETRIES", k8s.RETRIES.new(backoff_factor=0))
        server.cluster = k8s.connect(None, NAMESPACE)

        def execute(_cluster: k8s.Cluster, _pod: str, command: list[str], **_: float) -> str:
            server.orders.append(command[-1])
            return ""

        monkeypatch.setattr(streams, "execute", execute)
        yield server
        server.cluster.api.rest_client.close()


@pytest.fixture
def connection(cluster: Embedded, namespace: str) -> k8s.Cluster:  # noqa: ARG001 - KUBECONFIG
    """A connection to the embedded cluster, in a namespace of the test's own."""
    return k8s.connect(None, namespace)


@pytest.fixture
def run(connection: k8s.Cluster) -> Run:
    """A run there, of which nothing is made yet."""
    return make_run(connection, new_run_id(datetime.now(UTC)))
