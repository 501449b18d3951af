"""`kubectl apply -k manifests`: Prefect in a cluster, where each flow run is a Job."""

import json
import operator
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from flows.up import Place
from testbed import state
from tests.conftest import TINY_PLAN
from tests.flows.server import Server, until
from tests.real.kustomized import applied, kubectl, own_namespace, write_overlay
from tests.real.runtime_image import on_node

NODE = "w1"
RUN_SECONDS = 300.0


def test_the_api_server_takes_it(tmp_path: Path) -> None:
    """All of it, each pod restricted: a field it does not know, or a warning, would be said."""
    with own_namespace() as namespace:
        write_overlay(tmp_path, namespace, "stormark/stormark:test", [])
        said = kubectl("apply", "-k", str(tmp_path), "--dry-run=server", "--warnings-as-errors")
    made = [line.split()[0] for line in said.splitlines()]
    assert {f"namespace/{namespace}", "service/prefect", "serviceaccount/stormark"} <= set(made)
    assert {f"deployment.apps/prefect-{part}" for part in ("server", "worker")} <= set(made)
    assert all(line.endswith("(server dry run)") for line in said.splitlines())


def test_a_flow_run_is_a_job(image: str, tmp_path: Path) -> None:
    """It measures with the account of rbac.yaml, and leaves nothing but its results."""
    if os.environ["KUBECONFIG"] != str(state.KUBECONFIG):
        pytest.skip("the image is put into a testbed's node: `make e2e` without KUBECONFIG does so")
    tag = f"docker.io/stormark/stormark:{uuid4().hex[:8]}"
    with on_node(NODE, tag, tmp_path), own_namespace() as namespace:
        write_overlay(tmp_path, namespace, tag, on_testbed())
        with applied(tmp_path), served(namespace) as server:
            run_id = server.start("benchmark/benchmark", **TINY_PLAN, image=image)
            ended = until(lambda: server.client.read_flow_run(run_id), is_final, RUN_SECONDS).state
            assert ended is not None
            assert ended.name == "Completed", ended.message
            assert "report: /stormark/results/reports/" in str(ended.message)
            jobs = found(namespace, "jobs", "-l", f"prefect.io/flow-run-id={run_id}")
            every = found(namespace, "jobs,configmaps,persistentvolumeclaims")
    assert [job["spec"]["template"]["spec"]["serviceAccountName"] for job in jobs] == ["stormark"]
    left = {item["metadata"]["name"] for item in every} - {"kube-root-ca.crt"}
    assert left == {jobs[0]["metadata"]["name"], "prefect-server", "stormark-results"}
    kinds = "namespaces,clusterroles,clusterrolebindings,persistentvolumes"
    # a PV goes after its namespace
    until(lambda: namespace in kubectl("get", kinds, "--output=json"), operator.not_)


def is_final(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def on_testbed() -> list[Any]:
    """Nodes of a testbed have no DNS, and one of them has the image; no run starts by itself."""
    address = {"name": "PREFECT_API_URL", "value": "http://$(PREFECT_SERVICE_HOST):4200/api"}
    alone = {"name": "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED", "value": "false"}
    server = {
        "nodeSelector": {"kubernetes.io/hostname": NODE},
        "containers": [{"name": "server", "env": [alone]}],
    }
    worker = {
        "initContainers": [{"name": "deploy", "env": [address]}],
        "containers": [{"name": "worker", "env": [address]}],
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"template": {"spec": spec}},
        }
        for name, spec in (("prefect-server", server), ("prefect-worker", worker))
    ]


@contextmanager
def served(namespace: str) -> Iterator[Server]:
    """The server in the cluster, once its worker is ready, by `kubectl port-forward`."""
    here = ("--namespace", namespace)
    kubectl(*here, "rollout", "status", "deployment/prefect-worker", "--timeout=600s", timeout=660)
    forward = ["kubectl", *here, "port-forward", "service/prefect", ":4200"]
    with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            port = forwarding.stdout.readline().split(" -> ")[0].rpartition(":")[2]
            page = f"http://127.0.0.1:{port}"
            with SyncPrefectClient(f"{page}/api") as client:
                yield Server(Place(page, Path(), {}), client)
        finally:
            forwarding.terminate()


def found(namespace: str, *what: str) -> list[dict[str, Any]]:
    """The objects that `kubectl get` finds."""
    listed = kubectl("get", "--namespace", namespace, *what, "--output=json")
    items: list[dict[str, Any]] = json.loads(listed)["items"]
    return items
