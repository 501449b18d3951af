"""A whole night whose pods carry what the plan says of them, and a container that is not ours."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.objects import Obj
from tests.conftest import TINY_FIO, Stormark

pytestmark = pytest.mark.usefixtures("prefect_server")
POD = {
    "labels": {"team": "storage", "stormark/run": "another"},
    "annotations": {"sidecar.istio.io/inject": "false"},
    "resources": {"requests": {"memory": "32Mi"}, "limits": {"memory": "1Gi"}},
    "image_pull_secrets": ["registry"],
    "service_account_name": "storage",
}
PROXY = {"name": "istio-proxy", "image": "proxy", "command": ["sleep", "3600"]}


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> list[Obj]:
    """The template of each pod that is asked for, as it was sent."""
    sent: list[Obj] = []
    request = k8s.request

    def noted(cluster: Any, method: str, path: str, **more: Any) -> Any:
        template = method == "POST" and (more["body"].get("spec") or {}).get("template")
        if template and not cluster.dry_run:
            sent.append(template)
        return request(cluster, method, path, **more)

    monkeypatch.setattr(k8s, "request", noted)
    return sent


def a_night(stormark: Stormark, folder: Path, **plan: Any) -> None:
    """Every kind of pod: fio's, of checks and readers, of writers, and those for node folders."""
    small = {
        "fio_file": TINY_FIO,
        "storms": ["container-restart", "pod-delete"],
        "storm_volumes": ["emptyDir", "hostPath-pinned", "storage-classes"],
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(small | plan))
    result = stormark("--flow", "nightly", "--plan", str(folder / "plan.yaml"))
    assert result.exit_code == 0, result.output
    rows = stormark.rows("fio") + stormark.rows("storms")
    assert [(row["status"], row["error"]) for row in rows] == [("measured", None)] * len(rows)


def test_every_pod_has_what_the_plan_says_of_pods(
    stormark: Stormark, tmp_path: Path, templates: list[Obj]
) -> None:
    """And what stormark needs to find its own is not for the plan to change."""
    a_night(stormark, tmp_path, pod=POD)
    assert len(templates) > 8
    for template in templates:
        meta, spec = template["metadata"], template["spec"]
        assert meta["labels"].items() >= {"team": "storage"}.items()
        assert meta["labels"]["stormark/run"] == stormark.row("runs")["run_id"]
        assert meta["annotations"] == POD["annotations"]
        assert spec["imagePullSecrets"] == [{"name": "registry"}]
        assert spec["serviceAccountName"] == "storage"
        assert spec["automountServiceAccountToken"] is False
        (container,) = spec["containers"]
        assert container["resources"]["requests"]["memory"] == "32Mi"
        assert container["resources"]["requests"]["cpu"]
        assert container["resources"]["limits"] == {"memory": "1Gi"}


@pytest.mark.parametrize("first", [True, False], ids=["before ours", "after ours"])
def test_a_container_that_a_webhook_adds_is_not_taken_for_ours(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """It never ends by itself, and neither its log nor its state is read."""
    request = k8s.request

    def injected(cluster: Any, method: str, path: str, **more: Any) -> Any:
        if method == "POST" and (template := (more["body"].get("spec") or {}).get("template")):
            own = template["spec"]["containers"]
            template["spec"]["containers"] = [PROXY, *own] if first else [*own, PROXY]
        return request(cluster, method, path, **more)

    monkeypatch.setattr(k8s, "request", injected)
    a_night(stormark, tmp_path)
