"""The flow of each night: speed first, then storms, in one run and one report."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.artifacts import run_name
from flows.benchmark import measure_classes
from flows.dead import release_now
from flows.steps import carry_out, step
from flows.storms import measure_storms
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.reap import RELEASED, NotReleased, reap
from tasks.lifecycle.record import Record
from tasks.plan.plan import Plan
from tasks.preflight import begin


@flow(
    name="nightly",
    flow_run_name=run_name,
    persist_result=False,
    on_crashed=[release_now],
    on_cancellation=[release_now],
)
def nightly(plan: Plan = Plan()) -> State:  # noqa: B008 - a literal default is what the form shows
    """Compare StorageClasses by speed and by what they survive.

    Args:
        plan: What to measure and to break, on which classes, where, and for how long.

    """
    return carry_out("nightly", plan, [measure_classes, measure_storms], first=release_dead_runs)


def release_dead_runs(known: Record, storage_classes: list[Obj], report: Report) -> None:
    """Release what earlier nights have left, and judge by what the cluster is then.

    This run holds the Lease, so no other one lives.
    """
    run, known.step = known.run, "release of dead runs"
    try:
        released = step(reap, "reap")(run.cluster, dry_run=False, plan=run.plan, own=run.run_id)
    except NotReleased as error:
        known.warnings += error.failures
    else:
        for remains in released:
            known.warnings += remains.notes
            if remains.objects:
                report(Progress(run.run_id, f"{RELEASED} {remains.run_id}, {remains.why}"))
    known.step = begin.STEP
    begin.begin_again(known, storage_classes)
