"""Checks of a namespace: what its labels, quotas and limit ranges leave of a plan."""

from typing import Any

import pytest

from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan
from tasks.plan.pod import Pod, Resources
from tasks.plan.vocabulary import AS_ROOT
from tasks.preflight import begin, namespace
from tasks.preflight.namespace import Demand, demand

CLASSES = ["fast", "slow"]
NEED = Demand(
    {"fast": 1, "slow": 1, "": 0},
    4 * 2**30,
    pods=4,
    cpus=0.25,
    memory_bytes=2**27,
    jobs=6,
    writers={"Deployment": 3},
)


def a_namespace(phase: str = "Active", **labels: str) -> Obj:
    named = {name.replace("_", "-"): value for name, value in labels.items()}
    levels = {f"pod-security.kubernetes.io/{name}": value for name, value in named.items()}
    return {"metadata": {"name": "bench", "labels": levels}, "status": {"phase": phase}}


def a_quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> Obj:
    status = {"hard": hard, "used": used or {}}
    return {"metadata": {"name": "q"}, "spec": {"hard": hard} | spec, "status": status}


def a_limit(kind: str, **limits: dict[str, str]) -> Obj:
    return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": kind} | limits]}}


def test_a_namespace_that_is_going_away_takes_nothing() -> None:
    """A run cannot begin in it."""
    assert namespace.terminating(a_namespace()).status == "pass"
    assert namespace.terminating(a_namespace("Terminating")).status == "fail"


SET = "StatefulSet"
FOLDERS = ("hostPath", "hostPath-pinned", "local")


@pytest.mark.parametrize(
    ("level", "flow", "without"),
    [
        (None, "nightly", ()),
        ("privileged", "nightly", ()),
        ("baseline", "nightly", FOLDERS),
        ("baseline", "benchmark", ()),
        ("restricted", "storms", (*FOLDERS, AS_ROOT)),
        ("restricted", "benchmark", (AS_ROOT,)),
    ],
)
def test_pod_security(level: str | None, flow: str, without: tuple[str, ...]) -> None:
    """What it forbids is skipped; what only warns or audits forbids nothing."""
    labels = {"enforce": level} if level else {"warn": "restricted"}
    check = namespace.pod_security(a_namespace(**labels), flow, Plan())
    assert check.without == without
    assert check.status == ("warn" if without else "pass")


def test_pod_security_forbids_only_what_is_planned() -> None:
    """Writers on classes alone need no hostPath."""
    plan = Plan(storm_volumes=["emptyDir", "storage-classes"])
    check = namespace.pod_security(a_namespace(enforce="baseline"), "storms", plan)
    assert check.status == "pass"


@pytest.mark.parametrize(
    ("flow", "claims"),
    [
        ("benchmark", {"fast": 1, "slow": 1, "": 0}),
        ("storms", {"fast": 2, "slow": 2, "": 1}),
        ("nightly", {"fast": 3, "slow": 3, "": 1}),
    ],
)
def test_demand(flow: str, claims: dict[str, int]) -> None:
    """fio has a PVC of each class; storms one of each access mode, and one of a local PV."""
    assert demand(flow, Plan(), CLASSES, 3).claims == claims


@pytest.mark.parametrize(("flow", "claims"), [("benchmark", 2), ("storms", 4), ("nightly", 6)])
def test_claims_that_may_lie_on_a_node(flow: str, claims: int) -> None:
    """Each of a class; a local PV is a folder with a few records."""
    classes = [{"metadata": {"name": name}} for name in CLASSES]
    assert begin.claims_of(flow, Plan(), classes) == claims


def test_demand_of_pods() -> None:
    """One of fio beside the probes of nodes, then one for each class; readers beside writers."""
    benchmark, storms = (demand(flow, Plan(), CLASSES, 3) for flow in ("benchmark", "storms"))
    assert (benchmark.pods, storms.pods) == (4, 16)
    assert benchmark.cpus == pytest.approx(0.25)
    assert (benchmark.writers, storms.writers) == ({"Deployment": 0}, {"Deployment": 8})
    many = demand("benchmark", Plan(), [f"class-{number}" for number in range(9)], 3)
    assert many.pods == 9
    assert many.cpus == pytest.approx(0.9)


