"""Checks of a cluster, on objects as clusters have them."""

from typing import Any

import pytest

from tasks.kubernetes.objects import Obj
from tasks.kubernetes.storage_classes import DEFAULT_CLASS
from tasks.plan.plan import Plan
from tasks.preflight import cluster


def a_class(name: str = "fast", provisioner: str = "ebs.csi.aws.com", **more: Any) -> Obj:
    return {"metadata": {"name": name}, "provisioner": provisioner} | more


def default(name: str) -> Obj:
    metadata = {"name": name, "annotations": {DEFAULT_CLASS: "true"}}
    return {"metadata": metadata, "provisioner": "p"}


@pytest.mark.parametrize(
    ("git_version", "status"),
    [
        ("v1.26.15", "fail"),
        ("v1.27.0", "warn"),
        ("v1.28.9-gke.1000000", "warn"),
        ("v1.29.0", "pass"),
        ("v1.34.4-eks-113cf36", "pass"),
        ("v2.0.0", "pass"),
        ("unknown", "warn"),
    ],
)
def test_version(git_version: str, status: str) -> None:
    """Old ones lack a label by which a Job's pods are found, or a condition that is timed."""
    check = cluster.version(git_version)
    assert check.status == status
    assert check.seen.startswith(git_version)
    assert bool(check.advice) == (status != "pass")


def test_rbac() -> None:
    """It is an API group like others."""
    assert cluster.rbac(["apps", "rbac.authorization.k8s.io"]).status == "pass"
    assert cluster.rbac(["apps"]).status == "warn"


def test_aggregation_names_what_is_down() -> None:
    """One that is served by the API server itself is available too."""
    up = {"metadata": {"name": "v1."}, "status": {"conditions": [_available("True", "Local")]}}
    down = {
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "status": {"conditions": [_available("False", "no endpoints for metrics-server")]},
    }
    young = {"metadata": {"name": "v1.new.io"}, "status": {}}
    (good,) = cluster.aggregation([up, up])
    assert (good.status, good.seen) == ("pass", "2 APIServices, all available")
    first, second = cluster.aggregation([up, down, young])
    assert (first.status, first.object) == ("warn", "APIService v1beta1.metrics.k8s.io")
    assert first.seen == "not available: no endpoints for metrics-server"
    assert second.seen == "not available: no reason given"


def _available(status: str, message: str) -> Obj:
    return {"type": "Available", "status": status, "message": message}


@pytest.mark.parametrize(
    ("storage_classes", "status", "seen"),
    [
        ([a_class()], "warn", "none: "),
        ([a_class(), default("a")], "pass", "a"),
        ([default("a"), default("b")], "warn", "a, b: "),
    ],
    ids=["missing", "one", "doubled"],
)
def test_default_class(storage_classes: list[Obj], status: str, seen: str) -> None:
    """Exactly one is right."""
    check = cluster.default_class(storage_classes)
    assert check.status == status
    assert check.seen.startswith(seen)


def test_a_class_of_a_csi_driver() -> None:
    """Its driver is known by its CSIDriver, its snapshots by a class of the same driver."""
    drivers = [{"metadata": {"name": "ebs.csi.aws.com"}, "spec": {"attachRequired": True}}]
    snapshots = [
        {"metadata": {"name": "ebs"}, "driver": "ebs.csi.aws.com"},
        {"metadata": {"name": "other"}, "driver": "nfs.csi.k8s.io"},
    ]
    more: Obj = {"volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": True}
    check = cluster.storage_class(a_class(**more), Plan(), drivers, snapshots)
    assert (check.status, check.object) == ("pass", "fast")
    assert check.seen == (
        "provisioner ebs.csi.aws.com, CSI driver with attach, binding WaitForFirstConsumer, "
        "can grow, snapshot class ebs"
    )


def test_a_class_without_a_driver() -> None:
    """It is no fault, unless the plan wants what only CSI has."""
    local = a_class(provisioner="rancher.io/local-path")
    assert cluster.storage_class(local, Plan(), [], []).status == "pass"
    once = Plan(access_mode="ReadWriteOncePod")
    assert cluster.storage_class(local, once, [], []).status == "warn"
    unknown = cluster.storage_class(local, once, None, None)
    assert unknown.status == "pass"
    assert "driver unknown" in unknown.seen
    assert "snapshot classes unknown" in unknown.seen


def test_a_class_that_nobody_provisions() -> None:
    """Its PVs are made by hand."""
    static = a_class(provisioner="kubernetes.io/no-provisioner")
    check = cluster.storage_class(static, Plan(), [], [])
    assert check.status == "warn"
    assert "free PV" in check.advice


def test_capacity_is_that_of_one_segment() -> None:
    """A volume does not span nodes; a class whose driver says nothing has no row."""
    here = [
        {"storageClassName": "fast", "capacity": "3Gi"},
        {"storageClassName": "fast", "capacity": "100Gi", "maximumVolumeSize": "5Gi"},
        {"storageClassName": "other", "capacity": "1Ti"},
        {"storageClassName": "fast"},
    ]
    assert cluster.capacity(a_class("silent"), Plan(), here) == []
    (fits,) = cluster.capacity(a_class(), Plan(volume_size="5Gi"), here)
    (not_fits,) = cluster.capacity(a_class(), Plan(volume_size="6Gi"), here)
    assert (fits.status, not_fits.status) == ("pass", "warn")
    assert not_fits.seen.startswith("5.0 GiB at most")
