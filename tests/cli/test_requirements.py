"""What a plan demands shows in how the run ends: its state, its message, the exit code."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from tests.conftest import TINY_FIO, Stormark

pytestmark = pytest.mark.usefixtures("prefect_server")
OK, INCOMPLETE, UNMET = 0, 1, 3
# A pod that is killed writes again, and never within a millisecond.
AT_ONCE, SOON = {"max_recovery_seconds": 0.001}, {"max_recovery_seconds": 3600}


def with_demands(stormark: Stormark, tmp_path: Path, demands: Any, **fields: Any) -> Result:
    """A storm on a class, with such requirements of every class."""
    plan = {"fio_file": TINY_FIO, "storms": ["pod-kill"], "storm_volumes": ["storage-classes"]}
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan | {"requirements": {"*": demands}} | fields))
    return stormark("--flow", "storms", "--plan", str(file))


def report_of(stormark: Stormark) -> str:
    return (stormark.results / "reports" / f"{stormark.row('runs')['run_id']}.md").read_text()


def test_a_requirement_that_is_not_met_ends_the_run_as_unmet(
    stormark: Stormark, tmp_path: Path
) -> None:
    """With an exit code of its own; what was measured is complete, and its report says why."""
    result = with_demands(stormark, tmp_path, AT_ONCE | {"no_lost_records": True})
    assert result.exit_code == UNMET, result.output
    assert "of 2 requirements 1 not met, 1 met: local-path max_recovery_seconds" in result.stderr
    assert "at most, in 1 fault (pod-kill)" in result.stderr
    assert stormark.row("runs")["outcome"] == "complete"
    assert "**Of 2 requirements 1 not met, 1 met.**" in report_of(stormark)
    assert "max_recovery_seconds" in result.stdout  # the table


def test_requirements_that_are_met_or_open_end_it_as_any_run(
    stormark: Stormark, tmp_path: Path
) -> None:
    """An open one, of which nothing was measured, does not fail it."""
    result = with_demands(stormark, tmp_path, SOON | {"min_read_iops": 10**9})
    assert result.exit_code == OK, result.output
    assert "Of 2 requirements 1 open, 1 met." in report_of(stormark)


def test_a_run_that_is_refused_is_not_unmet(stormark: Stormark, tmp_path: Path) -> None:
    result = with_demands(stormark, tmp_path, {"min_iops": 5})
    assert result.exit_code == 2
    assert "plan field requirements.*.min_iops: there is no such field" in result.stderr
