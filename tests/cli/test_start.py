"""Help is told at once: what measures, plots and serves is imported by whoever needs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reports.sample import write_run

HEAVY = {
    "jinja2", "kubernetes", "matplotlib", "numpy", "pandas", "prefect", "pyarrow",
    "scipy", "tasks", "vl_convert",
}  # fmt: skip
CODE = """
import sys
from pathlib import Path
import stormark
sys.argv = ["stormark", *sys.argv[1:]]
try:
    stormark.main()
except SystemExit as ended:
    assert not ended.code
print("imported", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imported_by(*arguments: str) -> set[str]:
    """The packages that a command has imported when it ends."""
    command = [sys.executable, "-c", CODE, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(ended.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "command",
    ["", "run", "plan", "demo", "up", "preflight", "reap", "report", "open", "runs", "compare"],
)
def test_help_imports_nothing_heavy(command: str) -> None:
    """A person who asks how a command is used waits for none of it."""
    assert not imported_by(*filter(None, [command]), "--help") & HEAVY


def test_a_command_imports_what_it_needs() -> None:
    """The test above would see it."""
    assert "tasks" in imported_by("plan")


def test_runs_are_listed_without_what_measures_and_compares(tmp_path: Path) -> None:
    """Who asks what there is waits for no frame, no plot and no Prefect."""
    write_run(tmp_path, {"local-path": 1.0})
    needless = {"matplotlib", "pandas", "prefect", "scipy"}
    assert not imported_by("runs", "--results", str(tmp_path)) & needless
