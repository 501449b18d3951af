"""`stormark report`: render a run again."""

from typing import Annotated

import typer

from commands.console import refused, say
from commands.options import Results

EXAMPLES = (
    "Examples: `stormark report 20261123-031500-a1b2c3` · `stormark report "
    "20261123-031500-a1b2c3 --results s3://bucket/x`"
)


def report(
    run_id: Annotated[
        str, typer.Argument(help="The run, as its report and Parquet files name it.")
    ],
    results: Results = "results",
) -> None:
    """Render a run's report again from its Parquet files."""
    from commands.terminal import print_tables
    from reports.html.write import page_path, write
    from tasks.results.store import ResultsError, below

    try:
        location = write(results, run_id, latest=False)
        print_tables(results, run_id)
    except ResultsError as error:
        raise refused(str(error)) from None
    say(f"report: {location}")
    say(f"page:   {below(results, page_path(run_id))}")
