"""The preflight as a flow: what Prefect shows of it."""

import json
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType

from flows.preflight import preflight
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import Plan


@pytest.mark.usefixtures("prefect_server")
def test_the_checks_are_a_table(namespace: str, tmp_path: Path) -> None:
    """Every check with its status; the state says in a sentence what failed."""
    plan = Plan(namespace=namespace, storage_classes=["fast"], results=str(tmp_path))
    state = preflight(plan, flow="benchmark", return_state=True)
    assert (state.type, state.name) == (StateType.FAILED, "Refused")
    with get_client(sync_client=True) as client:
        (shown,) = (found for found in client.read_artifacts() if found.key == "preflight")
    checks = json.loads(str(shown.data))
    assert all(list(c) == ["check", "object", "status", "seen", "advice"] for c in checks)
    (failed,) = [c for c in checks if c["status"] == "fail"]
    assert state.message == f"{failed['check']}: {failed['object']}: {failed['seen']}"
    assert "fast" in str(state.message)


@pytest.mark.usefixtures("prefect_server")
def test_what_refuses_says_what_to_do(namespace: str, tmp_path: Path) -> None:
    """The state's message has the advice, as a run's has."""
    fault = NodeFault(down="no-such-tool {node}", up="true {node}")
    plan = Plan(namespace=namespace, storms=["node-crash"], node_fault=fault, results=str(tmp_path))
    state = preflight(plan, flow="storms", return_state=True)
    assert state.message == (
        "node-crash: command no-such-tool: is not on this client. "
        "Install it here, or correct node_fault"
    )
