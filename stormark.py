"""The command line of stormark."""

import json
import os
import shlex
import signal
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import reports.nights
import reports.run
import reports.terminal
import tasks.run
from reports.comparison import compare
from reports.nights import side_by_side
from reports.render import write
from reports.survival import survive
from tasks import check
from tasks import cluster as k8s
from tasks import plan as plans
from tasks.checklist import Check
from tasks.plan import Plan, PlanError
from tasks.progress import Progress
from tasks.reap import RELEASED
from tasks.reap import reap as release_dead
from tasks.results import ResultsError, below
from tasks.tables import TABLES

COMPLETE, INCOMPLETE, REFUSED, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Compare the StorageClasses of a Kubernetes cluster: fio on a PVC of each, storms under a "
    "writer, as Parquet and as a report.\n\nExit codes: 0 every cell was measured; 1 the run "
    "failed or is incomplete, and what was measured is written; 2 the plan or its place was "
    "refused before anything was measured; "
    "130 interrupted, and the cluster was cleaned up.",
    epilog="Examples: `stormark demo` · `stormark preflight --context NAME` · `stormark run --flow "
    "nightly --context NAME` · `stormark run --help`",
)
console = Console()
errors = Console(stderr=True)


class Flow(StrEnum):
    """What a run does."""

    benchmark = "benchmark"
    storms = "storms"
    nightly = "nightly"


