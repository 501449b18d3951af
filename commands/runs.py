"""`stormark runs`: past runs, the newest first."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from commands.console import console, refused
from commands.options import Output, Printed, Results

EXAMPLES = "Examples: `stormark runs` · `stormark runs --results s3://bucket/x --last 30`"


def runs(
    results: Results = "results",
    last: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    output: Printed = Output.table,
) -> None:
    """List past runs."""
    from reports.data.load import classes_of_runs, newest
    from tasks.results.store import ResultsError

    try:
        classes = classes_of_runs(results)
        found = [_row(row, classes) for row in newest(results, last)]
    except ResultsError as error:
        raise refused(str(error)) from None
    if output is Output.json:
        console.file.write(json.dumps(found, indent=2) + "\n")
        return
    if not found:
        raise refused(f"{results} holds no run. Start one with `stormark run`")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in found[0]:
        table.add_column(header, no_wrap=header == "run")
    for row in found:
        table.add_row(*(Text(value) for value in row.values()))
    console.print(table)


def _row(row: dict[str, Any], classes: dict[str, list[str]]) -> dict[str, str]:
    plan = json.loads(row["plan"] or "{}")
    cells = sum(row[column] or 0 for column in ("cells_measured", "storms_measured"))
    planned = sum(row[column] or 0 for column in ("cells_planned", "storms_planned"))
    return {
        "run": row["run_id"],
        "started": f"{row['started_at']:%Y-%m-%d %H:%M} UTC",
        "flow": row["flow"],
        "cluster": row["cluster"],
        "classes": ", ".join(classes.get(row["run_id"], [])),
        "profile": "fio file" if plan.get("fio_file") else plan.get("profile", ""),
        "cells": f"{cells} of {planned}",
        "outcome": row["outcome"],
    }
