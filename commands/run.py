"""`stormark run`: measure and compare StorageClasses."""

from pathlib import Path
from typing import Annotated, Any

import typer

from commands.console import refused
from commands.options import Context, Flow, Image, Namespace, PlanFile, StorageClasses

EXAMPLES = (
    "Examples: `stormark run` · `stormark run --class local-path --class nfs-client "
    "--profile quick` · `stormark run --flow storms --storm pod-delete` · "
    "`stormark run --flow nightly --plan plan.yaml --context kind-prod --results s3://bucket/x`"
)


def run(  # noqa: PLR0917 - each is an option of the command, given by name
    flow: Annotated[
        Flow, typer.Option(help="benchmark: fio. storms: break things. nightly: both.")
    ] = Flow.benchmark,
    plan_file: PlanFile = None,
    context: Context = None,
    storage_class: StorageClasses = None,
    profile: Annotated[
        str | None, typer.Option(help="quick, standard, kubestr, wal or sustained.")
    ] = None,
    fio_file: Annotated[Path | None, typer.Option(help="A fio job file of your own.")] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Rounds, each on a new volume of each class.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(hidden=True)
    ] = None,  # answered with what it is now
    within: Annotated[
        str | None, typer.Option(help="How long it shall take, as 45m: rounds are chosen.")
    ] = None,
    runtime_seconds: Annotated[int | None, typer.Option(help="Length of a timed job.")] = None,
    volume_size: Annotated[str | None, typer.Option(help="Size of each PVC, as 4Gi.")] = None,
    volume_mode: Annotated[str | None, typer.Option(help="Filesystem or Block.")] = None,
    access_mode: Annotated[str | None, typer.Option(help="Access mode of the PVCs.")] = None,
    image: Image = None,
    namespace: Namespace = None,
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
    from commands.terminal import carry_out
    from tasks.plan.job_text import text_of
    from tasks.plan.plan import PlanError
    from tasks.plan.plan_file import load

    given: dict[str, Any] = {
        "context": context,
        "storage_classes": storage_class or None,
        "profile": profile,
        "rounds": rounds,
        "repeats": repeats,
        "within": within,
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
            given["fio_file"] = text_of(fio_file)
        chosen = load(plan_file, given)
    except PlanError as error:
        raise refused(str(error)) from None
    raise typer.Exit(carry_out(flow, chosen))
