"""Where what a dead flow run has left is looked for."""

from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from flows.dead import plan_of


@pytest.mark.parametrize(
    "parameters",
    [
        {"plan": {"context": "prod", "namespace": "storage"}, "flow": "nightly"},  # preflight
        {"context": "prod", "namespace": "storage", "dry_run": False, "flow_run": None},  # reap
    ],
    ids=["with a plan", "reap"],
)
def test_where_it_worked(parameters: dict[str, Any]) -> None:
    """Its plan says so; `reap` has none, and says so itself."""
    plan = plan_of(FlowRun(flow_id=uuid4(), parameters=parameters))
    assert (plan.context, plan.namespace) == ("prod", "storage")


def test_of_a_report_no_place_is_known() -> None:
    plan = plan_of(FlowRun(flow_id=uuid4(), parameters={"runs": ["a"], "results": "results"}))
    assert (plan.context, plan.namespace) == (None, "")
