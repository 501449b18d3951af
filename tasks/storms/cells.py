"""What every storm is given, and the rows of a cell: a storm on a volume, in one round."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from tasks.kubernetes.errors import ClusterError, Forbidden
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.cordon import NotRestored
from tasks.lifecycle.part import Part
from tasks.lifecycle.progress import Report
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan, Storm
from tasks.results.run_columns import RunRow
from tasks.results.storm_columns import EventRow, Status, StormRow
from tasks.storms import attachments, recovery, verify, writers
from tasks.storms.attachments import Change
from tasks.storms.ledger import UnreadableVolume, Verdict
from tasks.storms.outcome import Outcome, cell_row, event_row, measured_row, way_back
from tasks.storms.timeline import Step
from tasks.storms.writers import Target, Writer

Keep = Callable[[StormRow, list[EventRow]], None]


class Experiment(NamedTuple):
    """All that a storm needs: the run, the nodes it may touch, where rows go, and when to stop."""

    run: Run
    owner: list[Obj]
    nodes: list[Obj]
    keep: Keep
    report: Report
    stop: threading.Event
    attachments: Sequence[Change] = ()


def part(plan: Plan, volumes: list[str]) -> Part[StormRow]:
    """The part of a run in which each volume meets each storm in each round."""
    planned = len(volumes) * len(plan.storms) * plan.storm_rounds

    def told(row: RunRow, cells: list[StormRow]) -> RunRow:
        return replace(
            row,
            storms_planned=planned,
            storms_measured=sum(cell.status != "failed" for cell in cells),
            storm_volumes=tuple(volumes),
        )

    return Part(StormRow, planned, _named, told)


def _named(cell: StormRow) -> str:
    return f"{cell.storm} on {cell.volume} round {cell.round}"


class Found(NamedTuple):
    """What a volume held, and on which node that was read; `why` where it could not be read.

    `steps` are of its attachment.
    """

    verdict: Verdict | None
    read_on: str | None
    why: str | None
    steps: tuple[Step, ...]


@contextmanager
def or_why(
    this: Experiment, target: Target, storms: Iterable[Storm], rounds: Iterable[int]
) -> Iterator[None]:
    """Cells that cannot be measured get rows that say why; the others go on."""
    try:
        yield
    except (ClusterError, UnreadableVolume) as error:
        status: Status = (
            "skipped" if isinstance(error, writers.NoNode | writers.NoRoot) else "failed"
        )
        status = "not offered" if isinstance(error, writers.NotOffered) else status
        for storm, number in product(storms, rounds):
            this.keep(cell_row(target, storm, number, status=status, error=str(error)), [])


def not_measured(
    this: Experiment,
    storm: Storm,
    missing: Iterable[Writer],
    number: int,
    error: ClusterError | NotRestored,
) -> None:
    """Give rows to the cells of a storm on a node that failed; a node that stays so is raised."""
    status: Status = "skipped" if isinstance(error, Forbidden) else "failed"
    for writer in missing:
        row = cell_row(writer.target, storm, number, status=status, error=str(error))
        this.keep(row, [])
    if isinstance(error, NotRestored):
        raise error


def read_back(this: Experiment, outcome: Outcome) -> tuple[StormRow, list[EventRow]]:
    """Read the volume back, and make the rows of one cell."""
    return rows_of(this, outcome, find(this, outcome))


def find(this: Experiment, outcome: Outcome) -> Found:
    """Read the volume back once its writer is as fast as before.

    One that cannot be read back is an outcome too, and the worst: it has no verdict, and says why.
    """
    if this.stop.is_set():
        raise recovery.Stopped
    recovery.settle(this.run, outcome)
    steps: list[Step] = []
    try:
        steps += attachments.steps(this.run.cluster, this.attachments, outcome)
        return Found(*verify.verify(this.run, this.owner, outcome, this.nodes), None, tuple(steps))
    except (ClusterError, UnreadableVolume) as error:
        return Found(None, None, f"it could not be read back: {error}", tuple(steps))


def rows_of(this: Experiment, outcome: Outcome, found: Found) -> tuple[StormRow, list[EventRow]]:
    """The rows of one cell: its own, and one for each step of the way back."""
    error = this.run.clock_error_seconds
    outcome = outcome._replace(beside=(*outcome.beside, *found.steps))
    row = measured_row(outcome, found.verdict, found.read_on, error)
    events = [event_row(outcome, step) for step in way_back(outcome)]
    return replace(row, error=found.why), events
