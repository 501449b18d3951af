"""`manifests/rbac.yaml`: enough for a whole run, and no rule too many."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.errors import ClusterError
from tasks.lifecycle.reap import reap
from tasks.plan.plan import Plan, PlanError
from tasks.preflight import preflight
from tasks.storms import recovery
from tests.real.account import Manifest, Rule, granted, rules, without
from tests.storms.ground import Ground, storm_rows
from tests.tasks.rights import BASE, FILES, shipped


def run_storms(kubeconfig: Path, results: Path, image: str, **plan: Any) -> dict[str, str | None]:
    """Run a small plan with the account's rights; what became of each cell, by storm."""
    ground = Ground(k8s.connect(kubeconfig.stem, kubeconfig.stem), {"image": image}, [])
    known = ground.run_storms(
        results,
        context=kubeconfig.stem,
        namespace=kubeconfig.stem,
        hold_seconds=2,
        recovery_limit_seconds=60,
        writes_per_second=20,
        **{"storm_volumes": ["local"]} | plan,
    )
    return {row["storm"]: row["error"] for row in storm_rows(known) if row["status"] != "measured"}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "SETTLE_SECONDS", 0.5)


def test_it_is_enough_for_every_storm(
    admin: client.ApiClient, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        assert run_storms(kubeconfig, tmp_path, image) == {}


def test_without_rights_on_nodes_only_drains_are_skipped(
    admin: client.ApiClient, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = shipped(*(file for file in FILES if file != "rbac/drain.yaml"))
    with granted(admin, objects, tmp_path) as kubeconfig:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        missing = run_storms(kubeconfig, tmp_path, image, storms=["pod-kill", "drain"])
        assert list(missing) == ["drain"]
        assert "manifests/rbac/drain.yaml grants it" in str(missing["drain"])


@pytest.mark.parametrize(
    ("storms", "volumes", "skipped", "file"),
    [
        (["pod-kill", "drain"], ["storage-classes"], "drain", "manifests/rbac/drain.yaml"),
        (["pod-kill"], ["storage-classes", "local"], "pod-kill", "manifests/rbac/local.yaml"),
    ],
)
def test_the_base_alone_is_enough_for_what_changes_nothing_beyond_the_namespace(
    admin: client.ApiClient,
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    storms: list[str],
    volumes: list[str],
    skipped: str,
    file: str,
) -> None:
    """What needs an optional file is skipped, and says which; the rest is measured."""
    with granted(admin, shipped(BASE), tmp_path) as kubeconfig:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        plan: dict[str, Any] = {"storage_classes": ["local-path"], "storms": storms}
        plan["storm_volumes"] = volumes
        missing = run_storms(kubeconfig, tmp_path, image, **plan)
        assert list(missing) == [skipped]
        assert f"{file} grants it" in str(missing[skipped])


@pytest.mark.parametrize("rule", rules(shipped()), ids=lambda rule: "+".join(rule.resources))
def test_every_rule_is_needed(
    admin: client.ApiClient,
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rule: Rule,
) -> None:
    """Without it a run, or one of its cells, fails: the error names a verb and the resource.

    The preflight's own list of rights is left out: it would only say that both lists are the same.
    """
    monkeypatch.setattr(preflight, "permissions", lambda *_: [])
    kinds = {"writers": ["StatefulSet"]} if "statefulsets" in rule.resources else {}
    objects: list[Manifest] = without(shipped(), rule)
    with granted(admin, objects, tmp_path) as kubeconfig:
        with monkeypatch.context() as patch:
            patch.setenv("KUBECONFIG", str(kubeconfig))
            try:
                errors = run_storms(
                    kubeconfig, tmp_path, image, storms=["container-restart", "drain"], **kinds
                )
                said = "; ".join(str(error) for error in errors.values())
            except (ClusterError, PlanError) as error:
                said = str(error)
        reap(k8s.connect(None, kubeconfig.stem), dry_run=False, plan=Plan(image=image))
    assert any(resource in said for resource in rule.resources), said
    assert any(f" {verb} " in said for verb in rule.verbs), said
