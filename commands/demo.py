"""`stormark demo`: two classes of an embedded cluster."""

import os
from typing import Annotated, Any

import typer

from commands.console import console, refused
from commands.options import Flow, Image

EXAMPLES = "Examples: `stormark demo` · `stormark demo --real --image REGISTRY/stormark-fio`"
PLAN: dict[str, Any] = {
    "storage_classes": ["local-path", "nfs-client"],
    "profile": "quick",
    "volume_size": "512Mi",
    "runtime_seconds": 2,
    "storm_volumes": ["emptyDir", "hostPath", "storage-classes"],
    "storms": ["pod-delete", "drain"],
    "hold_seconds": 5,
}


def demo(
    results: Annotated[str, typer.Option(help="Where Parquet and reports go.")] = "results",
    real: Annotated[
        bool, typer.Option("--real", help="On the kubeconfig's cluster, not an embedded one.")
    ] = False,
    image: Image = None,
) -> None:
    """Compare two classes of an embedded cluster: real fio; no Kubernetes, no root needed."""
    from commands.terminal import carry_out
    from embedded.cluster import EmbeddedError, running
    from tasks.plan.plan import PlanError
    from tasks.plan.plan_file import load

    try:
        chosen = load(None, PLAN | {"results": results, "image": image})
    except PlanError as error:
        raise refused(str(error)) from None
    if real:
        raise typer.Exit(carry_out(Flow.nightly, chosen))
    try:
        with running() as kubeconfig:
            os.environ["KUBECONFIG"] = str(kubeconfig)
            code = carry_out(Flow.nightly, chosen)
    except EmbeddedError as error:
        raise refused(str(error)) from None
    console.print(
        "\nBoth classes are folders on this machine's disk, and nfs-client has no network in its "
        "path:\nthe figures are the disk's. On a real cluster (kubectl config get-contexts):\n\n"
        "    stormark run --context NAME\n",
        soft_wrap=True,
    )
    raise typer.Exit(code)
