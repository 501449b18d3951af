"""`stormark up`: Prefect's page with every deployment."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from commands.console import refused, say

EXAMPLES = "Examples: `stormark up` · `KUBECONFIG=~/.kube/config stormark up`"


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
            say(
                f"{here.page}/deployments: choose one, and Run; nightly's schedule is paused. "
                "`make down` or Ctrl-C ends it all"
            )
            signal.pause()
    except (NotUp, EmbeddedError) as error:
        raise refused(str(error)) from None
    except KeyboardInterrupt:
        say("stormark: ended")
