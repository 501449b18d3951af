"""`manifests/rbac.yaml` and the files beside it grant what a night asks for: neither less nor more.

tests/tasks/preflight/test_rights.py shows for each verb what goes without it, and on a real cluster
tests/real/test_rbac.py that a run fails without any one rule.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import streams
from tests.conftest import TINY_FIO, Stormark
from tests.tasks.preflight.test_rights import SELDOM
from tests.tasks.rights import granted

pytestmark = pytest.mark.usefixtures("prefect_server")
PATH = re.compile(
    r"/apis?(?:/(?P<group>[a-z0-9.]+\.io|apps|batch))?/v\d\w*(?:/namespaces/[^/]+(?=/))?"
    r"/(?P<kind>\w+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>\w+))?)?"
)
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# Everybody may ask what they may do.
FREE = "selfsubjectaccessreviews"
Asked = tuple[str, str, str]


def right(method: str, path: str, query: dict[str, str] | None) -> Asked:
    """The API group, resource and verb of a request, as RBAC names them."""
    found = PATH.fullmatch(path)
    assert found, path
    verb = VERBS.get(method) or ("get" if found["name"] else "list")
    if query and query.get("watch"):
        verb = "watch"
    ending = f"/{found['subresource']}" if found["subresource"] else ""
    return found["group"] or "", found["kind"] + ending, verb


def test_it_grants_what_a_night_asks_for(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every storm and every kind of volume that needs a right of its own.

    What it creates by dry run it creates so once: here the PVC of the one class first.
    """
    asked, tried = set[Asked](), list[str]()
    request, execute = k8s.request, streams.execute

    def noted(cluster: Any, method: str, path: str, **more: Any) -> Any:
        if cluster.dry_run:
            tried.append(path)
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
        "writers": ["Deployment", "StatefulSet"],
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    result = stormark("--flow", "nightly", "--plan", str(tmp_path / "plan.yaml"))
    assert result.exit_code in (0, 1), result.output
    may = {right[:3] for right in granted()}
    assert [path for path in tried if path.endswith("/persistentvolumeclaims")] == tried[:1]
    assert asked - may == set()
    assert may - asked <= SELDOM.keys()
