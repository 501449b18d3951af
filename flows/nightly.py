"""The flow of each night: speed first, then storms, in one run and one report."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.artifacts import run_name
from flows.benchmark import measure_classes
from flows.steps import carry_out, step
from flows.storms import ride_storms
from tasks.cluster import Obj
from tasks.plan import Plan
from tasks.progress import Progress, Report
from tasks.reap import reap
from tasks.record import Record
from tasks.run import Run


@flow(name="nightly", flow_run_name=run_name, persist_result=False)
def nightly(plan: Plan = Plan()) -> State:  # noqa: B008 - a literal default is what the form shows
    """Compare StorageClasses by speed and by what they survive.

    Args:
        plan: What to measure and to break, on which classes, where, and for how long.

    """
    return carry_out("nightly", plan, [release_dead_runs, measure_classes, ride_storms])


def release_dead_runs(
    run: Run, _owner: list[Obj], _storage_classes: list[Obj], known: Record, report: Report
) -> None:
    """Release what earlier nights have left; this run holds the Lease, so it counts as alive."""
    known.step = "release of dead runs"
    for remains in step(reap, "reap")(run.cluster, dry_run=False, faults=run.plan.node_faults):
        report(Progress(run.run_id, f"released run {remains.run_id}, {remains.why}"))
