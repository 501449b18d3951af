"""The column reference of docs/results.md and its contract, from the tables that are written.

`python -m reports.columns` brings both up to date; what the contract has promised it keeps.
"""

import json
from pathlib import Path

from reports.text.markdown import Markdown, table
from tasks.results.schema import TABLES

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
CONTRACT = PAGE.with_name("columns.json")
# table → column → its type and its unit
Promised = dict[str, dict[str, dict[str, str]]]
BEGIN = "<!-- columns: rendered by `python -m reports.columns` -->"
END = "<!-- end of columns -->"


def column_reference() -> str:
    """A heading and a table for each dataset."""
    return "\n\n".join(
        f"### {name}\n\n"
        + table(
            ["column", "unit", "what", "type"],
            [[Markdown(f"`{c.name}`"), c.unit, Markdown(c.text), str(c.type)] for c in columns],
        )
        for name, columns in TABLES.items()
    )


def with_columns(page: str) -> str:
    """The page with today's column reference between its two marks; ValueError without them."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"{PAGE.name} needs one line {BEGIN!r} and after it one line {END!r}")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{column_reference()}\n\n{END}{after}"


def columns() -> Promised:
    """Every table's columns as they are written today."""
    return {
        name: {c.name: {"type": str(c.type), "unit": c.unit} for c in of_table}
        for name, of_table in TABLES.items()
    }


def broken(promised: Promised, today: Promised) -> list[str]:
    """What of the contract no longer holds, a sentence each; a column more breaks nothing."""
    return [
        f"{table}.{column} was {was}, and is {today.get(table, {}).get(column, 'gone')}"
        for table, of_table in promised.items()
        for column, was in of_table.items()
        if today.get(table, {}).get(column) != was
    ]


def write_contract(path: Path, today: Promised) -> None:
    """Add today's new columns to the contract; ValueError where a promised one has changed."""
    promised = json.loads(path.read_text()) if path.exists() else {}
    if wrong := broken(promised, today):
        raise ValueError(
            f"{path.name} is not rewritten, old files and queries would break: {'; '.join(wrong)}. "
            "Give what has changed a new name, and leave the old column."
        )
    path.write_text(json.dumps(today, indent=2) + "\n")


if __name__ == "__main__":
    write_contract(CONTRACT, columns())
    PAGE.write_text(with_columns(PAGE.read_text()))
