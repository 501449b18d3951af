"""`stormark open`: the page of a run, in a browser."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.console import refused, say
from commands.options import Results

EXAMPLES = (
    "Examples: `stormark open` · `stormark open 20261123-031500-a1b2c3 --print-path` · "
    "`stormark open --results s3://bucket/x --print-path`"
)


def open_page(
    run_id: Annotated[
        str, typer.Argument(help="The run; the newest where none is given.", show_default=False)
    ] = "",
    results: Results = "results",
    print_path: Annotated[
        bool, typer.Option("--print-path", help="Say where the page is, and open nothing.")
    ] = False,
) -> None:
    """Open a run's page, or the newest run's; without a browser, say where it is.

    A run that has no page yet, of an earlier version, is given one.
    """
    from reports.html.write import existing
    from tasks.results.store import ResultsError

    try:
        page = existing(results, run_id)
    except ResultsError as error:
        raise refused(str(error)) from None
    local = Path(page)
    if print_path or not local.exists() or not _shown(local.resolve().as_uri()):
        say(page)


def _shown(address: str) -> bool:
    """Whether a browser took it; none is tried where there is no screen for its window."""
    import webbrowser

    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in screens):
        return False
    return webbrowser.open(address)
