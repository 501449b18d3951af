"""`stormark runs`: past runs, the newest first."""

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from commands.console import console, refused
from commands.options import Output, Printed, Results

OF_RUNS = (
    "run_id", "started_at", "flow", "cluster", "plan", "outcome",
    "cells_measured", "storms_measured", "cells_planned", "storms_planned",
)  # fmt: skip
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
        newest_rows = newest(results, last, OF_RUNS)
        classes = classes_of_runs(results, [row["run_id"] for row in newest_rows])
        found = [_row(row, classes) for row in newest_rows]
    except ResultsError as error:
        raise refused(str(error)) from None
    if output is Output.json:
        console.file.write(json.dumps(found, indent=2) + "\n")
        return
    if not found:
        raise refused(f"{results} holds no run. Start one with `stormark run`")
    for row in _lines(found, console.width):
        console.print(Text(row), soft_wrap=True)


def _lines(found: list[dict[str, str]], width: int) -> list[str]:
    """A line a run, below the headers; names of classes are cut where it would be too long."""
    shown = [header for header in found[0] if header != "started"]  # an id begins with it
    rows = [dict(zip(shown, shown, strict=True)), *found]
    widths = {header: max(len(row[header]) for row in rows) for header in shown}
    widths["classes"] += min(0, width - sum(widths.values()) - 2 * len(shown))
    widths["classes"] = max(widths["classes"], len("classes"))
    return [
        "  ".join(
            _cut(row[header], widths[header]).ljust(widths[header]) for header in shown
        ).rstrip()
        for row in rows
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


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
