"""Which nodes a storm may drain or break."""

from typing import Any

import pytest

from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon
from tasks.plan.plan import Plan
from tests.tasks.api import Answer, Api

ROLE = "node-role.kubernetes.io/control-plane"


def a_node(name: str, **labels: str) -> Obj:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name} | labels},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def eligible(api: Api, nodes: list[Obj], **plan: Any) -> list[str]:
    """By name; the server is taken at its word on the selector."""
    api.answers.clear()
    api.script("GET", "/api/v1/nodes", Answer.items(nodes))
    return [one["metadata"]["name"] for one in cordon.eligible(api.cluster, Plan(**plan))]


SERVERS = [a_node("s1", **{ROLE: ""}), a_node("s2", **{ROLE: ""})]


@pytest.mark.parametrize(
    ("storm_nodes", "found"),
    [
        ("", []),
        ("kubernetes.io/hostname in (s1,s2)", ["s1", "s2"]),
        ("kubernetes.io/hostname=s1", ["s1", "s2"]),
        ("kubernetes.io/hostname!=s3", []),
        ("kubernetes.io/hostname notin (s3)", []),
        ("disk=ssd", []),
    ],
)
def test_a_control_plane_is_drained_only_where_it_is_named(
    api: Api, storm_nodes: str, found: list[str]
) -> None:
    """All nodes may be: on a cluster of three, each is one. Others never need a name."""
    assert eligible(api, SERVERS, storm_nodes=storm_nodes) == found
    assert eligible(api, [a_node("w1")], storm_nodes=storm_nodes) == ["w1"]


def test_a_node_of_another_system_is_never_drained(api: Api) -> None:
    nodes = [a_node("w1"), a_node("w2", **{"kubernetes.io/os": "windows"})]
    assert eligible(api, nodes) == ["w1"]


def test_the_node_that_stormark_runs_on_is_never_drained(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the plan names it."""
    monkeypatch.setenv("STORMARK_NODE", "s1")
    assert eligible(api, SERVERS, storm_nodes="kubernetes.io/hostname in (s1,s2)") == ["s2"]
