"""`stormark compact`: one file a month in place of one a run."""

from collections import defaultdict

import typer

from commands.console import console, refused
from commands.options import Results

EXAMPLES = "Examples: `stormark compact` · `stormark compact --results s3://bucket/x`"


def compact(results: Results = "results") -> None:
    """Put the files of each month that is over into one for each table."""
    from tasks.results import compact as files
    from tasks.results.store import ResultsError

    try:
        done, left = files.compact(results)
    except ResultsError as error:
        raise refused(str(error)) from None
    for words in left:
        console.print(words, markup=False, soft_wrap=True)
    months = defaultdict[str, list[files.Compacted]](list)
    for one in done:
        months[one.month].append(one)
    for month, tables in sorted(months.items()):
        count = sum(one.files for one in tables)
        console.print(f"{month}: {count} files are {len(tables)} now", markup=False)
    if not done:
        console.print(f"{results}: nothing to put together", markup=False, soft_wrap=True)
    if left:
        raise typer.Exit(1)
