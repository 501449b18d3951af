"""Measures: each class's pod runs the workload in its turn, one group at a time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run
from tasks.plan.job_file import (
    CHOSEN_ENGINE,
    UNTIMED_JOB_SECONDS,
    Job,
    group_seconds,
    job_seconds,
    measured,
    merged_into,
    ramp_seconds,
    waves,
)
from tasks.provision import volumes
from tasks.provision.bench_log import FioLog, rates
from tasks.provision.volumes import Volume
from tasks.speed import caveats, fio_output

SPARE_SECONDS = 300.0


class Round(NamedTuple):
    """One class's turn in one repeat. `first_cell` counts cells of the whole run from 1."""

    volume: Volume
    repeat: int
    first_cell: int
    cells: int


def rounds(volumes: list[Volume], repeats: int, jobs: int) -> Iterator[Round]:
    """Every class in every repeat; each repeat starts with the next class.

    The rotation keeps drift (a cache that warms, a device that tires) from favouring one class.
    """
    cells = len(volumes) * repeats * jobs
    turn = 0
    for repeat in range(1, repeats + 1):
        shift = (repeat - 1) % len(volumes) if volumes else 0
        for volume in volumes[shift:] + volumes[:shift]:
            yield Round(volume, repeat, turn * jobs + 1, cells)
            turn += 1


def measure(
    run: Run,
    owner: list[Obj],
    turn: Round,
    report: Report,
    keep: Callable[[dict[str, Any]], None],
    *,
    beside: Sequence[str] = (),
) -> None:
    """Run every job once on a volume.

    `keep` is given the row of each cell in the table `fio` as soon as that cell has ended; cells
    that did not end are failed ones, with the reason. Where a pod was lost, its cells are measured
    in another one, and say so. `beside` says what may disturb the turn, for each cell's warnings.
    """
    groups = run.workload.groups
    untimed = sum(UNTIMED_JOB_SECONDS for job in run.workload.jobs if job_seconds(job) == 0)
    log, narrator, error = FioLog(), _Narrator(run, turn, report), None
    waiting = deque(enumerate(_cells(groups), start=turn.first_cell))
    notes = list(beside)

    def keep_next() -> None:
        sequence, (number, job) = waiting.popleft()
        row = _cell(run, turn, number, job, log=log, error=error)
        keep({"sequence": sequence} | row | {"warnings": row["warnings"] + notes})

    def hear(line: str) -> None:
        narrator.hear(line)
        while waiting and f"{waiting[0][1][0]}" in log.status:
            keep_next()

    def left() -> str:
        first = waiting[0][1][0]
        narrator.begun = first - 1
        return " ".join(["run", *(f"{number}" for number in range(first, len(groups) + 1))])

    def lost(why: str) -> None:
        notes.append(f"second try: {why}")
        narrator.ending = ", second try"

    try:
        volumes.order(
            run,
            owner,
            turn.volume,
            left,
            log,
            limit_seconds=run.workload.seconds() + untimed + SPARE_SECONDS,
            hear=hear,
            lost=lost,
        )
    except ClusterError as failed:
        error = str(failed)
    error = error or log.ended
    while waiting:
        keep_next()


def failed_cells(run: Run, storage_class: str, pvc: str | None, why: str) -> list[dict[str, Any]]:
    """Rows for a class whose volume could not be used: every cell failed, for one reason."""
    return [
        {
            "storage_class": storage_class,
            "pvc": pvc,
            "job": job.name,
            "repeat": repeat,
            "profile": run.workload.profile,
            "status": "failed",
            "error": why,
        }
        for repeat in range(1, run.plan.repeats + 1)
        for job in run.workload.jobs
    ]


def _cells(groups: list[list[Job]]) -> list[tuple[int, Job]]:
    """Each job that has a result, with the number of its group, by which `fio.sh` knows it."""
    return [(number, job) for number, group in enumerate(groups, 1) for job in measured(group)]


def _cell(
    run: Run, turn: Round, number: int, job: Job, *, log: FioLog, error: str | None
) -> dict[str, Any]:
    """The row of one cell, from what the pod's log says of its group."""
    key, group = f"{number}", run.workload.groups[number - 1]
    row: dict[str, Any] = {
        "storage_class": turn.volume.storage_class,
        "job": job.name,
        "repeat": turn.repeat,
        "profile": run.workload.profile,
        "node": turn.volume.node,
        "pvc": turn.volume.pvc,
        "concurrent_jobs": next(len(wave) for wave in waves(group) if job in wave),
        "file_size_bytes": run.workload.sizes[job.name],
        "node_memory_bytes": turn.volume.memory_bytes,
        "ramp_seconds": ramp_seconds(job),
        "warnings": log.stderr.get(key, []),
    }
    if key in log.begun:
        row["started_at"] = datetime.fromtimestamp(log.begun[key], UTC)
    why, together = _failure(log, key, error), [job]
    if why is None:
        try:
            row |= fio_output.rows(log.output[key], group)[job.name]
            together = merged_into(job, group)
        except fio_output.UnreadableOutput as unreadable:
            why = str(unreadable)
    if why is not None:
        return row | {"status": "failed", "error": why}
    filesystem = turn.volume.row.get("filesystem")
    found = caveats.of_row(row, job.options, filesystem)
    if len(together) > 1:
        found.append(f"fio adds up {', '.join(one.name for one in together)} (group_reporting)")
    if job.engine == CHOSEN_ENGINE:
        found += [f"engine {words}" for words in turn.volume.engine_errors]
    return row | {"status": "measured", "warnings": row["warnings"] + found}


def _failure(log: FioLog, key: str, error: str | None) -> str | None:
    """Why a group has no figures, or None if it has."""
    if key not in log.status:
        begun = "it was cut off" if key in log.begun else "it did not begin"
        return f"{begun}: {error or 'the pod ended early'}"
    if log.status[key] != 0:
        said = log.stderr.get(key, []) or fio_output.errors(log.output.get(key, ""))
        words = "; ".join(said) or "it said nothing"
        return f"fio exited with {log.status[key]}: {words}"
    return None


class _Narrator:
    """Turns a pod's log lines into progress: it has to remember which group began."""

    def __init__(self, run: Run, turn: Round, report: Report) -> None:
        self.run_id, self.turn, self.report = run.run_id, turn, report
        self.groups = run.workload.groups
        self.round_seconds = run.workload.seconds()
        self.begun = 0
        self.in_output = False
        self.ending = ""

    def hear(self, line: str) -> None:
        if line.startswith("@stormark begin "):
            self.begun += 1
            self.in_output = False
            self.report(self._now())
        elif line.startswith("@stormark output "):
            self.in_output = True
        elif not self.in_output and (speed := rates(line)) is not None:
            self.report(self._now()._replace(iops=speed[0], bytes_per_second=speed[1]))

    def _now(self) -> Progress:
        turn = self.turn
        before, current = self.groups[: self.begun - 1], self.groups[self.begun - 1]
        cell = turn.first_cell + sum(len(measured(group)) for group in before)
        jobs = sum(len(measured(group)) for group in self.groups)
        rounds_after = (turn.cells - turn.first_cell + 1) // jobs - 1
        left = rounds_after * self.round_seconds + sum(
            group_seconds(group) for group in self.groups[self.begun - 1 :]
        )
        what = "+".join(job.name for job in measured(current))
        step = f"{turn.volume.storage_class} · {what} · repeat {turn.repeat}{self.ending}"
        return Progress(self.run_id, step, cell, turn.cells, left)
