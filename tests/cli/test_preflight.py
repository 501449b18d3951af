"""`stormark preflight` as a person and as a machine see it; the fixture `namespace` fails each test
that leaves an object behind."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

import stormark as command
from tasks.kubernetes import verbs
from tests.conftest import Cluster, Stormark

OK, REFUSED = 0, 2


def preflight(namespace: str, tmp_path: Path, *options: str, **fields: object) -> Result:
    file = tmp_path / "preflight.yaml"
    file.write_text(yaml.safe_dump({"results": str(tmp_path), "namespace": namespace} | fields))
    return CliRunner().invoke(command.app, ["preflight", "--plan", str(file), *options])


def test_as_json(namespace: str, tmp_path: Path, cluster: Cluster) -> None:
    """Nothing but the checks, every node looked at from within, and nothing left."""
    result = preflight(namespace, tmp_path, "--output", "json", profile="quick")
    assert result.exit_code == OK, result.output
    checks = json.loads(result.stdout)
    assert all(list(c) == ["check", "object", "status", "seen", "advice"] for c in checks)
    assert {c["status"] for c in checks} == {"pass", "warn"}
    for name in ("clock", "asynchronous I/O", "free space"):
        probed = [(c["object"], c["status"]) for c in checks if c["check"] == name]
        assert probed == [(f"node {node}", "pass") for node in ("w1", "w2", "w3")]
    (fio,) = [c for c in checks if c["check"] == "fio"]
    assert fio["seen"].endswith("reads profile quick")
    assert {c["object"] for c in checks if c["check"] == "class"} == {"local-path", "nfs-client"}
    assert "PersistentVolumeClaim" not in cluster.kinds_with_events(namespace)


def test_as_a_table(namespace: str, tmp_path: Path) -> None:
    """A line for each check; a class that does not exist is one that failed."""
    result = preflight(namespace, tmp_path, "--class", "local-path", "--flow", "benchmark")
    assert result.exit_code == OK, result.output
    assert "default class" in result.stdout
    assert "pods/eviction" not in result.stdout  # a benchmark has no storms
    unknown = preflight(namespace, tmp_path, "--class", "fast")
    assert unknown.exit_code == REFUSED
    assert "has no class fast" in " ".join(unknown.stdout.split())


def test_an_image_that_cannot_be_pulled(namespace: str, tmp_path: Path) -> None:
    """Each node says so, and the fio check fails."""
    result = preflight(namespace, tmp_path, "--image", "registry.invalid/x:1", "--output", "json")
    assert result.exit_code == REFUSED
    checks = json.loads(result.stdout)
    images = [c for c in checks if c["check"] == "image"]
    assert [c["status"] for c in images] == ["warn"] * 3
    assert all("ImagePullBackOff" in c["seen"] for c in images)
    assert [c["check"] for c in checks if c["status"] == "fail"] == ["fio"]


def test_a_check_that_fails_refuses_a_run(
    stormark: Stormark, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before anything is created; the preflight itself asks no node either."""
    monkeypatch.setattr(verbs, "version", lambda _cluster: "v1.20.0")
    result = stormark()
    assert result.exit_code == REFUSED
    assert result.stderr == (
        "stormark: preflight: Kubernetes version: API server: v1.20.0: its Jobs do not label their "
        "pods batch.kubernetes.io/job-name. Upgrade to 1.27 or later\n"
    )
    assert preflight(stormark.namespace, tmp_path).exit_code == REFUSED
    assert cluster.kinds_with_events(stormark.namespace) == set()


@pytest.mark.usefixtures("prefect_server")
def test_what_pod_security_forbids_is_skipped(
    stormark: Stormark, cluster: Cluster, tmp_path: Path
) -> None:
    """The cells have the reason, the report has the warning, the others are measured."""
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    cluster.core.patch_namespace(stormark.namespace, {"metadata": {"labels": labels}})
    file = tmp_path / "plan.yaml"
    volumes = ["emptyDir", "hostPath", "local"]
    file.write_text(yaml.safe_dump({"storm_volumes": volumes, "storms": ["pod-kill"]}))
    result = stormark("--flow", "storms", "--plan", str(file))
    assert result.exit_code == OK, result.output
    cells = {row["volume"]: (row["status"], row["error"]) for row in stormark.rows("storms")}
    assert cells["emptyDir"] == ("measured", None)
    for volume in ("hostPath", "local"):
        status, why = cells[volume]
        assert status == "skipped"
        assert why.startswith("enforces the Pod Security Standard baseline, which forbids hostPath")
    (check,) = [row for row in stormark.rows("checks") if row["check"] == "pod security"]
    assert check["status"] == "warn"
    (report,) = (stormark.results / "reports").glob("2*.md")
    assert "## Preflight" in report.read_text()
    assert "Pod Security Standard baseline" in report.read_text()


@pytest.mark.usefixtures("prefect_server")
def test_a_policy_that_refuses_the_pods_refuses_the_run(
    stormark: Stormark, cluster: Cluster
) -> None:
    """Before anything is created, in the policy's words; without it the same plan runs."""
    words = (
        "pods \"stormark-tried\" is forbidden: ValidatingAdmissionPolicy 'limits' with binding "
        "'all' denied request: each container states its memory limit"
    )
    cluster.fault("create", "pods", 403, dry_run=True, times=99, message=words)
    result = stormark()
    assert result.exit_code == REFUSED
    assert f"preflight: admission: a pod with fio: creating Pod stormark-tried: {words}" in (
        result.stderr
    )
    assert "plan field pod.resources" in result.stderr
    assert cluster.kinds_with_events(stormark.namespace) == set()
    cluster.clear_faults()
    assert stormark().exit_code == OK