@app.command(
    epilog="Examples: `stormark run` · `stormark run --class local-path --class nfs-client "
    "--profile quick` · `stormark run --flow storms --storm pod-delete` · "
    "`stormark run --flow nightly --plan plan.yaml --context kind-prod --results s3://bucket/x`"
)
def run(  # noqa: PLR0917 - each is an option of the command, given by name
    flow: Annotated[
        Flow, typer.Option(help="benchmark: fio. storms: break things. nightly: both.")
    ] = Flow.benchmark,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="A plan as YAML; options override it.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    storage_class: Annotated[
        list[str] | None, typer.Option("--class", help="A StorageClass; repeat for several.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="quick, standard, kubestr or wal.")] = None,
    fio_file: Annotated[Path | None, typer.Option(help="A fio job file of your own.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Repeats of each job on each class.")] = None,
    runtime_seconds: Annotated[int | None, typer.Option(help="Length of a timed job.")] = None,
    volume_size: Annotated[str | None, typer.Option(help="Size of each PVC, as 4Gi.")] = None,
    volume_mode: Annotated[str | None, typer.Option(help="Filesystem or Block.")] = None,
    access_mode: Annotated[str | None, typer.Option(help="Access mode of the PVCs.")] = None,
    image: Annotated[str | None, typer.Option(help="Image with fio and sh.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace to work in.")] = None,
    storm: Annotated[
        list[str] | None,
        typer.Option(help="container-restart, pod-delete, pod-kill, drain, …; repeat for several."),
    ] = None,
    hold_seconds: Annotated[
        int | None, typer.Option(help="How long a drained node stays cordoned.")
    ] = None,
    results: Annotated[str | None, typer.Option(help="Where Parquet and reports go.")] = None,
) -> None:
    """Measure and compare StorageClasses; write Parquet and a report.

    `stormark plan` prints a plan with every field; options here override the file.
    """
    given: dict[str, Any] = {
        "context": context,
        "storage_classes": storage_class or None,
        "profile": profile,
        "repeats": repeats,
        "runtime_seconds": runtime_seconds,
        "volume_size": volume_size,
        "volume_mode": volume_mode,
        "access_mode": access_mode,
        "image": image,
        "namespace": namespace,
        "storms": storm or None,
        "hold_seconds": hold_seconds,
        "results": results,
    }
    try:
        if fio_file is not None:
            given["fio_file"] = _text_of(fio_file)
        chosen = plans.load(plan_file, given)
    except PlanError as error:
        raise _refused(str(error)) from None
    raise typer.Exit(_run(flow, chosen))


def _text_of(fio_file: Path) -> str:
    try:
        return fio_file.read_text()
    except OSError as error:
        raise PlanError(f"fio file {fio_file} cannot be read: {error.strerror}") from error


@app.command(epilog="Example: `stormark plan > plan.yaml`")
def plan() -> None:
    """Print a plan with every field, its default and its meaning, for `stormark run --plan`."""
    console.print(plans.template(), markup=False, highlight=False, soft_wrap=True, end="")


@app.command(
    epilog="Examples: `stormark demo` · `stormark demo --real --image REGISTRY/stormark-fio`"
)
def demo(
    results: Annotated[str, typer.Option(help="Where Parquet and reports go.")] = "results",
    real: Annotated[
        bool, typer.Option("--real", help="On the kubeconfig's cluster, not an embedded one.")
    ] = False,
    image: Annotated[str | None, typer.Option(help="Image with fio and sh.")] = None,
) -> None:
    """Compare two classes of an embedded cluster: real fio; no Kubernetes, no root needed."""
    fields: dict[str, Any] = {
        "storage_classes": ["local-path", "nfs-client"],
        "profile": "quick",
        "volume_size": "512Mi",
        "runtime_seconds": 2,
        "storm_volumes": ["emptyDir", "hostPath", "storage-classes"],
        "storms": ["pod-delete", "drain"],
        "hold_seconds": 5,
        "results": results,
    }
    try:
        chosen = plans.load(None, fields | ({"image": image} if image else {}))
    except PlanError as error:
        raise _refused(str(error)) from None
    if real:
        raise typer.Exit(_run(Flow.nightly, chosen))
    from embedded.cluster import EmbeddedError, running

    try:
        with running() as kubeconfig:
            os.environ["KUBECONFIG"] = str(kubeconfig)
            code = _run(Flow.nightly, chosen)
    except EmbeddedError as error:
        raise _refused(str(error)) from None
    console.print(
        "\nBoth classes are folders on this machine's disk, and nfs-client has no network in its "
        "path:\nthe figures are the disk's. On a real cluster (kubectl config get-contexts):\n\n"
        "    stormark run --context NAME\n",
        soft_wrap=True,
    )
    raise typer.Exit(code)


@app.command(epilog="Examples: `stormark up` · `KUBECONFIG=~/.kube/config stormark up`")
def up(
    port: Annotated[int, typer.Option(help="Port of Prefect's page on 127.0.0.1.")] = 4200,
    folder: Annotated[
        Path, typer.Option(help="Keeps Prefect's database from one time to the next, and logs.")
    ] = Path(".up"),
) -> None:
    """Serve Prefect's page with every deployment, and a worker, until Ctrl-C or SIGTERM.

    Runs go to the cluster of $KUBECONFIG; where that is not set, to an embedded one.
    """
    from embedded.cluster import EmbeddedError, running
    from flows.up import NotUp, check_free, place, serving, working

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check_free(port)
        with ExitStack() as stack:
            if "KUBECONFIG" not in os.environ:
                os.environ["KUBECONFIG"] = str(stack.enter_context(running()))
            here = place(port, folder)
            stack.enter_context(serving(here))
            stack.enter_context(working(here))
            console.print(
                f"{here.page}/deployments: choose one, and Run; nightly's schedule is paused. "
                "`make down` or Ctrl-C ends it all",
                soft_wrap=True,
            )
            signal.pause()
    except (NotUp, EmbeddedError) as error:
        raise _refused(str(error)) from None
    except KeyboardInterrupt:
        console.print("stormark: ended")


class Output(StrEnum):
    """How the checks are printed."""

    table = "table"
    json = "json"


@app.command(
    epilog="Examples: `stormark preflight` · `stormark preflight --flow benchmark --class "
    "local-path` · `stormark preflight --plan plan.yaml --context kind-prod --output json`"
)
def preflight(  # noqa: PLR0917 - each is an option of the command, given by name
    flow: Annotated[Flow, typer.Option(help="The flow that the plan is for.")] = Flow.nightly,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="A plan as YAML; options override it.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    storage_class: Annotated[
        list[str] | None, typer.Option("--class", help="A StorageClass; repeat for several.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace to work in.")] = None,
    image: Annotated[str | None, typer.Option(help="Image with fio and sh.")] = None,
    output: Annotated[Output, typer.Option(help="For people, or for machines.")] = Output.table,
) -> None:
    """Check whether a plan can be carried out: cluster, permissions, namespace, nodes, image.

    Runs one short pod on each node and removes it. Exit code 2 when a check fails: a run with that
    plan would be refused.
    """
    given = {"context": context, "storage_classes": storage_class or None}
    given |= {"namespace": namespace, "image": image}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    where = ""
    try:
        chosen = plans.load(plan_file, given)
        where = f" {k8s.options(chosen.context, chosen.namespace)}"
        with errors.status("checking"):
            checks = check.whole(chosen, flow, lambda progress: None)  # noqa: ARG005
    except (PlanError, k8s.ClusterError) as error:
        raise _refused(str(error)) from None
    except KeyboardInterrupt:
        words = f"stormark: interrupted; `stormark reap{where}` removes what may be left"
        errors.print(words, soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(INTERRUPTED) from None
    if output is Output.json:
        console.file.write(json.dumps([one.row() for one in checks], indent=2) + "\n")
    else:
        console.print(_checks_table(checks))
    raise typer.Exit(REFUSED if any(one.status == "fail" for one in checks) else COMPLETE)


def _checks_table(checks: list[Check]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in ("", "check", "object", "seen, and what to do"):
        table.add_column(header, overflow="fold")
    for one in checks:
        colour = {"pass": "green", "warn": "yellow", "fail": "red"}[one.status]
        table.add_row(Text(one.status, colour), one.check, Text(one.object), Text(one.words))
    return table


@app.command(
    epilog="Examples: `stormark reap --dry-run` · `stormark reap --plan plan.yaml --context "
    "kind-prod --namespace bench`"
)
def reap(
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace in which runs work.")] = None,
    plan_file: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            help="The runs' plan: where they work, and `up` commands that mend nodes left broken.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be released.")] = False,
) -> None:
    """Release what dead runs have left: uncordon and mend their nodes, delete their objects.

    Goes by stormark's labels and annotations alone, and never touches what lacks them.
    """
    try:
        given = {"context": context, "namespace": namespace}
        chosen = plans.load(plan_file, given)
        cluster = k8s.connect(chosen.context, chosen.namespace)
        check.namespace(cluster)
        found = release_dead(cluster, dry_run=dry_run, faults=chosen.node_faults)
    except check.REFUSALS as error:
        raise _refused(str(error)) from None
    except k8s.ClusterError as error:
        _complain(str(error))
        raise typer.Exit(INCOMPLETE) from None
    for remains in found:
        done = "would release" if dry_run else "released"
        line = f"{done} run {remains.run_id}, {remains.why}: {', '.join(remains.objects)}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if not found:
        console.print("nothing to release")