def test_demand_of_two_kinds_of_writers() -> None:
    """Each has volumes, pods and readers of its own; one kind alone is as many as the other."""
    both = demand("storms", Plan(writers=["Deployment", "StatefulSet"]), CLASSES, 3)
    one, other = (demand("storms", Plan(writers=[k]), CLASSES, 3) for k in ("Deployment", SET))
    assert (one.writers, other.writers) == ({"Deployment": 8}, {SET: 8})
    assert both.writers == {"Deployment": 8, SET: 8}
    assert both.pods == 2 * one.pods == 2 * other.pods
    assert both.claims == {name: 2 * count for name, count in one.claims.items()}
    counted = a_quota({"count/statefulsets.apps": "7", "count/controllerrevisions.apps": "7"})
    assert namespace.quota(counted, one, []).status == "pass"
    refused = namespace.quota(counted, both, [])
    assert refused.status == "fail"
    assert "count/statefulsets.apps 7 with 0 used, 8 needed" in refused.seen


@pytest.mark.parametrize(("flow", "jobs"), [("benchmark", 6), ("storms", 10), ("nightly", 13)])
def test_demand_of_jobs(flow: str, jobs: int) -> None:
    """Those of the checks stay beside those of fio and the readers; an emptyDir has no reader."""
    assert demand(flow, Plan(), CLASSES, 3).jobs == jobs


def test_what_the_plan_states_of_its_pods_counts() -> None:
    """A quota on limits takes pods that state them, and LimitRanges what fits them."""
    limits = {"cpu": "1", "memory": "1Gi"}
    plan = Plan(pod=Pod(resources=Resources(requests={"memory": "256Mi"}, limits=limits)))
    need = namespace.demand("benchmark", plan, ["fast"], 0)
    assert need.memory_bytes == 2**28
    wanted = a_quota({"limits.cpu": "1", "limits.memory": "1Gi"})
    assert namespace.quota(wanted, need, []).status == "pass"
    assert namespace.quota(a_quota({"limits.memory": "1023Mi"}), need, []).status == "fail"
    strict = a_limit("Container", min={"memory": "128Mi"}, max={"memory": "1Gi"})
    (fits,) = namespace.limit_range(strict, plan, [strict])
    (not_stated,) = namespace.limit_range(strict, Plan(), [strict])
    assert (fits.status, not_stated.status) == ("warn", "fail")


@pytest.mark.parametrize(
    ("hard", "used", "words"),
    [
        ({"requests.storage": "10Gi"}, {"requests.storage": "4Gi"}, "8.00Gi needed"),
        ({"persistentvolumeclaims": "1"}, {}, "persistentvolumeclaims 1 with 0 used, 2 needed"),
        ({"count/persistentvolumeclaims": "1"}, {}, "2 needed"),
        ({"fast.storageclass.storage.k8s.io/requests.storage": "3Gi"}, {}, "4.00Gi needed"),
        ({"slow.storageclass.storage.k8s.io/persistentvolumeclaims": "0"}, {}, "1 needed"),
        ({"pods": "10"}, {"pods": "7"}, "pods 10 with 7 used, 4 needed"),
        ({"requests.cpu": "200m"}, {}, "requests.cpu 200m with 0 used, 0.25 needed"),
        ({"limits.memory": "1Gi"}, {}, "limits.memory, which no pod of a run states unless"),
        ({"count/jobs.batch": "5"}, {}, "count/jobs.batch 5 with 0 used, 6 needed"),
        ({"count/deployments.apps": "0"}, {}, "0 with 0 used, 3 needed"),
        ({"count/replicasets.apps": "2"}, {}, "2 with 0 used, 3 needed"),
        (
            {"count/leases.coordination.k8s.io": "1"},
            {"count/leases.coordination.k8s.io": "1"},
            "1 needed",
        ),
    ],
)
def test_a_quota_that_is_too_small(hard: dict[str, str], used: dict[str, str], words: str) -> None:
    """Nothing is created where something would be refused halfway."""
    check = namespace.quota(a_quota(hard, used), NEED, [])
    assert (check.status, check.object) == ("fail", "ResourceQuota q")
    assert words in check.seen


@pytest.mark.parametrize(
    "hard",
    [
        {"requests.storage": "8Gi", "persistentvolumeclaims": "2"},
        {"other.storageclass.storage.k8s.io/requests.storage": "0", "services": "0"},
        {"pods": "4", "requests.cpu": "1", "memory": "1Gi", "count/configmaps": "9"},
        {"count/jobs.batch": "6", "count/leases.coordination.k8s.io": "1", "count/secrets": "0"},
    ],
)
def test_a_quota_that_is_large_enough(hard: dict[str, str]) -> None:
    """To the last byte; what a run does not touch may be none."""
    assert namespace.quota(a_quota(hard), NEED, []).status == "pass"


