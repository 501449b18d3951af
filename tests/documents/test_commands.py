"""Each command in README.md and docs/ is run: by a test, by CI, or it says why not."""

import ast
import re

import pytest

from tests.documents.commands import ROOT, RUN_BY, commands, where


def test_every_command_is_run_somewhere() -> None:
    """One that nobody runs is found here, and so is an entry for none."""
    assert [command for command in commands() if where(command) is None] == []
    assert set(RUN_BY) - {where(command) for command in commands()} == set()


@pytest.mark.parametrize("node", [place for place in RUN_BY.values() if "::" in place])
def test_the_test_that_runs_it_is_there(node: str) -> None:
    """Under that name, in that file."""
    file, _, name = node.partition("::")
    body = ast.parse((ROOT / file).read_text()).body
    assert name in [one.name for one in body if isinstance(one, ast.FunctionDef)]


def test_ci_runs_what_it_is_said_to_run() -> None:
    steps = (ROOT / ".ci" / "run").read_text()
    said = [line for line in commands() if RUN_BY.get(where(line) or "") == ".ci/run"]
    made = {
        target
        for line in re.findall(r"\bmake (.+?)(?:;|$)", steps, re.M)
        for target in line.split()
    }
    assert [line for line in said if line.removeprefix("make ") not in made] == []
