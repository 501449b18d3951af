"""`manifests/rbac.yaml` grants what a night asks Kubernetes for: neither less nor more.

tests/real/test_rbac.py shows on a real cluster that a run fails without any one rule.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import manifest, streams
from tests.conftest import TINY_FIO, Stormark

pytestmark = pytest.mark.usefixtures("prefect_server")
PATH = re.compile(
    r"/apis?(?:/(?P<group>[a-z0-9.]+\.io|apps|batch))?/v\d\w*(?:/namespaces/[^/]+(?=/))?"
    r"/(?P<kind>\w+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>\w+))?)?"
)
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# What only a slower cluster or a longer run asks for.
SELDOM = {
    # a creation whose answer was lost is looked up
    ("", "configmaps", "get"),
    ("apps", "deployments", "get"),
    ("batch", "jobs", "get"),
    # what is deleted is waited for
    ("", "configmaps", "watch"),
    ("", "persistentvolumeclaims", "watch"),
    ("", "persistentvolumes", "watch"),
    ("apps", "deployments", "watch"),
    ("batch", "jobs", "watch"),
    # where a class says Retain
    ("", "persistentvolumes", "patch"),
    # the Lease of a run of more than a quarter of a minute is renewed
    ("coordination.k8s.io", "leases", "update"),
}
# Everybody may ask what they may do.
FREE = "selfsubjectaccessreviews"
Right = tuple[str, str, str]


def right(method: str, path: str, query: dict[str, str] | None) -> Right:
    """The API group, resource and verb of a request, as RBAC names them."""
    found = PATH.fullmatch(path)
    assert found, path
    verb = VERBS.get(method) or ("get" if found["name"] else "list")
    if query and query.get("watch"):
        verb = "watch"
    ending = f"/{found['subresource']}" if found["subresource"] else ""
    return found["group"] or "", found["kind"] + ending, verb


def granted(name: str | None = None) -> set[Right]:
    """What the roles of the file allow, or those of one name."""
    objects = yaml.safe_load_all((manifest.FOLDER / "rbac.yaml").read_text())
    return {
        (group, resource, verb)
        for role in objects
        if name in (None, role["metadata"]["name"])
        for rule in role.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def changes_of_the_cluster(rights: set[Right]) -> set[Right]:
    """Those that change what belongs to no namespace."""
    return {
        right
        for right in rights
        if right[1] in {"nodes", "persistentvolumes"} and right[2] in VERBS.values()
    }


def test_the_base_role_changes_nothing_beyond_its_namespace() -> None:
    """Whoever may create PVs mounts any path of a node; the roles for that are optional."""
    assert granted("stormark")
    assert changes_of_the_cluster(granted("stormark")) == set()
    pvs, nodes = ("", "persistentvolumes"), ("", "nodes")
    assert changes_of_the_cluster(granted()) == {
        (*pvs, "create"), (*pvs, "delete"), (*pvs, "patch"), (*nodes, "patch"),
    }  # fmt: skip


def test_it_grants_what_a_night_asks_for(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every storm and every kind of volume that needs a right of its own."""
    asked = set[Right]()
    request, execute = k8s.request, streams.execute

    def noted(cluster: Any, method: str, path: str, **more: Any) -> Any:
        if path.count("/") > 1 and not path.endswith(FREE):  # not /version, not /apis
            asked.add(right(method, path, more.get("query")))
        return request(cluster, method, path, **more)

    def noted_execute(*arguments: Any, **more: Any) -> str:
        asked.update({("", "pods/exec", verb) for verb in ("get", "create")})
        return execute(*arguments, **more)

    monkeypatch.setattr(k8s, "request", noted)
    monkeypatch.setattr(streams, "execute", noted_execute)
    plan = {
        "fio_file": TINY_FIO,
        "storms": ["container-restart", "pod-delete", "drain"],
        "storm_volumes": ["emptyDir", "local"],
        "hold_seconds": 1,
        "storm_rounds": 1,
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    result = stormark("--flow", "nightly", "--plan", str(tmp_path / "plan.yaml"))
    assert result.exit_code in (0, 1), result.output
    assert asked - granted() == set()
    assert granted() - asked <= SELDOM
