"""What runs under faults leave behind, lose, or never end; the aim is zeros.

    python -m benchmarks.campaign --part inputs --part killed

Without --testbed on an embedded cluster, which it starts; with it on KUBECONFIG's. Printed are a
line for each run, and a row for each part. Exit status 1 where anything but zeros is in it.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.campaign.parts import PARTS, Field, timed
from benchmarks.campaign.runs import Outcome
from embedded.cluster import running

SERVER_START_SECONDS = 600


def main(
    part: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(PARTS)}.")] = None,
    image: Annotated[
        str | None, typer.Option("--testbed", help="Run on KUBECONFIG's testbed, with this image.")
    ] = None,
    toxiproxy: Annotated[
        str, typer.Option(help="toxiproxy's server, for the part network.")
    ] = "toxiproxy-server",
    short: Annotated[bool, typer.Option(help="The first run of each part alone.")] = False,
) -> None:
    """Run parts of the campaign, by default all that the cluster has."""
    chosen = part or [name for name in PARTS if image or name != "power"]
    if unknown := set(chosen) - set(PARTS):
        raise typer.BadParameter(f"no part is named {', '.join(sorted(unknown))}")
    if "power" in chosen and not image:
        raise typer.BadParameter("only a testbed's node loses its power: give --testbed IMAGE")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if image:
            field = Field(Path(os.environ["KUBECONFIG"]), folder, {"image": image}, [])
        else:
            kubeconfig = stack.enter_context(running())
            folders = [kubeconfig.parent / name for name in ("w1", "w2", "w3")]
            field = Field(kubeconfig, folder, {}, folders)
            os.environ["KUBECONFIG"] = str(kubeconfig)
        stack.enter_context(prefect())
        field = field._replace(short=short, toxiproxy=toxiproxy)
        results = {name: timed(name, field) for name in chosen}
    Console().print(table(results))
    if any(not outcome.good for outcomes, _ in results.values() for outcome in outcomes):
        sys.exit(1)


@contextmanager
def prefect() -> Iterator[None]:
    """One Prefect for all runs of the block: each would start its own, of ten seconds."""
    with prefect_test_harness(SERVER_START_SECONDS):
        os.environ["PREFECT_API_URL"] = str(PREFECT_API_URL.value())
        yield


def table(results: dict[str, tuple[list[Outcome], float]]) -> Table:
    """A row for each part; its time is of the machine that it ran on."""
    columns = ("part", "runs", "objects left", "cordons left", "rows lost", "hangs", "tracebacks")
    shown = Table(*columns, "not refused", "min", box=box.MARKDOWN)
    for part, (outcomes, seconds) in results.items():
        lost = [outcome.lost for outcome in outcomes if outcome.lost is not None]
        figures = [
            len(outcomes),
            sum(len(outcome.objects) for outcome in outcomes),
            sum(len(outcome.cordons) for outcome in outcomes),
            sum(lost) if lost else "",
            sum(outcome.hung for outcome in outcomes),
            sum(outcome.traceback for outcome in outcomes),
            sum(outcome.wrong for outcome in outcomes) if part == "inputs" else "",
        ]
        shown.add_row(part, *map(str, figures), f"{seconds / 60:.1f}")
    return shown


if __name__ == "__main__":
    typer.run(main)
