"""docs/security.md: each line names a test, and there is such a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", PAGE)


def named() -> list[tuple[str, str]]:
    """File and test of each name on the page; one without a file is of the file before it."""
    found, file = [], ""
    for path, test in NAMED:
        file = path or file
        if path or test:
            found.append((file, test))
    return found


@pytest.mark.parametrize(("file", "test"), named())
def test_a_test_that_the_page_names_is_there(file: str, test: str) -> None:
    text = (ROOT / file).read_text()
    assert f"def {test}" in text if test else "def test_" in text


def test_every_line_has_a_test_or_says_that_it_has_none() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 8
    assert [row for row in rows if "`tests/" not in row and "no test:" not in row] == []
