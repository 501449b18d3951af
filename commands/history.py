"""`stormark history`: what changed over the nights."""

import json
from typing import Annotated

import typer
from rich.text import Text

from commands.console import console, refused
from commands.options import Output, Printed, Results

EXAMPLES = "Examples: `stormark history` · `stormark history --cluster kind-prod --output json`"


def history(
    results: Results = "results",
    cluster: Annotated[str, typer.Option(help="The cluster; empty: the newest run's.")] = "",
    output: Printed = Output.table,
) -> None:
    """Show each figure over the nights, and what is new since the last one."""
    from reports.history.nights import nights
    from reports.history.told import since_last_night, table_rows
    from reports.side_by_side.terminal import text_table
    from tasks.results.store import ResultsError

    try:
        known = nights(results, cluster)
    except ResultsError as error:
        raise refused(str(error)) from None
    rows = table_rows(known)
    if output is Output.json:
        console.file.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    for sentence in since_last_night(known).sentences():
        console.print(Text(sentence))
    if rows:
        console.print(text_table(rows))