@app.command(
    epilog="Examples: `stormark report 20261123-031500-a1b2c3` · `stormark report "
    "20261123-031500-a1b2c3 --results s3://bucket/x`"
)
def report(
    run_id: Annotated[
        str, typer.Argument(help="The run, as its report and Parquet files name it.")
    ],
    results: Annotated[str, typer.Option(help="Where the Parquet files are.")] = "results",
) -> None:
    """Render a run's report again from its Parquet files."""
    try:
        location = write(results, run_id, latest=False)
        _print_tables(results, run_id)
    except ResultsError as error:
        raise _refused(str(error)) from None
    console.print(f"report: {location}", soft_wrap=True)


@app.command(epilog="Examples: `stormark runs` · `stormark runs --results s3://bucket/x --last 30`")
def runs(
    results: Annotated[str, typer.Option(help="Where the Parquet files are.")] = "results",
    last: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    output: Annotated[Output, typer.Option(help="For people, or for machines.")] = Output.table,
) -> None:
    """List past runs."""
    try:
        classes = reports.run.classes_of_runs(results)
        found = [_run_row(row, classes) for row in reports.run.newest(results, last)]
    except ResultsError as error:
        raise _refused(str(error)) from None
    if output is Output.json:
        console.file.write(json.dumps(found, indent=2) + "\n")
        return
    if not found:
        raise _refused(f"{results} holds no run. Start one with `stormark run`")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in found[0]:
        table.add_column(header, no_wrap=header == "run")
    for row in found:
        table.add_row(*(Text(str(value)) for value in row.values()))
    console.print(table)


def _run_row(row: reports.run.Row, classes: dict[str, list[str]]) -> dict[str, str]:
    plan = json.loads(row["plan"] or "{}")
    cells = sum(row[column] or 0 for column in ("cells_measured", "storms_measured"))
    planned = sum(row[column] or 0 for column in ("cells_planned", "storms_planned"))
    return {
        "run": row["run_id"],
        "started": f"{row['started_at']:%Y-%m-%d %H:%M} UTC",
        "flow": row["flow"],
        "cluster": row["cluster"],
        "classes": ", ".join(classes.get(row["run_id"], [])),
        "profile": "fio file" if plan.get("fio_file") else plan.get("profile", ""),
        "cells": f"{cells} of {planned}",
        "outcome": row["outcome"],
    }


