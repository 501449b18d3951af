"""Questions to a cluster: what is denied, what may not be listed, what is left of earlier runs."""

import json

import pytest

from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan, PlanError
from tasks.preflight import preflight
from tasks.preflight.permissions import needed
from tasks.results import checks as checklist
from tasks.results.checks import Check
from tests.tasks.api import Answer, Api, Request

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
FORBIDDEN = Answer.refusal(403, "Forbidden", "not you")


def review(api: Api, *denied: tuple[str, str, bool]) -> None:
    """Let every question be answered yes, but those on (verb, resource, whole cluster)."""

    def answer(request: Request) -> Answer:
        if request.path != REVIEWS:
            return listed(request)
        asked: Obj = request.body["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (asked["resource"], asked["subresource"])))
        key = (asked["verb"], resource, "namespace" not in asked)
        return Answer.of({"status": {"allowed": key not in denied}}, status=201)

    listed, api.next = api.next, answer  # type: ignore[method-assign]


def denied_of(api: Api, flow: str, plan: Plan) -> dict[str, Check]:
    checks = preflight.permissions(api.cluster, needed(flow, plan))
    return {check.object: check for check in checks if check.status != "pass"}


def test_all_that_a_run_needs_is_granted(api: Api) -> None:
    """Each rule has its check, in the order of the table."""
    review(api)
    rules = needed("nightly", Plan())
    checks = preflight.permissions(api.cluster, rules)
    assert [check.status for check in checks] == ["pass"] * len(rules)


def test_without_jobs_there_is_no_run(api: Api) -> None:
    """The message names verb, resource and purpose, and what grants it."""
    review(api, ("create", "jobs", False), ("delete", "jobs", False))
    (check,) = denied_of(api, "benchmark", Plan()).values()
    assert check.seen == "may not create, delete jobs.batch in namespace bench, to run its pods"
    with pytest.raises(PlanError, match=r"^preflight: permission: jobs.*rbac\.yaml grants") as told:
        checklist.refuse([check])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("denied", "without"),
    [
        (("patch", "nodes", True), {"drain"}),
        (("create", "pods/eviction", False), {"drain"}),
        (("create", "persistentvolumes", True), {"local"}),
        (("get", "pods/exec", False), {"container-restart", "emptyDir"}),
    ],
)
def test_what_only_some_cells_need(
    api: Api, denied: tuple[str, str, bool], without: set[str]
) -> None:
    """They are skipped with the reason, and the rest is measured."""
    review(api, denied)
    checks = list(denied_of(api, "storms", Plan()).values())
    assert [check.status for check in checks] == ["warn"]
    checklist.refuse(checks)
    skips = checklist.skips(checks)
    assert skips.keys() == without
    assert all(denied[1] in why and "manifests/rbac" in why for why in skips.values())


@pytest.mark.parametrize(
    ("denied", "status"), [([], "pass"), ([("patch", "persistentvolumes", True)], "warn")]
)
def test_what_a_class_retains_is_told_before(
    api: Api, denied: list[tuple[str, str, bool]], status: str
) -> None:
    """Whether its volumes can be deleted; one that retains nothing is not asked about."""
    review(api, *denied)
    classes = [
        {"metadata": {"name": "fast"}, "reclaimPolicy": "Retain"},
        {"metadata": {"name": "slow"}, "reclaimPolicy": "Delete"},
    ]
    (check,) = preflight.retained(api.cluster, classes)
    assert (check.object, check.status) == ("class fast", status)
    assert ("rbac/retain.yaml" in check.advice) is bool(denied)
    api.requests.clear()
    assert preflight.retained(api.cluster, classes[1:]) == []
    assert api.requests == []


@pytest.mark.parametrize("resource", ["nodes", "storageclasses", "persistentvolumes"])
def test_a_plan_that_names_its_classes_does_with_rights_in_its_namespace(
    api: Api, resource: str
) -> None:
    """What could be seen beyond it is not known then; for every class there is no run without."""
    review(api, ("list", resource, True))
    (named,) = denied_of(api, "benchmark", Plan(storage_classes=["fast"])).values()
    assert (named.status, named.without) == ("warn", ())
    (every,) = denied_of(api, "benchmark", Plan()).values()
    assert every.status == "fail"


def test_volumes_of_one_pod_need_exec(api: Api) -> None:
    """No other pod can read them back."""
    review(api, ("create", "pods/exec", False))
    plan = Plan(access_mode="ReadWriteOncePod", storm_volumes=["storage-classes", "local"])
    (check,) = denied_of(api, "storms", plan).values()
    assert check.without == ("container-restart", "storage-classes")
    plan = Plan(storm_volumes=["storage-classes", "local"], storms=["drain"])
    assert denied_of(api, "storms", plan) == {}


