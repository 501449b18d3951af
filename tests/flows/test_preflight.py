"""The preflight as a flow: what Prefect shows of it."""

import json
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.objects import StateType

from flows.preflight import preflight
from tasks.plan import Plan


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