@app.command(name="compare", epilog="Example: `stormark compare 20261123-031500-a1b2c3 20261124-…`")
def compare_runs(
    run_ids: Annotated[list[str], typer.Argument(help="Two runs or more; the first is 1×.")],
    results: Annotated[str, typer.Option(help="Where the Parquet files are.")] = "results",
) -> None:
    """Render runs side by side, such as two nights, with ratios and intervals."""
    try:
        nights = side_by_side(results, run_ids)
        location = reports.nights.write(results, nights)
    except ResultsError as error:
        raise _refused(str(error)) from None
    for words in nights.unlike:
        console.print(Text(words, style="yellow"))
    for name, comparison in nights.speed.items():
        console.print(Text(name, style="bold"), reports.terminal.comparison_table(comparison))
    if nights.survival:
        console.print(Text("survival", style="bold"), reports.terminal.text_table(nights.survival))
    console.print(f"report: {location}", soft_wrap=True)


# ---------------------------------------------------------------- a run in this terminal


def _run(flow: Flow, chosen: Plan) -> int:
    """Run a flow here, showing where it is; returns the exit code."""
    try:  # before Prefect's own start of some seconds, so that a slip is told at once
        check.begin(chosen, flow, lambda progress: None)  # noqa: ARG005
    except check.REFUSALS as error:
        raise _refused(str(error)) from None
    _prepare_prefect()
    last = Progress("", "")

    def watch(progress: Progress) -> None:
        nonlocal last
        if last.step != tasks.run.CLEAN:  # what follows leaves nothing behind
            last = progress
        show(progress)

    try:
        from flows import terminal

        with terminal.view(console) as show:
            state = terminal.run(flow, chosen, watch)
    except KeyboardInterrupt:
        return _interrupted(chosen, last)
    if state.name == "Refused":
        raise _refused(state.message or "the plan was refused")
    said = state.message or state.name or ""
    try:
        _print_tables(chosen.results, last.run_id)
        report = below(chosen.results, f"reports/{last.run_id}.md")
        if f"{last.run_id}.md" in said:
            console.print(f"report:  {report}", soft_wrap=True)
        tables = below(chosen.results, f"{{{','.join(TABLES)}}}/")
        console.print(f"parquet: {tables}", soft_wrap=True)
        again = f"stormark report {last.run_id} --results {shlex.quote(chosen.results)}"
        console.print(f"again:   {again}", soft_wrap=True)
    except ResultsError as error:
        _complain(str(error))
    if not state.is_completed():
        _complain(said)
        return INCOMPLETE
    return COMPLETE


def _print_tables(results: str, run_id: str) -> None:
    run = reports.run.load(results, run_id)
    if run.fio:
        console.print(reports.terminal.comparison_table(compare(run)))
    if (survival := survive(run)) is not None:
        console.print(reports.terminal.survival_table(survival))


def _refused(message: str) -> typer.Exit:
    _complain(message)
    return typer.Exit(REFUSED)


def _complain(message: str) -> None:
    errors.print(f"stormark: {message}", style="red", soft_wrap=True, markup=False)


def _interrupted(chosen: Plan, last: Progress) -> int:
    """Say how an interrupted run has left the cluster, from the last step that it told."""
    match last.step:
        case step if step in {"", check.STEP} or step.startswith(RELEASED):
            words = "before anything was created"
        case tasks.run.CLEAN:
            words = f"and the cluster is clean; run {last.run_id} is written, and "
            results = shlex.quote(chosen.results)
            words += f"`stormark report {last.run_id} --results {results}` shows it"
        case _:
            options = k8s.options(chosen.context, chosen.namespace)
            words = (
                f"during the clean-up of run {last.run_id}; `stormark reap {options}` removes what "
                "is left"
            )
    errors.print(f"stormark: interrupted {words}", soft_wrap=True, markup=False, highlight=False)
    return INTERRUPTED


def _prepare_prefect() -> None:
    """Prefect's own log and calls home are for servers; a terminal has the view below."""
    for name, value in (
        ("PREFECT_LOGGING_LEVEL", "CRITICAL"),
        ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
        ("DO_NOT_TRACK", "1"),
        # its own limit of 20 s is too short for its first start on a busy machine
        ("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300"),
    ):
        os.environ.setdefault(name, value)


def main() -> None:
    """Entry point of the `stormark` command."""
    app()


if __name__ == "__main__":
    main()
