"""`stormark metrics`: the last night for Prometheus."""

import os
from pathlib import Path
from typing import Annotated

import typer

from commands.console import console, refused
from commands.options import Results

EXAMPLES = (
    "Examples: `stormark metrics` · `stormark metrics --file "
    "/var/lib/node_exporter/textfile/stormark.prom`"
)


def metrics(
    results: Results = "results",
    cluster: Annotated[str, typer.Option(help="The cluster; empty: the newest run's.")] = "",
    file: Annotated[
        Path | None, typer.Option(help="Where to write them, whole or not at all.")
    ] = None,
) -> None:
    """Print the last night as metrics, or write them for node_exporter's textfile collector."""
    from reports.history.metrics import text
    from reports.history.nights import nights
    from tasks.results.store import ResultsError

    try:
        content = text(nights(results, cluster))
    except ResultsError as error:
        raise refused(str(error)) from None
    if file is None:
        console.file.write(content)
        return
    # the collector reads names that end in .prom, and may do so at any instant
    being_written = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        being_written.write_text(content)
        being_written.replace(file)
    except OSError as error:
        being_written.unlink(missing_ok=True)
        raise refused(f"{file} cannot be written: {error}. Give another with --file") from None
