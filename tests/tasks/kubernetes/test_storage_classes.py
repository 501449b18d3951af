"""StorageClasses: which are chosen, and what is recorded of one."""

from typing import Any

import pytest

from tasks.kubernetes.objects import Obj
from tasks.kubernetes.storage_classes import DEFAULT_CLASS, chosen
from tasks.plan.plan import PlanError
from tests.tasks.api import Answer, Api

VOLUMES = "/api/v1/persistentvolumes"
PATH = "/apis/storage.k8s.io/v1/storageclasses"


def storage_class(name: str, *, default: bool = False, **fields: Any) -> Obj:
    annotations = {"annotations": {DEFAULT_CLASS: "true"}} if default else {}
    return {"metadata": {"name": name} | annotations, "provisioner": "example.com/disk"} | fields


def names(api: Api, existing: list[Obj], wanted: list[str]) -> list[str]:
    api.script("GET", PATH, Answer.items(existing))
    return [found["metadata"]["name"] for found in chosen(api.cluster, wanted)]


def test_every_class_is_chosen_with_the_default_class_first(api: Api) -> None:
    """The rest follows by name, so that two runs have the same order."""
    existing = [storage_class("c"), storage_class("a"), storage_class("z", default=True)]
    assert names(api, existing, []) == ["z", "a", "c"]


def test_named_classes_are_chosen_in_the_plan_s_order(api: Api) -> None:
    """The first is the reference, default class or not."""
    existing = [storage_class("a", default=True), storage_class("b"), storage_class("c")]
    assert names(api, existing, ["c", "a"]) == ["c", "a"]


def test_a_missing_class_is_refused_with_those_that_exist(api: Api) -> None:
    """All missing ones at once."""
    with pytest.raises(PlanError) as refused:
        names(api, [storage_class("slow"), storage_class("fast")], ["fats", "fast", "slwo"])
    assert str(refused.value) == (
        "plan field storage_classes: cluster test has no class fats, slwo; it has fast, slow"
    )


def test_a_class_named_twice_is_refused(api: Api) -> None:
    """It would be compared with itself."""
    with pytest.raises(PlanError, match="storage_classes: fast is named twice"):
        names(api, [storage_class("fast")], ["fast", "fast"])


BUCKET = storage_class("bucket") | {"provisioner": "openshift-storage.noobaa.io/obc"}
STATIC = storage_class("static") | {"provisioner": "kubernetes.io/no-provisioner"}


@pytest.mark.parametrize(
    ("phase", "taken"), [("Released", ["fast"]), ("Available", ["fast", "static"])]
)
def test_every_class_is_every_one_that_can_be_measured(
    api: Api, phase: str, taken: list[str]
) -> None:
    """No class of buckets, and of those without a provisioner the ones that have a PV."""
    volume = {"metadata": {"name": "pv"}, "spec": {"storageClassName": "static"}}
    api.script("GET", VOLUMES, Answer.items([volume | {"status": {"phase": phase}}]))
    assert names(api, [BUCKET, STATIC, storage_class("fast")], []) == taken
    assert names(api, [], ["static"]) == ["static"]  # named, its check says what is missing


def test_a_class_of_buckets_that_is_named_is_refused(api: Api) -> None:
    with pytest.raises(PlanError, match="bucket makes buckets, not volumes"):
        names(api, [BUCKET, storage_class("fast")], ["fast", "bucket"])
    api.answers.clear()
    with pytest.raises(PlanError, match="no StorageClass to measure: bucket: provisioner"):
        names(api, [BUCKET], [])


def test_a_cluster_without_classes_is_refused(api: Api) -> None:
    """There is nothing to measure, and a named class is said to be missing."""
    with pytest.raises(PlanError, match="cluster test has no StorageClass to measure"):
        names(api, [], [])
    with pytest.raises(PlanError, match="has no class fast; it has none"):
        names(api, [], ["fast"])