@pytest.mark.parametrize("flow", ["benchmark", "nightly"])
def test_without_exec_there_is_no_fio(api: Api, flow: str) -> None:
    """Its pods wait for orders; storms alone do without."""
    review(api, ("create", "pods/exec", False))
    (check,) = denied_of(api, flow, Plan()).values()
    assert check.status == "fail"
    assert "may not create pods/exec in namespace bench, to give fio's pods their" in check.seen


def test_only_what_the_plan_needs_is_asked(api: Api) -> None:
    """No drain, no patch of nodes; a full drain evicts in every namespace."""
    review(api, ("patch", "nodes", True), ("create", "pods/eviction", True))
    assert denied_of(api, "storms", Plan(storms=["pod-delete"])) == {}
    assert denied_of(api, "benchmark", Plan()) == {}
    full = denied_of(api, "storms", Plan(drain="full"))
    assert full.keys() == {"nodes in the cluster", "pods/eviction in the cluster"}


def test_a_cluster_that_may_not_be_asked(api: Api) -> None:
    """It is a warning: the run itself will find out."""
    api.script("POST", REVIEWS, FORBIDDEN)
    (check,) = preflight.permissions(api.cluster, needed("benchmark", Plan())[:1])
    assert (check.status, check.seen) == ("warn", "may not ask, so not checked")


def script_cluster(api: Api) -> None:
    """A cluster with one ready node, and nothing else that a check could see."""
    node = {
        "metadata": {"name": "n1"},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    namespace = {"metadata": {"name": "bench"}, "status": {"phase": "Active"}}
    api.script("GET", "/api/v1/namespaces/bench", Answer.of(namespace))
    api.script("GET", "/apis", Answer.of({"groups": [{"name": "rbac.authorization.k8s.io"}]}))
    api.script("GET", "/api/v1/nodes", Answer.items([node]))
    for path in (
        "/api/v1/persistentvolumes",
        *(
            f"/{group}/namespaces/bench/{plural}"
            for group, plural in (
                ("api/v1", "configmaps"),
                ("api/v1", "persistentvolumeclaims"),
                ("api/v1", "pods"),
                ("apis/apps/v1", "deployments"),
                ("apis/apps/v1", "statefulsets"),
                ("apis/batch/v1", "jobs"),
            )
        ),
    ):
        api.script("GET", path, Answer.items([]))
    review(api)


def checked(api: Api, flow: str = "benchmark") -> list[Check]:
    nodes = json.loads(api.answers["GET", "/api/v1/nodes"][0].body)["items"]
    version = "v1.34.4"
    return preflight.check(api.cluster, Plan(), flow, chosen=[], every_node=nodes, version=version)


def test_kinds_that_the_cluster_lacks(api: Api) -> None:
    """A cluster without snapshots or aggregated APIs is checked without a word on them."""
    script_cluster(api)
    assert {check.check for check in checked(api) if check.status != "pass"} == {"default class"}


def test_kinds_that_may_not_be_listed(api: Api) -> None:
    """Each is a warning, and no check of it is made up."""
    script_cluster(api)
    quotas = "/api/v1/namespaces/bench/resourcequotas"
    services = "/apis/apiregistration.k8s.io/v1/apiservices"
    for path in (quotas, services):
        api.script("GET", path, FORBIDDEN)
    checks = checked(api)
    warned = {check.object: check.seen for check in checks if check.check == "lists"}
    assert warned == dict.fromkeys(
        ("apiservices", "resourcequotas"), "may not list, so not checked"
    )
    assert not {"aggregation layer", "quota"} & {check.check for check in checks}


def test_a_quota_fails(api: Api) -> None:
    """It is compared with what the plan takes."""
    script_cluster(api)
    quota = {"metadata": {"name": "q"}, "spec": {}, "status": {"hard": {"pods": "1"}}}
    api.script("GET", "/api/v1/namespaces/bench/resourcequotas", Answer.items([quota]))
    (failed,) = [check for check in checked(api) if check.status == "fail"]
    assert (failed.check, failed.object) == ("quota", "ResourceQuota q")


def test_what_an_earlier_run_has_left(api: Api) -> None:
    """The warning says what, and what removes it."""
    labels = {"app.kubernetes.io/managed-by": "stormark", "stormark/run": "run-1"}
    left = {"metadata": {"name": "stormark-run-1", "namespace": "bench", "labels": labels}}
    script_cluster(api)
    api.answers["GET", "/api/v1/namespaces/bench/configmaps"] = [Answer.items([left])]
    (check,) = preflight.stale(api.cluster._replace(context="of prod"), Plan())
    assert (check.status, check.object) == ("warn", "run run-1")
    assert "ConfigMap/stormark-run-1" in check.seen
    assert check.advice == "`stormark reap --context 'of prod' --namespace bench` releases it"
