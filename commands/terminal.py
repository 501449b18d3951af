"""A run in this terminal: where it is, what it found, how it ended."""

import os
import shlex

import reports.data.load
import reports.side_by_side.terminal
from commands.console import (
    COMPLETE,
    INCOMPLETE,
    INTERRUPTED,
    UNMET,
    complain,
    console,
    refused,
    say,
)
from commands.options import Flow
from reports.decision.requirements import judge
from reports.decision.tables import requirement_rows
from reports.html.write import page_path
from reports.speed.comparison import compare
from reports.storms.survival import survive
from tasks.kubernetes import cluster as k8s
from tasks.lifecycle.lease import WATCHING
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.reap import RELEASED
from tasks.lifecycle.run import CLEAN, REMAINS
from tasks.plan.plan import Plan
from tasks.preflight import begin
from tasks.results.schema import TABLES
from tasks.results.store import ResultsError, below


def carry_out(flow: Flow, chosen: Plan) -> int:
    """Run a flow here, showing where it is; returns the exit code."""
    try:  # before Prefect's own start of some seconds, so that a slip is told at once
        *_, known = begin.begin(chosen, flow, lambda progress: None, tries=False)  # noqa: ARG005
    except begin.REFUSALS as error:
        raise refused(str(error)) from None
    if expected := begin.expected(known.checks):
        say(expected)
    _prepare_prefect()
    last = Progress("", "")

    def watch(progress: Progress) -> None:
        nonlocal last
        if last.step not in (CLEAN, REMAINS):  # what follows leaves nothing behind
            last = progress
        show(progress)

    try:
        from flows import terminal

        with terminal.view(console) as show:
            state = terminal.run(flow, chosen, watch)
    except KeyboardInterrupt:
        return _interrupted(chosen, last)
    if state.name == "Refused":
        raise refused(state.message or "the plan was refused")
    said = state.message or state.name or ""
    try:
        print_tables(chosen.results, last.run_id)
        report = below(chosen.results, f"reports/{last.run_id}.md")
        if f"{last.run_id}.md" in said:
            say(f"report:  {report}")
            say(f"page:    {below(chosen.results, page_path(last.run_id))}")
        say("parquet: " + below(chosen.results, f"{{{','.join(TABLES)}}}/"))
        say(f"again:   stormark report {last.run_id} --results {shlex.quote(chosen.results)}")
    except ResultsError as error:
        complain(str(error))
    if not state.is_completed():
        complain(said)
        return UNMET if state.name == "Unmet" else INCOMPLETE
    return COMPLETE


def print_tables(results: str, run_id: str) -> None:
    """The run's comparison, its survival matrix, what its plan demands. Raises ResultsError."""
    run = reports.data.load.load(results, run_id)
    if run.fio:
        console.print(reports.side_by_side.terminal.comparison_table(compare(run)))
    if (survival := survive(run)) is not None:
        console.print(reports.side_by_side.terminal.survival_table(survival))
    if judged := judge(run):
        console.print(reports.side_by_side.terminal.text_table(requirement_rows(judged)))


def _interrupted(chosen: Plan, last: Progress) -> int:
    """Say how an interrupted run has left the cluster, from the last step that it told."""
    match last.step:
        case step if step in {"", begin.STEP} or step.startswith((RELEASED, WATCHING)):
            words = "before anything was created"
        case step if step in (CLEAN, REMAINS):
            words = f"and {step}; run {last.run_id} is written, and "
            results = shlex.quote(chosen.results)
            words += f"`stormark report {last.run_id} --results {results}` shows it"
        case _:
            command = f"stormark reap {k8s.options(chosen.context, chosen.namespace)}".rstrip()
            words = f"during the clean-up of run {last.run_id}; `{command}` removes what is left"
    complain(f"interrupted {words}", style=None)
    return INTERRUPTED


def _prepare_prefect() -> None:
    """Prefect's own log and calls home are for servers; a terminal has the view below."""
    for name, value in (
        ("PREFECT_LOGGING_LEVEL", "CRITICAL"),
        ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
        # nobody's page: by default any that a browser shows may ask this server
        ("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "http://127.0.0.1"),
        ("DO_NOT_TRACK", "1"),
        # its own limit of 20 s is too short for its first start on a busy machine
        ("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300"),
    ):
        os.environ.setdefault(name, value)
