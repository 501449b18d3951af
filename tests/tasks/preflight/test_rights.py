"""Every verb that `manifests/rbac.yaml` and the files beside it grant, and what goes without it."""

from collections.abc import Callable

import pytest

from tasks.kubernetes import verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import Forbidden
from tasks.plan.plan import Plan
from tasks.preflight import preflight
from tasks.preflight.permissions import needed
from tasks.results import checks
from tests.tasks.api import Answer, Api
from tests.tasks.preflight.test_preflight import review
from tests.tasks.rights import BASE, FILES, Right, granted

NODE_FAULT = {"down": "stop {node}", "up": "start {node}"}
PLAN = Plan.model_validate(
    {
        "storms": ["container-restart", "pod-delete", "drain", "node-crash", "node-lost"],
        "storm_volumes": ["storage-classes", "emptyDir", "hostPath", "local"],
        "writers": ["Deployment", "StatefulSet"],
        "node_fault": NODE_FAULT,
    }
)
# What a night does without: it says then what it has not looked at, or left.
SPARED = ("rbac/preflight.yaml", "rbac/retain.yaml")
# What an optional file is for, in words of a plan.
SKIPPED = {"rbac/drain.yaml": {"drain", "node-crash", "node-lost"}, "rbac/local.yaml": {"local"}}
SKIPPED["rbac/stateful.yaml"] = {"StatefulSet"}
BY_FOLDER = {"hostPath", "local"}


def changes(right: Right) -> bool:
    """Whether a right changes what belongs to no namespace."""
    return right[3] and right[2] in {"create", "update", "patch", "delete"}


def test_the_base_changes_nothing_beyond_its_namespace() -> None:
    """Whoever may create PVs mounts any path of a node; the files for that are optional."""
    assert granted(BASE)
    assert set(filter(changes, granted(BASE))) == set()
    pvs, nodes = ("", "persistentvolumes"), ("", "nodes")
    assert set(filter(changes, granted())) == {
        (*pvs, "create", True), (*pvs, "delete", True), (*pvs, "patch", True),
        (*nodes, "patch", True),
    }  # fmt: skip


def test_no_verb_is_granted_twice() -> None:
    """An optional file has what the base lacks."""
    assert sum(len(granted(file)) for file in FILES) == len(granted())


ASKED = [(file, right) for file in FILES if file not in SPARED for right in sorted(granted(file))]


@pytest.mark.parametrize(("file", "right"), ASKED, ids=lambda value: "-".join(map(str, value)))
def test_each_verb_is_needed(api: Api, file: str, right: Right) -> None:
    """Without it a night is refused, or skips what the file is for; the advice is the file."""
    group, resource, verb, everywhere = right
    review(api, (verb, resource, everywhere))
    seen = preflight.permissions(api.cluster, needed("nightly", PLAN))
    (denied,) = (check for check in seen if check.status != "pass")
    where = f".{group}" if group else ""
    assert denied.seen.startswith(f"may not {verb} {resource}{where} in ")
    assert denied.advice == f"manifests/{file} grants it"
    skips = set(checks.skips([denied]))
    of_base = BY_FOLDER if (resource, verb) == ("configmaps", "patch") else set()
    assert skips <= SKIPPED.get(file, of_base)
    assert bool(skips) is bool(SKIPPED.get(file, of_base))
    assert denied.status == ("warn" if skips else "fail")


def test_a_plan_without_stateful_sets_asks_for_none_of_their_rights() -> None:
    """The twin of the plan above, which has both kinds of writers."""
    one_kind = PLAN.model_copy(update={"writers": ["Deployment"]})
    assert "statefulsets" not in {rule.resource for rule in needed("nightly", one_kind)}
    assert "statefulsets" in {rule.resource for rule in needed("nightly", PLAN)}


@pytest.mark.parametrize("writer", ["Deployment", "StatefulSet"])
def test_who_makes_no_deployments_has_only_to_find_them(writer: str) -> None:
    """Each flow looks for what a run has left, of any kind."""
    plan = PLAN.model_copy(update={"writers": [writer]})
    rules = [rule for rule in needed("storms", plan) if rule.resource == "deployments"]
    asked = {verb for rule in rules for verb in rule.verbs}
    changed = {"create", "get", "watch", "delete"} if writer == "Deployment" else set()
    assert asked == {"list"} | changed


def test_with_all_of_them_nothing_is_refused(api: Api) -> None:
    """The twin: the same questions, and no right is missing."""
    review(api)
    seen = preflight.permissions(api.cluster, needed("nightly", PLAN))
    assert {check.status for check in seen} == {"pass"}


# ---------------------------------------------------------------- what a quick night never asks for


def looked_up(kind: str) -> Callable[[Cluster], object]:
    """A creation whose answer was lost: its own object is looked at."""
    meta = {"name": "one", "labels": {"stormark/run": "r"}}
    return lambda cluster: verbs.create(cluster, {"kind": kind, "metadata": meta})


def waited_for(kind: str) -> Callable[[Cluster], object]:
    """What is deleted and is not gone at once."""
    return lambda cluster: watches.wait_gone(cluster, kind, what="an end", limit_seconds=5)


# What only a slower cluster, a longer run or another class asks for, and what does so.
SELDOM: dict[tuple[str, str, str], Callable[[Cluster], object] | str] = {
    ("", "configmaps", "get"): looked_up("ConfigMap"),
    ("apps", "deployments", "get"): looked_up("Deployment"),
    ("apps", "statefulsets", "get"): looked_up("StatefulSet"),
    ("batch", "jobs", "get"): looked_up("Job"),
    ("", "configmaps", "watch"): waited_for("ConfigMap"),
    ("", "persistentvolumeclaims", "watch"): waited_for("PersistentVolumeClaim"),
    ("", "persistentvolumes", "watch"): waited_for("PersistentVolume"),
    ("apps", "deployments", "watch"): waited_for("Deployment"),
    ("apps", "statefulsets", "watch"): waited_for("StatefulSet"),
    ("batch", "jobs", "watch"): waited_for("Job"),
    ("", "persistentvolumes", "patch"): "tests/real/test_retain.py",
    ("coordination.k8s.io", "leases", "update"): "tests/tasks/lifecycle/test_lease.py",
}


@pytest.mark.parametrize("may", [True, False])
@pytest.mark.parametrize(
    ("right", "call"),
    [(right, call) for right, call in SELDOM.items() if not isinstance(call, str)],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_seldom_asked_is_needed_then(
    api: Api, right: tuple[str, str, str], call: Callable[[Cluster], object], *, may: bool
) -> None:
    group, resource, verb = right
    base = f"/apis/{group}/v1" if group else "/api/v1"
    everywhere = "" if resource == "persistentvolumes" else "/namespaces/bench"
    path = f"{base}{everywhere}/{resource}"
    forbidden = Answer.refusal(403, "Forbidden", "not you")
    one = {"metadata": {"name": "one", "labels": {"stormark/run": "r"}, "resourceVersion": "1"}}
    if verb == "get":
        api.script("POST", path, Answer.refusal(409, "AlreadyExists"))
        api.script("GET", f"{path}/one", Answer.of(one) if may else forbidden)
    else:
        api.script("GET", path, Answer.items([one]))
        api.script("WATCH", path, Answer.changes(("DELETED", one)) if may else forbidden)
    if may:
        call(api.cluster)
        return
    with pytest.raises(Forbidden, match="not you"):
        call(api.cluster)
