"""`stormark compare`: runs side by side, or many nights as one."""

from typing import Annotated

import typer
from rich.text import Text

from commands.console import console, refused, say
from commands.options import Results

EXAMPLES = (
    "Examples: `stormark compare --last 28` · `stormark compare 20261123-031500-a1b2c3 20261124-…`"
)


def compare(
    run_ids: Annotated[
        list[str] | None, typer.Argument(help="Two runs or more; the first is 1×.")
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(min=1, help="In place of runs: the classes, over so many newest nights."),
    ] = None,
    cluster: Annotated[str, typer.Option(help="With --last: nights of this cluster.")] = "",
    results: Results = "results",
) -> None:
    """Render runs side by side, or judge classes by many nights."""
    from tasks.results.store import ResultsError

    if bool(run_ids) == bool(last):
        raise refused("give either two runs or more, or --last N. " + EXAMPLES)
    try:
        location = _nights(results, last, cluster) if last else _runs(results, run_ids or [])
    except ResultsError as error:
        raise refused(str(error)) from None
    say(f"report: {location}")


def _runs(results: str, run_ids: list[str]) -> str:
    from reports.side_by_side import nights
    from reports.side_by_side.terminal import comparison_table, text_table

    found = nights.side_by_side(results, run_ids)
    location = nights.write(results, found)
    for words in found.unlike:
        console.print(Text(words, style="yellow"))
    for name, comparison in found.speed.items():
        console.print(Text(name, style="bold"), comparison_table(comparison))
    if found.survival:
        console.print(Text("survival", style="bold"), text_table(found.survival))
    say(nights.about(found).replace("`", ""))
    return location


def _nights(results: str, last: int, cluster: str) -> str:
    from reports.side_by_side import pooled
    from reports.side_by_side.terminal import comparison_table

    found = pooled.over_nights(results, last, cluster)
    location = pooled.write(results, found)
    for words in pooled.about(found):
        console.print(Text(words))
    console.print(comparison_table(found.comparison))
    return location
