"""`stormark compare`: runs side by side."""

from typing import Annotated

import typer
from rich.text import Text

from commands.console import console, refused, say
from commands.options import Results

EXAMPLES = "Example: `stormark compare 20261123-031500-a1b2c3 20261124-…`"


def compare(
    run_ids: Annotated[list[str], typer.Argument(help="Two runs or more; the first is 1×.")],
    results: Results = "results",
) -> None:
    """Render runs side by side, such as two nights, with ratios and intervals."""
    from reports.side_by_side import nights
    from reports.side_by_side.terminal import comparison_table, text_table
    from tasks.results.store import ResultsError

    try:
        found = nights.side_by_side(results, run_ids)
        location = nights.write(results, found)
    except ResultsError as error:
        raise refused(str(error)) from None
    for words in found.unlike:
        console.print(Text(words, style="yellow"))
    for name, comparison in found.speed.items():
        console.print(Text(name, style="bold"), comparison_table(comparison))
    if found.survival:
        console.print(Text("survival", style="bold"), text_table(found.survival))
    say(f"report: {location}")
