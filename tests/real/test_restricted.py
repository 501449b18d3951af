"""A namespace that admits only pods of the Pod Security Standard `restricted`."""

from pathlib import Path

import pytest
from kubernetes import client

from tasks.kubernetes import cluster as k8s
from tests.real.account import granted
from tests.storms.ground import Ground, storm_rows
from tests.tasks.rights import shipped

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def test_what_it_admits_is_measured_and_the_rest_is_skipped(
    admin: client.ApiClient, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers and readers are admitted; a folder of a node cannot be mounted there."""
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        name = kubeconfig.stem
        client.CoreV1Api(admin).patch_namespace(name, {"metadata": {"labels": RESTRICTED}})
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        ground = Ground(k8s.connect(name, name), {"image": image}, [])
        known = ground.run_storms(
            tmp_path,
            context=name,
            namespace=name,
            storage_classes=["local-path"],
            storms=["pod-kill"],
            storm_volumes=["emptyDir", "hostPath", "local", "storage-classes"],
            writes_per_second=20,
        )
    became = {row["volume"]: (row["status"], row.get("error") or "") for row in storm_rows(known)}
    assert [v for v, (status, _) in became.items() if status == "measured"] == [
        "emptyDir",
        "local-path",
    ]
    for volume in ("hostPath", "local"):
        status, why = became[volume]
        assert status == "skipped"
        assert "forbids hostPath volumes" in why
