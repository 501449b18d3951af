"""The live view of a run in a terminal."""

import io

import pytest
from rich.console import Console

from flows.terminal import sparkline, view
from tasks.lifecycle.progress import Progress


@pytest.mark.parametrize(
    ("rates", "bars"),
    [([], ""), ([0.0, 0.0], "▁▁"), ([10.0, 0.0, 5.0, 10.0], "█▁▅█")],
    ids=["none yet", "nothing is done", "a stall"],
)
def test_a_stall_is_a_gap(rates: list[float], bars: str) -> None:
    assert sparkline(rates) == bars


def test_the_last_seconds_of_a_job_are_shown_and_those_of_the_one_before_are_not() -> None:
    file = io.StringIO()
    with view(Console(file=file, force_terminal=True, width=120)) as show:
        for iops in (100.0, 0.0):
            show(Progress("r", "[1/2] read", 1, 2, 3.0, iops, iops * 4096))
    assert "0 IOPS 0 MiB/s █▁" in file.getvalue()
    with view(Console(file=(file := io.StringIO()), force_terminal=True, width=120)) as show:
        show(Progress("r", "[1/2] read", 1, 2, 3.0, 100.0, 409600.0))
        show(Progress("r", "[2/2] write", 2, 2, 3.0, 50.0, 204800.0))
    assert "50 IOPS 0 MiB/s █" in file.getvalue()
    assert "█▄" not in file.getvalue()
