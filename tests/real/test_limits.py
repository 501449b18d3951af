"""Quotas and limit ranges of a real API server: what it would refuse, the preflight says before."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, utils
from kubernetes.client.exceptions import ApiException

from tests.real.account import granted
from tests.real.command import stormark
from tests.tasks.rights import shipped

CLASS, REFUSED = "local-path", 2
WORDS = r"exceeded quota|maximum storage usage"  # the API server's own
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "spec": {"hard": {f"{CLASS}.storageclass.storage.k8s.io/requests.storage": "100Mi"}},
}
LIMIT = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "100Mi"}}]},
}


@pytest.mark.parametrize(
    ("limit", "seen"),
    [
        (QUOTA, "requests.storage 100Mi with 0 used, 0.50Gi needed"),
        (LIMIT, "allows PVCs from any to 100Mi, not 512Mi"),
    ],
    ids=["quota", "limit range"],
)
def test_what_the_namespace_does_not_allow(
    admin: client.ApiClient, image: str, tmp_path: Path, limit: dict[str, Any], seen: str
) -> None:
    core: Any = client.CoreV1Api(admin)
    plan = {"storage_classes": [CLASS], "volume_size": "512Mi", "image": image}
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan | {"results": str(tmp_path)}))
    options = ("--flow", "benchmark", "--plan", str(file))
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        meta = {"name": "small", "namespace": kubeconfig.stem}
        utils.create_from_dict(admin, limit | {"metadata": meta})
        asked = stormark(kubeconfig, "preflight", *options, "--output", "json")
        run = stormark(kubeconfig, "run", *options)
        with pytest.raises(ApiException, match=WORDS):
            core.create_namespaced_persistent_volume_claim(kubeconfig.stem, claim())
        events = core.list_namespaced_event(kubeconfig.stem).items
    assert asked.returncode == REFUSED, asked.stdout + asked.stderr
    judged, tried = [c for c in json.loads(asked.stdout) if c["status"] == "fail"]
    assert judged["object"] == f"{limit['kind']} small"
    assert judged["seen"].endswith(seen)
    assert (tried["check"], tried["object"]) == ("admission", f"PVC of class {CLASS}")
    assert re.search(WORDS, tried["seen"])
    assert run.returncode == REFUSED
    assert seen in run.stderr
    assert events == []  # no pod and no PVC was made


def claim() -> dict[str, Any]:
    """A PVC such as the run would make."""
    size = {"requests": {"storage": "512Mi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": CLASS, "resources": size}
    return {"metadata": {"name": "volume"}, "spec": spec}
