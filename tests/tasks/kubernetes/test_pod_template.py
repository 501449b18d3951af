"""What a plan adds to a pod, and what it cannot change."""

from typing import Any

import pytest

from tasks.kubernetes import script_job
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan
from tasks.provision import bench_pod
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, make_run

IDS = {"runAsUser": 65534, "runAsGroup": 65534, "fsGroup": 65534, "runAsNonRoot": True}


def template_of(api: Api, *, root: bool = False, **pod: Any) -> Obj:
    """The template of the Job that is created by a plan with that `pod`; root's is a script's."""
    run = make_run(api.cluster, pod=pod)
    api.script("POST", JOBS, Answer.of({}, status=201))
    if root:
        script_job.create(
            run.cluster,
            run.plan,
            run.meta([]),
            name="a-job",
            file="reader.sh",
            source={"emptyDir": {}},
            user=0,
        )
    else:
        bench_pod.create(run, [], name="a-job", action="check", limit_seconds=1)
    template: Obj = api.asked("POST")[-1].body["spec"]["template"]
    return template


def ids_of(template: Obj) -> Obj:
    return {field: v for field, v in template["spec"]["securityContext"].items() if field in IDS}


@pytest.mark.parametrize(
    ("context", "ids"),
    [
        ({}, IDS),
        ({"given_by_cluster": True}, {"runAsNonRoot": True}),
        ({"run_as_user": 1000}, IDS | {"runAsUser": 1000}),
        ({"run_as_user": 0}, IDS | {"runAsUser": 0, "runAsNonRoot": False}),
        ({"fs_group": 7, "run_as_group": 8}, IDS | {"fsGroup": 7, "runAsGroup": 8}),
    ],
)
def test_user_and_groups(api: Api, context: Obj, ids: Obj) -> None:
    """stormark's own, the plan's, or none where the cluster's rules give them."""
    template = template_of(api, security_context=context)
    assert ids_of(template) == ids
    assert template["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_a_pod_that_is_root_by_itself_has_the_plan_s_user_too(api: Api) -> None:
    """A policy that wants a user wants it of every pod."""
    assert ids_of(template_of(api, root=True))["runAsUser"] == 0
    other = ids_of(template_of(api, root=True, security_context={"run_as_user": 1000}))
    assert (other["runAsUser"], other["runAsNonRoot"]) == (1000, True)


def test_names_of_what_a_pod_needs(api: Api) -> None:
    """Each where Kubernetes has it, and none of them where the plan names none."""
    named = template_of(
        api,
        priority_class_name="low",
        runtime_class_name="gvisor",
        service_account_name="bench",
        image_pull_secrets=["registry"],
    )["spec"]
    assert named["priorityClassName"] == "low"
    assert named["runtimeClassName"] == "gvisor"
    assert named["serviceAccountName"] == "bench"
    assert named["imagePullSecrets"] == [{"name": "registry"}]
    added = named.keys() - template_of(api)["spec"].keys()
    assert added == {
        "priorityClassName",
        "runtimeClassName",
        "serviceAccountName",
        "imagePullSecrets",
    }


def test_what_a_pod_runs_and_mounts_is_not_the_plan_s(api: Api) -> None:
    """Every field of the block set: image, command, mounts and privileges are as without it."""
    every: Obj = {
        "labels": {"a": "b"},
        "annotations": {"a": "b"},
        "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
        "image_pull_secrets": ["s"],
        "priority_class_name": "p",
        "runtime_class_name": "r",
        "service_account_name": "s",
        "security_context": {"run_as_user": 1},
    }
    assert every.keys() == Plan().pod.model_dump().keys()
    with_all, without = template_of(api, **every)["spec"], template_of(api)["spec"]
    assert with_all["volumes"] == without["volumes"]
    (container,), (own,) = with_all["containers"], without["containers"]
    assert container | {"resources": 0} == own | {"resources": 0}
