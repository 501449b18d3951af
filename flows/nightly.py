"""The flow of each night: speed first, then storms, in one run and one report."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.benchmark import measure_classes
from flows.steps import carry_out
from flows.storms import ride_storms
from tasks.plan import Plan


@flow(name="nightly", flow_run_name="nightly · {plan.profile}", persist_result=False)
def nightly(plan: Plan = Plan()) -> State:  # noqa: B008 - a literal default is what the form shows
    """Compare StorageClasses by speed and by what they survive.

    Args:
        plan: What to measure and to break, on which classes, where, and for how long.

    """
    return carry_out("nightly", plan, [measure_classes, ride_storms])
