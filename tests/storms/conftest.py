"""Ground for storms: the cluster of KUBECONFIG where STORMARK_E2E_IMAGE is given, or embedded."""

import os
from collections.abc import Iterator

import pytest

from tasks.storms import recovery
from tests.conftest import Cluster
from tests.storms.ground import Ground, new_namespace

REAL = "KUBECONFIG" in os.environ and "STORMARK_E2E_IMAGE" in os.environ


@pytest.fixture
def ground(session_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """The embedded cluster; the test fails if a run leaves anything on it."""
    monkeypatch.setenv("KUBECONFIG", str(session_cluster.kubeconfig))
    folders = [session_cluster.kubeconfig.parent / name for name in ("w1", "w2", "w3")]
    with new_namespace() as cluster:
        ground = Ground(cluster, {"namespace": cluster.namespace}, folders)
        yield ground
        session_cluster.clear_faults()
        assert ground.left() == []


@pytest.fixture
def any_ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A real cluster where one is given, else the embedded one."""
    if not REAL:
        yield request.getfixturevalue("ground")
        return
    image = os.environ["STORMARK_E2E_IMAGE"]
    with new_namespace() as cluster:
        ground = Ground(cluster, {"namespace": cluster.namespace, "image": image}, [])
        yield ground
        assert ground.left() == []


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few records are enough before a fault."""
    monkeypatch.setattr(recovery, "SETTLE_SECONDS", 0.3)
