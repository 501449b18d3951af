"""The flow that compares StorageClasses: check, provision, measure, clean up, report."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import Task, flow, get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateType
from prefect.states import Completed

import reports.render
from tasks import benchmark, check, record, volumes
from tasks.cluster import ClusterError, Obj
from tasks.plan import Plan, PlanError
from tasks.progress import Progress, Report, listener
from tasks.record import Record
from tasks.run import Run, RunInProgress, lease, owned
from tasks.volumes import Volume, VolumeFailed

P = ParamSpec("P")
R = TypeVar("R")


def step(function: Callable[P, R], name: str) -> Task[P, R]:
    """Make a plain function a task that is never cached and never tried again.

    A measurement from a cache is none, and a second try would hide a storage failure; calls to
    Kubernetes are retried one by one where they are made.
    """
    return Task(fn=function, name=name, cache_policy=NO_CACHE, persist_result=False)


@flow(name="benchmark", flow_run_name="benchmark · {plan.profile}", persist_result=False)
def compare(plan: Plan = Plan()) -> State:  # noqa: B008 - a literal default is what the form shows
    """Compare StorageClasses: provision a PVC of each, run fio on it, report.

    Args:
        plan: What to measure, on which classes, where, and for how long.

    """
    report = listener.get() or _log_steps()
    try:
        run, storage_classes, known = step(check.begin, "check")(plan, "benchmark", report)
    except check.REFUSALS as error:
        return _ended("Refused", str(error))
    try:
        with lease(run), owned(run, report) as owner:
            _measure_all(run, owner, storage_classes, known, report)
        outcome, why = record.outcome_of(known), record.summary(known)
    except (RunInProgress, PlanError) as error:
        return _ended("Refused", str(error))
    except ClusterError as error:
        outcome, why = "failed", str(error)
    except BaseException:
        step(record.save, "write")(known, "cancelled", "the run was interrupted")
        raise
    step(record.save, "write")(known, outcome, why)
    location = step(reports.render.write, "report")(plan.results, run.run_id)
    report(Progress(run.run_id, f"report written to {location}"))
    if outcome == "complete":
        return Completed(message=f"{known.cells_planned} cells measured; report: {location}")
    return _ended(outcome.capitalize(), f"{why}; report: {location}")


def _measure_all(
    run: Run, owner: list[Obj], storage_classes: list[Obj], known: Record, report: Report
) -> None:
    """Every class in every repeat; what has been measured is on disk after each step."""
    known.step = "check of image and fio file"
    report(Progress(run.run_id, known.step))
    known.fio_version = step(check.image_and_fio_file, "check image")(run, owner)
    ready: list[Volume] = []
    for position, storage_class in enumerate(storage_classes):
        name = storage_class["metadata"]["name"]
        known.step = f"provision {name}"
        provision = step(volumes.provision, known.step)
        try:
            volume = provision(run, owner, storage_class, position, report)
        except VolumeFailed as error:
            known.volumes.append(error.row)
            known.fio += benchmark.failed_cells(run, name, str(error))
            continue
        known.volumes.append(volume.row)
        ready.append(volume)
    for turn in benchmark.rounds(ready, run.plan.repeats, len(run.workload.jobs)):
        known.step = f"fio on {turn.volume.storage_class}, repeat {turn.repeat}"
        measure = step(benchmark.measure, known.step)
        known.fio += measure(run, owner, turn, report)
        record.save(known, "running")


def _ended(name: str, message: str) -> State:
    return State(type=StateType.FAILED, name=name, message=message)


def _log_steps() -> Report:
    """One log line for each step, for whoever reads a flow run's log."""
    logger = get_run_logger()
    seen: set[str] = set()

    def log(progress: Progress) -> None:
        if progress.step not in seen:
            seen.add(progress.step)
            cell = f"[{progress.cell}/{progress.cells}] " if progress.cells else ""
            logger.info("%s%s", cell, progress.step)

    return log
