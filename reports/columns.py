"""The column reference of docs/results.md, rendered from the tables that are written.

`python -m reports.columns` brings the file up to date.
"""

from pathlib import Path

from reports.text.markdown import Markdown, table
from tasks.results.schema import TABLES

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
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


if __name__ == "__main__":
    PAGE.write_text(with_columns(PAGE.read_text()))
