"""GitHub-flavoured markdown out of text that others wrote."""

import re
from collections.abc import Sequence

PUNCTUATION = re.compile(r"([\\`*\[\]<>|~]|(?<!\w)_|_(?!\w))")


class Markdown(str):
    """Text that is markdown already; all other text is escaped on its way into a report."""

    __slots__ = ()


def markdown(value: object) -> Markdown:
    """`value` as markdown on one line: escaped unless it is Markdown, `–` for None."""
    if isinstance(value, Markdown):
        return value
    if value is None or value == "":
        return Markdown("–")
    if isinstance(value, bool):
        return Markdown("yes" if value else "no")
    one_line = " ".join(str(value).split())
    return Markdown(PUNCTUATION.sub(r"\\\1", one_line).replace("&", "&amp;"))


def fence(code: str) -> Markdown:
    """What stands before and after lines of code: more backticks than any line of it has."""
    return Markdown("`" * max(4, *(len(run) + 1 for run in re.findall("`+", code)), 0))


def table(header: Sequence[object], rows: Sequence[Sequence[object]]) -> Markdown:
    """A table whose source lines up too; the last column is not padded."""
    texts = [[markdown(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    widths[-1] = 3
    lines = [" | ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)) for row in texts]
    rule = " | ".join("-" * w for w in widths)
    return Markdown("\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:])))
