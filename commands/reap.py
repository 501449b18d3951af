"""`stormark reap`: release what dead runs have left."""

from pathlib import Path
from typing import Annotated

import typer

from commands.console import INCOMPLETE, complain, errors, refused, say
from commands.options import Context, Image

EXAMPLES = (
    "Examples: `stormark reap --dry-run` · `stormark reap --plan plan.yaml --context "
    "kind-prod --namespace bench`"
)


def reap(
    context: Context = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace in which runs work.")] = None,
    plan_file: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            help="The runs' plan: where they work, the image, and `up` commands that mend nodes.",
        ),
    ] = None,
    image: Image = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be released.")] = False,
) -> None:
    """Release what dead runs have left: uncordon and mend their nodes, delete their objects.

    Goes by stormark's labels and annotations alone, and never touches what lacks them.
    """
    from tasks.kubernetes.cluster import connect
    from tasks.kubernetes.errors import ClusterError, Forbidden
    from tasks.lifecycle.reap import reap as release_dead
    from tasks.plan.plan_file import load
    from tasks.preflight import begin

    try:
        chosen = load(plan_file, {"context": context, "namespace": namespace, "image": image})
        cluster = connect(chosen.context, chosen.namespace)
        begin.namespace(cluster)
    except begin.REFUSALS as error:
        raise refused(str(error)) from None
    try:
        with errors.status("watching whether a run lives, for up to two minutes, and releasing"):
            found = release_dead(cluster.patient, dry_run=dry_run, plan=chosen)
    except Forbidden as error:
        raise refused(str(error)) from None
    except ClusterError as error:
        complain(str(error))
        raise typer.Exit(INCOMPLETE) from None
    for remains in found:
        done = "would release" if dry_run else "released"
        if remains.objects:
            say(f"{done} run {remains.run_id}, {remains.why}: {', '.join(remains.objects)}")
        for note in remains.notes:
            complain(note, style="yellow")
    if not any(remains.objects for remains in found):
        say("nothing to release")
