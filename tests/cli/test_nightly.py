"""What a night does with what earlier ones have left; the fixture `namespace` fails each test that
leaves an object behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import labels, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon
from tests.conftest import TINY_FIO, Stormark
from tests.conftest import Cluster as Embedded

pytestmark = pytest.mark.usefixtures("prefect_server")
OK, REFUSED = 0, 2
DEAD = "20201122-031500-d4e5f6"
LATER = "2099-01-01T00:00:00+00:00"


@pytest.fixture
def dead_run(cluster: Embedded, namespace: str) -> Iterator[Cluster]:  # noqa: ARG001 - KUBECONFIG
    """A run that died in a drain: its ConfigMap, and node w3, cordoned."""
    connection = k8s.connect(None, namespace)
    metadata = {"name": f"stormark-{DEAD}", "labels": labels.of_run(DEAD)}
    verbs.create(connection, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    cordon.cordon(connection, "w3", run_id=DEAD, deadline=LATER)
    yield connection
    cordon.uncordon(connection, "w3")
    verbs.delete(connection, "ConfigMap", f"stormark-{DEAD}")


def night(stormark: Stormark, tmp_path: Path, **fields: object) -> Result:
    plan = {"fio_file": TINY_FIO, "storms": ["pod-kill"], "storm_volumes": ["emptyDir"]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan | fields))
    return stormark("--flow", "nightly", "--plan", str(tmp_path / "plan.yaml"))


def room_for_one_run(monkeypatch: pytest.MonkeyPatch, others: int = 0) -> None:
    """A ResourceQuota that one run's ConfigMap uses up, or others; an embedded cluster has none."""
    find = verbs.find

    def with_quota(cluster: Cluster, kind: str, **more: Any) -> list[Obj]:
        if kind != "ResourceQuota":
            return find(cluster, kind, **more)
        used = others + len(find(cluster, "ConfigMap", label=labels.selector()))
        status = {"hard": {"configmaps": "1"}, "used": {"configmaps": str(used)}}
        return [{"metadata": {"name": "one-run"}, "spec": {"hard": {}}, "status": status}]

    monkeypatch.setattr(verbs, "find", with_quota)


def test_what_a_dead_run_takes_is_released_before_the_night_is_judged(
    stormark: Stormark, tmp_path: Path, dead_run: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its quota would refuse the night, and its cordon is in the way of storms."""
    room_for_one_run(monkeypatch)
    result = night(stormark, tmp_path)
    assert result.exit_code == OK, result.output
    assert f"released run {DEAD}, dead: it no longer renews its Lease" in result.stdout
    image = stormark.row("runs")["image"]  # what the embedded cluster calls its id as well
    assert list(stormark.row("runs")["image_ids"]) == [image]
    assert stormark.row("volumes")["image_id"] == stormark.row("storms")["image_id"] == image
    seen = {(row["check"], row["object"]): row["status"] for row in stormark.rows("checks")}
    assert seen["quota", "ResourceQuota one-run"] == "pass"
    assert seen["node", "node w3"] == seen["earlier runs", "objects"] == "pass"
    assert not verbs.find(dead_run, "ConfigMap", label=labels.selector())


def test_a_dead_run_that_cannot_be_released_is_a_warning(
    stormark: Stormark, tmp_path: Path, cluster: Embedded, dead_run: Cluster
) -> None:
    """The night is measured, and its report says what is left."""
    cluster.fault("delete", "configmaps", 403)
    result = night(stormark, tmp_path)
    assert result.exit_code == OK, result.output
    (warning,) = stormark.row("runs")["warnings"]
    assert warning.startswith(f"run {DEAD}, dead: it no longer renews its Lease: not released: ")
    (report,) = (stormark.results / "reports").glob("2*.md")
    assert f"run {DEAD}, dead: it no longer renews its Lease: not released" in report.read_text()
    assert verbs.find(dead_run, "ConfigMap", label=labels.selector(DEAD))


def test_a_night_that_a_dead_run_refuses_says_why_it_is_still_there(
    stormark: Stormark, tmp_path: Path, cluster: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what it takes."""
    metadata = {"name": f"stormark-{DEAD}", "labels": labels.of_run(DEAD)}
    cluster.core.create_namespaced_config_map(stormark.namespace, {"metadata": metadata})
    room_for_one_run(monkeypatch)
    cluster.fault("delete", "configmaps", 403)
    result = night(stormark, tmp_path)
    assert result.exit_code == REFUSED
    assert "preflight: quota: ResourceQuota one-run: configmaps 1 with 1 used" in result.stderr
    assert "not released: deleting ConfigMap" in result.stderr
    cluster.core.delete_namespaced_config_map(metadata["name"], stormark.namespace)


def test_a_quota_that_no_dead_run_uses_up_refuses_the_night(
    stormark: Stormark, tmp_path: Path, cluster: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it refuses every run: nothing was created."""
    room_for_one_run(monkeypatch, others=1)
    result = night(stormark, tmp_path)
    assert result.exit_code == REFUSED
    assert "preflight: quota: ResourceQuota one-run: configmaps 1 with 1 used" in result.stderr
    assert cluster.kinds_with_events(stormark.namespace) == set()


def test_a_wrong_plan_is_refused_before_a_dead_run_is_touched(
    stormark: Stormark, tmp_path: Path, dead_run: Cluster
) -> None:
    """Whoever mends the plan may want to look at that run first."""
    fault = {"down": "no-such-command {node}", "up": "no-such-command {node}"}
    result = night(stormark, tmp_path, storms=["node-crash"], node_fault=fault)
    assert result.exit_code == REFUSED
    assert "no-such-command" in result.stderr
    assert verbs.find(dead_run, "ConfigMap", label=labels.selector(DEAD))
    assert cordon.undoing_of(verbs.get(dead_run, "Node", "w3"))
