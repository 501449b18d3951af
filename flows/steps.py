"""What every flow shares: how a run begins, ends, and is told; and how a function is a task."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

from prefect import Task, get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run
from prefect.states import Completed

import reports.html.write
from flows import artifacts
from flows.ending import LimitReached, Why, interrupted_when, unless
from flows.late import too_late
from flows.news import worse
from reports.data.load import load
from reports.decision.requirements import Judged, counted, judge, unmet
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import record
from tasks.lifecycle.cordon import NotRestored
from tasks.lifecycle.lease import LeaseLost, RunInProgress, lease
from tasks.lifecycle.progress import Progress, Report, listener
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run, owned
from tasks.plan.plan import Plan, PlanError
from tasks.preflight import begin
from tasks.results.store import ResultsError

P = ParamSpec("P")
R = TypeVar("R")
# What a flow does: given the run, its owner object, its classes, its record, and whom to tell.
Stage = Callable[[Run, list[Obj], list[Obj], Record, Report], None]
INTERRUPTED = "the run was interrupted"
First = Callable[[Record, list[Obj], Report], None]


def step(function: Callable[P, R], name: str) -> Callable[P, R]:
    """Make a plain function a task that is never cached and never tried again.

    A measurement from a cache is none, and a second try would hide a storage failure; calls to
    Kubernetes are retried one by one where they are made.
    """
    task = Task(fn=function, name=name, cache_policy=NO_CACHE, persist_result=False)

    def call(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return task(*arguments, **named)
        except Exception as error:
            behind = _interrupt_behind(error)
            if behind is None:
                raise
            raise behind from error

    return call


def _interrupt_behind(error: BaseException | None) -> BaseException | None:
    """The interrupt that Prefect's engine met, where it then raised something else.

    One that comes before a task's run is set ends there in "Task run is not set" (3.8.8).
    """
    while error is not None and isinstance(error, Exception):
        error = error.__context__
    return error


def carry_out(flow: str, plan: Plan, stages: list[Stage], first: First | None = None) -> State:
    """Run the stages of a flow between check and clean-up; write and report whatever came of it.

    `first` is done once the run holds the Lease, before anything is created.
    The state is Completed, Refused (nothing was created), Incomplete (a cell failed), Unmet (a
    requirement of the plan surely is not) or Failed.
    """
    report, began = listener.get() or _log_steps(), time.monotonic()
    if late := too_late(plan.late_limit_seconds):
        return failed("Refused", late)
    try:
        # no task: a refusal is a sentence, and a task that fails logs a traceback
        run, storage_classes, known = _begun(plan, flow, report)
    except begin.REFUSALS as error:
        return failed("Refused", str(error))
    left: list[str] = []  # what the clean-up has to leave for now
    try:
        with lease(run, report) as lost:
            over = _over(known, lost, began)
            tell = unless(over, report)
            if first is not None:
                first(known, storage_classes, tell)
            # the clean-up has limits of its own
            with (
                owned(known.run, report, left.append) as owner,
                _written_when_interrupted(known),
                interrupted_when(over),
            ):
                for stage in stages:
                    stage(known.run, owner, storage_classes, known, tell)
        outcome, why = record.outcome_of(known), record.summary(known)
    except (RunInProgress, PlanError) as error:
        return failed("Refused", "\n".join([str(error), *known.warnings]))
    except NotRestored as error:  # where the clean-up fails as well, that is a ClusterError
        outcome, why = "failed", f"{error}; the clean-up has done so since"
    except (ClusterError, ResultsError, LeaseLost, LimitReached) as error:
        outcome, why = "failed", str(error)
    except Exception as error:
        step(record.save, "write")(known, "failed", f"{type(error).__name__}: {error}")
        raise
    except BaseException as error:
        why = "; and then ".join([INTERRUPTED, *getattr(error, "__notes__", [])])
        step(record.save, "write")(known, "cancelled", why)
        raise
    known.warnings += left
    try:
        step(record.save, "write")(known, outcome, why)
        location = step(reports.html.write.write, "report")(plan.results, run.run_id)
        judged = _demands(plan, run.run_id)
    except ResultsError as error:
        return failed("Failed", "; and then ".join(filter(None, [why, str(error)])))
    artifacts.publish(plan.results, run.run_id)
    with suppress(ResultsError):  # it was read a moment ago, for the report
        left += worse(plan.results, run.run_id, run.started_at) if flow == "nightly" else []
    report(Progress(run.run_id, f"report written to {location}"))
    return _ended(outcome, why or record.counted(known), judged, [*left, f"report: {location}"])


def _begun(plan: Plan, flow: str, report: Report) -> tuple[Run, list[Obj], Record]:
    """`begin.begin`; the log of a flow run begins with how long it will take."""
    checked: list[Progress] = []
    try:
        begun = begin.begin(plan, flow, listener.get() or checked.append, flow_run.id or "")
        if expected := begin.expected(begun[2].checks):
            get_run_logger().info("%s", expected)
        return begun
    finally:
        for progress in checked:
            report(progress)


def _ended(outcome: str, why: str, judged: tuple[Judged, ...], more: list[str]) -> State:
    """The state of a run that was written: by its outcome, and by what its plan demands."""
    if outcome in ("complete", "incomplete") and (words := unmet(judged)):
        said = [words] if outcome == "complete" else [words, why]
        return failed("Unmet", "; ".join([*said, *more]))
    if outcome == "complete":
        return Completed(message="; ".join(filter(None, [why, counted(judged), *more])))
    return failed(outcome.capitalize(), "; ".join([why, *more]))


def _demands(plan: Plan, run_id: str) -> tuple[Judged, ...]:
    """The plan's requirements, judged by what is written; nothing is read where it has none."""
    return judge(load(plan.results, run_id)) if plan.requirements else ()


@contextmanager
def _written_when_interrupted(known: Record) -> Iterator[None]:
    """Write what was measured before the clean-up: Prefect kills a flow 30 s after its cancel."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        with suppress(ResultsError):  # written again after the clean-up, which says why it cannot
            record.save(known, "cancelled", INTERRUPTED)
        raise


def _over(known: Record, lost: Callable[[], str | None], began: float) -> Why:
    """Why the run has to end before its end, if it has to; `began` is of `time.monotonic`."""
    limit = known.run.plan.run_limit_seconds

    def over() -> Exception | None:
        if (why := lost()) is not None:
            return LeaseLost(why)
        if time.monotonic() - began < limit:
            return None
        return LimitReached(
            f"plan field run_limit_seconds: the run reached its limit of {limit:,} s in step "
            f"{known.step!r} and was ended; what it had measured is kept. Raise it, or measure "
            "less: fewer classes, rounds or storms"
        )

    return over


def failed(name: str, message: str) -> State:
    """A state of the type FAILED that says what went wrong."""
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
