"""What several tests need: a scripted API server with a connection to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import streams
from tests.tasks.api import Api, serving

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
