"""Volumes of a class that says Retain, on a real cluster: with a right they go, else are named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client

from tasks.kubernetes import cluster as k8s
from tasks.lifecycle.reap import reap
from tasks.plan.plan import Plan
from tests.real.account import granted
from tests.storms.ground import Ground, storm_rows
from tests.tasks.rights import FILES, shipped

RETAIN = "rbac/retain.yaml"


@pytest.fixture
def retaining(admin: client.ApiClient) -> Iterator[str]:
    """A class as local-path, whose volumes are to stay."""
    name = f"retain-{uuid4().hex[:8]}"
    classes: Any = client.StorageV1Api(admin)
    given = classes.read_storage_class("local-path")
    given.metadata = {"name": name}
    given.reclaim_policy = "Retain"
    classes.create_storage_class(given)
    yield name
    classes.delete_storage_class(name)


def volumes_of(admin: client.ApiClient, namespace: str) -> dict[str, str]:
    """The phase of each PV that a PVC of the namespace is or was bound to."""
    core: Any = client.CoreV1Api(admin)
    items = core.list_persistent_volume().items
    return {
        item.metadata.name: item.status.phase
        for item in items
        if item.spec.claim_ref and item.spec.claim_ref.namespace == namespace
    }


@pytest.mark.parametrize("may", [True, False], ids=["may patch PVs", "may not"])
def test_a_retained_volume_goes_or_is_named(
    admin: client.ApiClient,
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    retaining: str,
    *,
    may: bool,
) -> None:
    objects = shipped(*(file for file in FILES if may or file != RETAIN))
    with granted(admin, objects, tmp_path) as kubeconfig:
        here = kubeconfig.stem
        with monkeypatch.context() as patch:
            patch.setenv("KUBECONFIG", str(kubeconfig))
            ground = Ground(k8s.connect(here, here), {"image": image}, [])
            known = ground.run_storms(
                tmp_path,
                context=here,
                namespace=here,
                storage_classes=[retaining],
                storm_volumes=["storage-classes"],
                storms=["pod-delete"],
                writes_per_second=20,
            )
        assert [row["kept"] for row in storm_rows(known)] == [True]
        left = volumes_of(admin, here)
        if may:
            assert left == {}
            return
        ((name, phase),) = left.items()
        assert phase == "Released"
        assert any(f"PersistentVolume {name} and its data stay" in one for one in known.warnings)
        reap(k8s.connect(None, here), dry_run=False, plan=Plan(image=image))  # by one who may
        assert volumes_of(admin, here) == {}
