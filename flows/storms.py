"""The flow that breaks things, without fio, to see what each kind of volume survives."""

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.artifacts import progress, run_name
from flows.dead import release_now
from flows.steps import carry_out, step
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import record
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan
from tasks.preflight import begin, probes
from tasks.results.storm_columns import EventRow, StormRow
from tasks.storms import experiment
from tasks.storms.cells import part


@flow(
    name="storms",
    flow_run_name=run_name,
    persist_result=False,
    on_crashed=[release_now],
    on_cancellation=[release_now],
)
def survive(plan: Plan = Plan()) -> State:  # noqa: B008 - a literal default is what the form shows
    """Delete pods and drain nodes under a writer, and count what it was promised and lost.

    Args:
        plan: Which storms, on which volumes, and where.

    """
    return carry_out("storms", plan, [look_at_nodes, measure_storms])


def look_at_nodes(
    run: Run, owner: list[Obj], storage_classes: list[Obj], known: Record, _report: Report
) -> None:
    """What the nodes offer; storms alone do without fio, and so without its check."""
    known.step = "check of the nodes"
    asked, claims = begin.probe(run, owner), begin.claims_of("storms", run.plan, storage_classes)
    seen, avoid = step(probes.collect, "check nodes")(run, asked, claims)
    known.checks += seen
    known.run = run._replace(avoid=avoid)


def measure_storms(
    run: Run, owner: list[Obj], storage_classes: list[Obj], known: Record, report: Report
) -> None:
    """Every storm on every volume; what has been measured is on disk after each cell."""
    storms = part(run.plan, experiment.planned(run, storage_classes))
    known.parts.append(storms)
    known.step = "storms"
    ended, warn = progress("storms", storms.planned), get_run_logger().warning

    def tell(progress: Progress) -> None:
        known.step = progress.step
        report(progress)

    def keep(row: StormRow, events: list[EventRow]) -> None:
        known.sink.append(row, *events)
        record.save_so_far(known, warn)
        ended(len(known.sink.rows(StormRow)))

    step(experiment.run_storms, "storms")(run, owner, storage_classes, tell, keep)
