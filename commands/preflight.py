"""`stormark preflight`: whether a plan can be carried out."""

import json
import signal
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from commands.console import COMPLETE, INTERRUPTED, REFUSED, complain, console, errors, refused
from commands.options import (
    Context,
    Flow,
    Image,
    Namespace,
    Output,
    PlanFile,
    Printed,
    StorageClasses,
)

if TYPE_CHECKING:
    from tasks.results.checks import Check

EXAMPLES = (
    "Examples: `stormark preflight` · `stormark preflight --flow benchmark --class "
    "local-path` · `stormark preflight --plan plan.yaml --context kind-prod --output json`"
)


def preflight(  # noqa: PLR0917 - each is an option of the command, given by name
    flow: Annotated[Flow, typer.Option(help="The flow that the plan is for.")] = Flow.nightly,
    plan_file: PlanFile = None,
    context: Context = None,
    storage_class: StorageClasses = None,
    namespace: Namespace = None,
    image: Image = None,
    output: Printed = Output.table,
) -> None:
    """Check whether a plan can be carried out: cluster, permissions, namespace, nodes, image.

    Runs one short pod on each node and removes it. Exit code 2 when a check fails: a run with that
    plan would be refused.
    """
    from tasks.kubernetes.cluster import options
    from tasks.kubernetes.errors import ClusterError
    from tasks.plan.plan import PlanError
    from tasks.plan.plan_file import load
    from tasks.preflight import begin

    given = {"context": context, "storage_classes": storage_class or None}
    given |= {"namespace": namespace, "image": image}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    where = ""
    try:
        chosen = load(plan_file, given)
        where = f" {options(chosen.context, chosen.namespace)}".rstrip()
        with errors.status("checking"):
            checks = begin.whole(chosen, flow, lambda progress: None)  # noqa: ARG005
    except (PlanError, ClusterError) as error:
        raise refused(str(error)) from None
    except KeyboardInterrupt:
        complain(f"interrupted; `stormark reap{where}` removes what may be left", style=None)
        raise typer.Exit(INTERRUPTED) from None
    if output is Output.json:
        console.file.write(json.dumps([one.columns() for one in checks], indent=2) + "\n")
    else:
        console.print(_checks_table(checks))
    raise typer.Exit(REFUSED if any(one.status == "fail" for one in checks) else COMPLETE)


def _checks_table(checks: list["Check"]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in ("", "check", "object", "seen, and what to do"):
        table.add_column(header, overflow="fold")
    for one in checks:
        colour = {"pass": "green", "warn": "yellow", "fail": "red"}[one.status]
        table.add_row(Text(one.status, colour), Text(one.check), Text(one.object), Text(one.words))
    return table
