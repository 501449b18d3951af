"""`kubectl apply -k manifests`: each field is one that Kubernetes has there; all pods are alike.

A real API server is asked by tests/real/test_pool.py.
"""

import json
import re
from typing import Any

import pytest
import yaml
from kubernetes import client

from flows.pool import TEMPLATE
from tasks.kubernetes import manifest

FILES = yaml.safe_load((manifest.FOLDER / "kustomization.yaml").read_text())["resources"]
JOB = json.loads(TEMPLATE.read_text())["job_configuration"]["job_manifest"]
OBJECTS: list[dict[str, Any]] = [
    JOB,
    *(one for file in FILES for one in yaml.safe_load_all((manifest.FOLDER / file).read_text())),
]
PODS = [one["spec"]["template"]["spec"] for one in OBJECTS if one["kind"] in {"Job", "Deployment"}]


def unknown(value: Any, kind: str, path: str) -> list[str]:
    """The fields of a value that its kind, as Kubernetes' client names it, does not have."""
    if inner := re.fullmatch(r"List\[(.+)\]", kind):
        return [x for i, one in enumerate(value) for x in unknown(one, inner[1], f"{path}[{i}]")]
    model = getattr(client, kind, None)
    if model is None or not isinstance(value, dict):
        return []
    kinds = {name: model.openapi_types[key] for key, name in model.attribute_map.items()}
    known = [x for k, v in value.items() if k in kinds for x in unknown(v, kinds[k], f"{path}.{k}")]
    return [f"{path}.{key}" for key in value if key not in kinds] + known


@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: one["kind"])
def test_kubernetes_has_each_field(one: dict[str, Any]) -> None:
    assert unknown(one, f"V1{one['kind']}", one["kind"]) == []


def test_a_field_in_the_wrong_place_is_found() -> None:
    job = {"spec": {"template": {"spec": {"parallelism": 1, "containers": [{"nme": "a"}]}}}}
    assert unknown(job, "V1Job", "Job") == [
        "Job.spec.template.spec.parallelism",
        "Job.spec.template.spec.containers[0].nme",
    ]


@pytest.mark.parametrize("pod", PODS, ids=["flow run", "server", "worker"])
def test_a_pod_asks_for_what_it_needs(pod: dict[str, Any]) -> None:
    """An image by one rule, memory and processor, and no more of a node's disk than it says."""
    rule = json.loads(TEMPLATE.read_text())["variables"]["properties"]["image_pull_policy"]
    for container in pod["containers"] + pod.get("initContainers", []):
        asked = container["imagePullPolicy"].replace("{{ image_pull_policy }}", rule["default"])
        assert asked == "IfNotPresent"
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    folders = [volume["emptyDir"] for volume in pod["volumes"] if "emptyDir" in volume]
    assert [set(folder) for folder in folders] == [{"sizeLimit"}]


def test_the_server_hears_worker_and_flow_runs_alone() -> None:
    """By the labels that their pods have."""
    (policy,) = (one["spec"] for one in OBJECTS if one["kind"] == "NetworkPolicy")
    (rule,) = policy["ingress"]
    (sender,) = rule["from"]
    (label,) = sender["podSelector"]["matchExpressions"]
    pods = [one["spec"]["template"] for one in OBJECTS if one["kind"] in {"Job", "Deployment"}]
    flow_run, server, worker = (pod["metadata"]["labels"]["app"] for pod in pods)
    assert (label["key"], label["operator"]) == ("app", "In")
    assert sorted(label["values"]) == sorted([flow_run, worker])
    assert policy["podSelector"] == {"matchLabels": {"app": server}}
