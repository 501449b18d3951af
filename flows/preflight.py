"""The flow that asks a cluster whether a plan can be carried out there."""

from typing import Literal

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import artifacts
from flows.dead import release_now
from flows.steps import step
from tasks.lifecycle.progress import Progress
from tasks.plan.plan import Plan
from tasks.preflight import begin

Flow = Literal["benchmark", "storms", "nightly"]


@flow(
    name="preflight",
    flow_run_name="preflight",
    persist_result=False,
    on_crashed=[release_now],
    on_cancellation=[release_now],
)
def preflight(plan: Plan = Plan(), flow: Flow = "nightly") -> State:  # noqa: B008 - as in a run
    """Check whether a flow could carry out a plan; a check that fails fails this flow.

    Args:
        plan: The plan, as a run would get it.
        flow: The flow that would carry it out.

    """
    logger = get_run_logger()

    def report(progress: Progress) -> None:
        logger.info("%s", progress.step)

    checks = step(begin.whole, "preflight")(plan, flow, report, flow_run.id or "")
    say = {"pass": logger.info, "warn": logger.warning, "fail": logger.error}
    for one in checks:
        say[one.status]("%s: %s: %s", one.check, one.object, one.words)
    artifacts.show_table(
        [one.columns() for one in checks], "preflight", f"the plan of a {flow} run"
    )
    failed = [f"{one.check}: {one.object}: {one.words}" for one in checks if one.status == "fail"]
    if failed:
        return State(type=StateType.FAILED, name="Refused", message="; ".join(failed))
    warned = sum(one.status == "warn" for one in checks)
    return Completed(message=f"{len(checks)} checks, {warned} warnings")
