"""Checks of a cluster, on objects as clusters have them."""

from typing import Any

import pytest

from tasks.kubernetes.objects import Obj
from tasks.kubernetes.storage_classes import DEFAULT_CLASS
from tasks.plan.plan import Plan
from tasks.preflight import cluster
from tasks.preflight.namespace import volumes_of_class


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


@pytest.mark.parametrize(
    ("name", "floats"),
    [
        ("ghcr.io/kastenhq/kubestr:latest", True),
        ("registry:5000/fio", True),
        ("fio", True),
        ("registry:5000/fio:3.38", False),
        (f"ghcr.io/kastenhq/kubestr@sha256:{'0' * 64}", False),
        (f"ghcr.io/kastenhq/kubestr:latest@sha256:{'0' * 64}", False),
    ],
)
def test_an_image_that_may_change_by_itself_is_told_with_what_to_do(
    name: str, floats: bool
) -> None:
    """No warning: it is the default."""
    check = cluster.image(name)
    assert (check.status, "@sha256" in check.advice) == ("pass", floats)


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


@pytest.mark.parametrize(
    ("provisioner", "parameters", "driver"),
    [
        ("kubernetes.io/aws-ebs", {}, "ebs.csi.aws.com"),
        ("ebs.csi.aws.com", {}, "ebs.csi.aws.com"),
        ("disks.example.com", {"csi.storage.k8s.io/fstype": "xfs"}, "disks.example.com"),
        ("rancher.io/local-path", {}, None),
        ("k8s-sigs.io/nfs-subdir-external-provisioner", {"archiveOnDelete": "false"}, None),
    ],
)
def test_a_class_whose_csi_driver_is_not_there(
    provisioner: str, parameters: Obj, driver: str | None
) -> None:
    """It is named, before its PVCs stay Pending; a provisioner need not be a CSI driver."""
    one = a_class(provisioner=provisioner, parameters=parameters)
    check = cluster.storage_class(one, Plan(), [], [])
    assert check.status == ("warn" if driver else "pass")
    assert (f"Install CSI driver {driver}," in check.advice) is bool(driver)
    there = [{"metadata": {"name": driver}}]
    assert cluster.storage_class(one, Plan(), there, []).status == "pass"
    assert cluster.storage_class(one, Plan(), None, []).status == "pass"


def a_volume(name: str, phase: str, storage_class: str = "fast") -> Obj:
    spec = {"storageClassName": storage_class}
    return {"metadata": {"name": name}, "spec": spec, "status": {"phase": phase}}


def test_a_static_class_needs_a_volume_that_is_available() -> None:
    """After a run its PV is Released, with the data: which one to clear is said."""
    static = a_class(provisioner="kubernetes.io/no-provisioner")
    volumes = [a_volume("pv-1", "Released"), a_volume("pv-2", "Available", "other")]
    check = cluster.static(static, volumes)
    assert check.status == "fail"
    assert "pv-1 is Released" in check.seen
    assert "`kubectl patch pv pv-1 -p" in check.seen
    free = cluster.static(static, [*volumes, a_volume("pv-3", "Available")])
    assert (free.status, free.seen) == ("pass", "Available PVs: pv-3")


def test_a_static_class_with_fewer_volumes_than_the_plan_takes_is_told_before() -> None:
    """Of a nightly, fio's of every round and one for each kind of writer."""
    static = a_class(provisioner="kubernetes.io/no-provisioner")
    volumes = [a_volume(f"pv-{n}", "Available") for n in range(3)]
    plan = Plan(rounds=3, storm_volumes=["storage-classes"], writers=["Deployment", "StatefulSet"])
    needed = {flow: volumes_of_class(flow, plan) for flow in ("benchmark", "storms", "nightly")}
    assert needed == {"benchmark": 3, "storms": 2, "nightly": 5}
    assert cluster.static(static, volumes, needed["benchmark"]).status == "pass"
    check = cluster.static(static, volumes, needed["nightly"])
    assert check.status == "warn"
    assert "the run takes 5 PVs of it" in check.seen
    assert "make 2 more, or lower rounds" in check.advice


def test_classes_that_are_left_out_are_said() -> None:
    """A bucket's is as it should be; one that lacks a volume can be mended."""
    bucket = a_class("bucket", provisioner="rook-ceph.ceph.rook.io/bucket")
    static = a_class("static", provisioner="kubernetes.io/no-provisioner")
    checks = cluster.without([bucket, static, a_class()], [])
    assert [(check.object, check.status) for check in checks] == [
        ("bucket", "pass"),
        ("static", "warn"),
    ]
    assert "makes buckets, not volumes" in checks[0].seen


def test_the_older_annotation_makes_a_default_class_too() -> None:
    """API servers heed it; of any other value they do not."""
    old = "storageclass.beta.kubernetes.io/is-default-class"
    beta = a_class("beta")
    beta["metadata"]["annotations"] = {old: "true"}
    assert cluster.default_class([a_class(), beta]).seen == "beta"
    beta["metadata"]["annotations"] = {old: "false"}
    assert cluster.default_class([beta]).status == "warn"


@pytest.mark.parametrize(("classes", "status"), [(["a", "b"], "pass"), (["a", "b", "c"], "warn")])
def test_a_node_that_takes_fewer_volumes_than_the_run_keeps(
    classes: list[str], status: str
) -> None:
    """By its CSINode, where its driver says so; nodes that no pod of the run uses do not count."""

    def csi_node(name: str, **driver: Any) -> Obj:
        return {
            "metadata": {"name": name},
            "spec": {"drivers": [{"name": "ebs.csi.aws.com"} | driver]},
        }

    nodes = [
        csi_node("n1", allocatable={"count": 2}),
        csi_node("n2", allocatable={"count": 9}),
        csi_node("n3"),
        csi_node("other", allocatable={"count": 1}),
        {"metadata": {"name": "n4"}, "spec": {"drivers": None}},
    ]
    chosen = [a_class(name) for name in classes]
    (check,) = cluster.attach_limits(chosen, nodes, ["n1", "n2", "n3", "n4"], 1)
    assert (check.object, check.status) == ("driver ebs.csi.aws.com", status)
    assert check.seen.startswith("node n1 takes 2 of its volumes")
    assert cluster.attach_limits(chosen, nodes[2:3], ["n3"], 1) == []
    assert cluster.attach_limits([a_class(provisioner="x")], nodes, ["n1"], 1) == []


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