def test_a_quota_on_limits_that_a_limit_range_gives() -> None:
    """Pods get them on creation; their maximum is the default of a default."""
    quota = a_quota({"limits.cpu": "8", "limits.memory": "8Gi"})
    both = {"cpu": "1", "memory": "1Gi"}
    for limits in ({"default": both}, {"max": both}):
        assert namespace.quota(quota, NEED, [a_limit("Container", **limits)]).status == "pass"


@pytest.mark.parametrize(
    ("hard", "limits", "words"),
    [
        ({"limits.cpu": "1"}, {"default": {"cpu": "1"}}, "limits.cpu 1 with 0 used, 4 needed"),
        ({"limits.cpu": "3999m"}, {"max": {"cpu": "1"}}, "4 needed"),
        ({"limits.memory": "1Gi"}, {"default": {"memory": "512Mi"}}, "2.00Gi needed"),
        (
            {"requests.ephemeral-storage": "1Gi"},
            {"max": {"ephemeral-storage": "4Gi"}, "defaultRequest": {"ephemeral-storage": "1Gi"}},
            "4.00Gi needed",
        ),
        ({"limits.cpu": "8"}, {"default": {"memory": "1Gi"}, "max": {"memory": "1Gi"}}, "states"),
    ],
)
def test_a_quota_that_a_limit_range_uses_up(
    hard: dict[str, str], limits: dict[str, dict[str, str]], words: str
) -> None:
    """Each pod is given its default, so they add up."""
    check = namespace.quota(a_quota(hard), NEED, [a_limit("Container", **limits)])
    assert check.status == "fail"
    assert words in check.seen


def test_a_quota_of_some_pods_is_left_to_a_person() -> None:
    """Such as those of a priority class."""
    check = namespace.quota(a_quota({"pods": "0"}, scopes=["BestEffort"]), NEED, [])
    assert check.status == "warn"


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        (a_limit("PersistentVolumeClaim", max={"storage": "2Gi"}), "fail"),
        (a_limit("PersistentVolumeClaim", min={"storage": "5Gi"}), "fail"),
        (a_limit("PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "4Gi"}), "pass"),
        (a_limit("Container", min={"cpu": "60m"}), "fail"),
        (a_limit("Container", max={"memory": "32Mi"}), "fail"),
        (a_limit("Container", default={"cpu": "50m"}), "fail"),
        (a_limit("Container", default={"cpu": "500m"}), "warn"),
        (a_limit("Container", max={"memory": "1Gi"}), "warn"),
        (a_limit("Container", defaultRequest={"cpu": "10m"}), "pass"),
    ],
)
def test_limit_range(limit: Obj, status: str) -> None:
    """One refuses PVCs or pods, or gives fio's a limit that would be measured."""
    (check,) = namespace.limit_range(limit, Plan(), [limit])
    assert (check.status, check.object) == (status, "LimitRange l")


@pytest.mark.parametrize(
    ("limit", "default", "words"),
    [
        (
            a_limit("Pod", max={"cpu": "4"}),
            {},
            "cpu of a pod only with a limit, which neither plan",
        ),
        (a_limit("Pod", max={"cpu": "4"}), {"memory": "1Gi"}, "cpu of a pod only with a limit"),
        (a_limit("Pod", max={"cpu": "4"}), {"cpu": "8"}, "cpu limits of a pod up to 4"),
        (a_limit("Pod", max={"cpu": "4"}), {"cpu": "4"}, ""),
        (a_limit("Pod", max={"ephemeral-storage": "1Gi"}), {}, "ephemeral-storage of a pod only"),
        (a_limit("Container", max={"ephemeral-storage": "1Gi"}), {}, ""),
        (a_limit("Pod", maxLimitRequestRatio={"cpu": "9"}), {}, "cpu of a pod only with a limit"),
        (a_limit("Container", maxLimitRequestRatio={"memory": "9"}), {}, "memory of a container"),
        (
            a_limit("Container", maxLimitRequestRatio={"cpu": "9"}),
            {"cpu": "500m"},
            "cpu limits of a container up to 9 times its request, not 10",
        ),
        (a_limit("Pod", maxLimitRequestRatio={"cpu": "10"}), {"cpu": "500m"}, ""),
        (
            a_limit("Pod", maxLimitRequestRatio={"ephemeral-storage": "1"}),
            {"ephemeral-storage": "1Gi"},
            "",
        ),
    ],
)
def test_a_limit_range_that_wants_limits(limit: Obj, default: dict[str, str], words: str) -> None:
    """Pods of a run state none; a default gives them some, also one of another LimitRange."""
    given = a_limit("Container", default=default)
    (check,) = namespace.limit_range(limit, Plan(), [limit, given])
    assert (check.status == "fail") == bool(words)
    assert words in check.seen
