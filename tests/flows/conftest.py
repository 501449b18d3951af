"""Runs a flow in this process, on the embedded cluster, and lets a test act while it runs."""

from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prefect.client.schemas.objects import State

from flows.benchmark import compare
from tasks.plan import Plan
from tasks.progress import Progress, listener
from tests.conftest import TINY_FIO, Rows, rows_of


class Outcome(NamedTuple):
    """How a run ended, and the rows that it left."""

    state: State
    run: dict[str, Any]
    fio: Rows
    volumes: Rows

    def statuses(self) -> list[str]:
        """Of each cell in the order in which they ran: measured, or why it is not."""
        return [row["error"] or row["status"] for row in self.fio]


Benchmark = Callable[..., Outcome]


@pytest.fixture
def benchmark(namespace: str, tmp_path: Path, prefect_server: None) -> Benchmark:  # noqa: ARG001
    """Measure local-path with the tiny fio file, unless the fields given say otherwise.

    `on_step` is called with each step of the run, in the thread of the run.
    """

    def run(on_step: Callable[[str], object] = str, **fields: Any) -> Outcome:
        location = str(tmp_path / "results")
        given = {"storage_classes": ["local-path"], "fio_file": TINY_FIO, "repeats": 1}
        given |= {"volume_size": "64Mi", "namespace": namespace, "results": location}
        plan = Plan.model_validate(given | fields)
        seen: set[str] = set()

        def listen(progress: Progress) -> None:
            if progress.step not in seen:
                seen.add(progress.step)
                on_step(progress.step)

        def carry_out() -> State:
            listener.set(listen)
            return compare(plan, return_state=True)

        state = copy_context().run(carry_out)
        tables = {name: rows_of(location, name) for name in ("runs", "fio", "volumes")}
        (row,) = tables["runs"]
        return Outcome(state, row, tables["fio"], tables["volumes"])

    return run
