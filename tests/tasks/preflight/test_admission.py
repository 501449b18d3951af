"""What a cluster refuses at creation is known in the preflight, in its words."""

from typing import Any

import pytest

from tasks.kubernetes import verbs
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.run import Run
from tasks.plan.vocabulary import AS_ROOT, FOLDER_KINDS
from tasks.preflight import admission
from tasks.results.checks import Check
from tests.conftest import Cluster

CLASSES: list[Obj] = [{"metadata": {"name": "local-path"}}]
SECURITY = (
    'pods "stormark-tried" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != '
    "true (pod or container must set securityContext.runAsNonRoot=true)"
)
POLICY = (
    "pods \"stormark-tried\" is forbidden: ValidatingAdmissionPolicy 'limits' with binding 'all' "
    "denied request: each container states its memory limit"
)
HOOK = 'admission webhook "teams.example.com" denied the request: label team is missing'
PRIORITY = 'pods "stormark-tried" is forbidden: no PriorityClass with name batch was found'
QUOTA = (
    'persistentvolumeclaims "x" is forbidden: exceeded quota: q, requested: requests.storage=4Gi, '
    "used: requests.storage=8Gi, limited: requests.storage=10Gi"
)


def found(run: Run, flow: str = "nightly", **plan: Any) -> dict[str, Check]:
    run = run._replace(plan=run.plan.model_copy(update=plan))
    return {one.object: one for one in admission.check(run, flow, CLASSES)}


def test_a_cluster_that_takes_everything(run: Run, cluster: Cluster) -> None:
    """One row says what was tried; nothing of it is there, nor was it ever."""
    (check,) = found(run).values()
    assert check.status == "pass"
    for what in ("a short pod", "a pod with fio", "a writer", "a pod as root", "PVC of class"):
        assert what in check.seen
    assert cluster.left_in(run.cluster.namespace) == []
    assert cluster.kinds_with_events(run.cluster.namespace) == set()


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (SECURITY, "pod.security_context"),
        (POLICY, "pod.resources"),
        (HOOK, "pod.labels"),
        (PRIORITY, "pod.priority_class_name"),
    ],
    ids=["Pod Security", "policy", "webhook", "priority"],
)
def test_pods_that_are_refused(run: Run, cluster: Cluster, words: str, field: str) -> None:
    """By whom, why, and which field of the plan is about it; no word of a right to grant."""
    cluster.fault("create", "pods", 403, dry_run=True, times=99, message=words)
    checks = found(run, "benchmark")
    short = checks["a short pod"]
    assert short.status == checks["a pod with fio"].status == "fail"
    assert words in short.seen
    assert f"plan field {field}, or another namespace" in short.advice
    assert "Grant" not in short.words
    assert checks["a pod as root"].without == (AS_ROOT,)


def test_what_only_some_volumes_need_is_skipped(run: Run, cluster: Cluster) -> None:
    """Pods as root and those with a node's folder come last; where those alone are refused."""
    cluster.fault("create", "pods", 403, dry_run=True, nth=4, times=2, message=SECURITY)
    checks = found(run)
    folders = checks["a pod with a node's folder"]
    assert (folders.status, folders.without) == ("warn", FOLDER_KINDS)
    assert checks["a pod as root"].status == "warn"
    assert [one.status for one in checks.values()] == ["warn", "warn", "pass"]


def test_a_pvc_that_is_refused(run: Run, cluster: Cluster) -> None:
    cluster.fault("create", "persistentvolumeclaims", 403, dry_run=True, message=QUOTA)
    check = found(run)["PVC of class local-path"]
    assert check.status == "fail"
    assert QUOTA in check.seen
    assert "volume_size" in check.advice
    assert "Grant" not in check.words


def test_a_right_that_is_missing_is_rbac_s(run: Run, cluster: Cluster) -> None:
    """The embedded cluster's 403 is RBAC's: what cannot be tried is no refusal of the pods."""
    cluster.fault("create", "pods", 403, dry_run=True, times=99)
    warned = [one for one in found(run).values() if one.status != "pass"]
    (check,) = warned
    assert check.status == "warn"
    assert check.seen.startswith("not tried: ")
    assert "Grant that verb on that resource" in check.seen
    assert check.advice == "manifests/rbac/preflight.yaml grants it"


def test_what_the_schema_does_not_take_is_said(run: Run) -> None:
    """The embedded cluster knows no runtimeClassName, as a real one knows no such class."""
    pod = run.plan.pod.model_copy(update={"runtime_class_name": "gvisor"})
    check = found(run, pod=pod)["a short pod"]
    assert "runtimeClassName" in check.seen


def test_a_plan_that_says_the_user_tries_no_root(run: Run) -> None:
    context = run.plan.pod.security_context.model_copy(update={"run_as_user": 1000})
    pod = run.plan.pod.model_copy(update={"security_context": context})
    (check,) = found(run, pod=pod).values()
    assert "a pod as root" not in check.seen


def test_dry_runs_ask_for_what_runs_create(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is the object of the run itself, at the same place of the API."""
    asked: list[tuple[str, bool]] = []
    create = verbs.create

    def noted(cluster: Any, manifest: Obj) -> Obj:
        asked.append((manifest["kind"], cluster.dry_run))
        return create(cluster, manifest)

    monkeypatch.setattr(verbs, "create", noted)
    found(run, "storms")
    assert {kind for kind, _ in asked} == {"PersistentVolumeClaim", "Job", "Deployment", "Pod"}
    assert all(dry for _, dry in asked)
