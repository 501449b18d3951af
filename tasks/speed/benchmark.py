"""Measures: in each round every group of jobs has its turn on each class's volume."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple, TypeVar

from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run
from tasks.plan.job_file import (
    CHOSEN_ENGINE,
    Job,
    group_seconds,
    job_seconds,
    measured,
    merged_into,
    ramp_seconds,
    waves,
)
from tasks.plan.plan import Plan
from tasks.provision import volumes
from tasks.provision.bench_log import FioLog, rates
from tasks.provision.volumes import Volume
from tasks.results.fio_columns import FioRow, Key
from tasks.results.node_columns import NodeSecondRow
from tasks.results.run_columns import VolumeRow
from tasks.results.second_columns import SecondRow
from tasks.speed import caveats, fio_output, node_seconds, seconds

Keep = Callable[[FioRow, list[SecondRow], list[NodeSecondRow]], None]
T = TypeVar("T")
SPARE_SECONDS = 300.0


class Turn(NamedTuple):
    """One group of jobs on one class's volume, in a round.

    `group` counts groups from 1, `first_cell` cells of the whole run; timed jobs that come after
    the turn take `seconds_after`.
    """

    volume: Volume
    number: int
    group: int
    first_cell: int
    cells: int
    seconds_after: float


def turns(
    run: Run, volumes: list[Volume], number: int, first_cell: int, cells: int
) -> Iterator[Turn]:
    """Every group of a round on every volume: of each group all volumes, in an order of chance.

    So the figures of one job lie next to each other in time, and no class is always the first.
    """
    groups, rounds_after = run.workload.groups, run.plan.rounds - number
    left = len(volumes) * run.workload.seconds() * (1 + rounds_after)
    for group, jobs in enumerate(groups, 1):
        for volume in shuffled(volumes, run.plan, f"{number} {group}"):
            left -= group_seconds(jobs)
            yield Turn(volume, number, group, first_cell, cells, left)
            first_cell += len(measured(jobs))


def shuffled(items: Sequence[T], plan: Plan, what: str) -> list[T]:
    """The items in an order of chance, the same for the same seed of the plan."""
    return Random(f"{plan.seed} {what}").sample(items, len(items))  # noqa: S311 - no secret


def node_of(nodes: Sequence[str], plan: Plan, number: int) -> str | None:
    """The node of a round: each takes the next one, the first one of chance; None of none."""
    return shuffled(nodes, plan, "nodes")[(number - 1) % len(nodes)] if nodes else None


def measure(
    run: Run,
    owner: list[Obj],
    turn: Turn,
    report: Report,
    keep: Keep,
    *,
    beside: Sequence[str] = (),
) -> None:
    """Run a group of jobs once on a volume.

    `keep` is given the row of each cell in the table `fio`, and its rows in `fio_seconds` and
    `node_seconds`; a cell that did not end is a failed one, with the reason. Where the pod was
    lost, its cells are measured in another one, and say so. `beside` says what may disturb the
    turn, for each cell's warnings.
    """
    group = run.workload.groups[turn.group - 1]
    log, narrator, error = FioLog(), _Narrator(run, turn, report), None
    notes = list(beside)

    def lost(why: str) -> None:
        notes.append(f"second try: {why}")
        narrator.ending = ", second try"

    try:
        volumes.order(
            run,
            owner,
            turn.volume,
            lambda: f"run {turn.group}",
            log,
            limit_seconds=_limit_seconds(group, run.plan),
            hear=narrator.hear,
            lost=lost,
        )
    except ClusterError as failed:
        error = str(failed)
    error = error or log.ended
    by_second, why = _seconds(log, run, turn)
    of_node = _node_seconds(log, run, turn, by_second)
    for sequence, job in enumerate(measured(group), start=turn.first_cell):
        row = _cell(run, turn, job, log=log, error=error)
        row = replace(
            row,
            sequence=sequence,
            no_seconds=why if row.status == "measured" else None,
            warnings=(*(row.warnings or ()), *notes),
        )
        keep(row, by_second.get(job.name, []), of_node.get(job.name, []))


def _limit_seconds(group: list[Job], plan: Plan) -> float:
    """How long a group may take: with a job that ends by itself as long as the run."""
    if any(job_seconds(job) == 0 for job in measured(group)):
        return plan.run_limit_seconds
    return group_seconds(group) + SPARE_SECONDS


def _seconds(log: FioLog, run: Run, turn: Turn) -> tuple[dict[str, list[SecondRow]], str | None]:
    """What each job of a turn's group did in each second, or why that is not known."""
    number, group = f"{turn.group}", run.workload.groups[turn.group - 1]
    if log.status.get(number) != 0:
        return {}, None  # the cell says why it failed
    packed, key = log.seconds.get(number, ""), _key(turn, group[0])
    try:
        return seconds.rows(packed, log.output[number], group, key), None
    except (seconds.NoSeconds, fio_output.UnreadableOutput) as error:
        return {}, str(error)


def _node_seconds(
    log: FioLog, run: Run, turn: Turn, by_second: dict[str, list[SecondRow]]
) -> dict[str, list[NodeSecondRow]]:
    """What the node did in the same seconds."""
    if not by_second:
        return {}
    number, group = f"{turn.group}", run.workload.groups[turn.group - 1]
    document, _ = fio_output.results(log.output[number], group)
    return node_seconds.rows(log.node.get(number, ""), by_second, document["timestamp_ms"] / 1000)


def failed_cells(run: Run, row: VolumeRow, number: int) -> list[FioRow]:
    """Rows for a volume that could not be used in a round: every cell failed, for its reason."""
    return [
        FioRow(
            **_of_volume(row, job, number)._asdict(),
            profile=run.workload.profile,
            status="failed",
            error=row.error,
        )
        for job in run.workload.jobs
    ]


def _key(turn: Turn, job: Job) -> Key:
    """Which cell a job has in a turn."""
    pod = turn.volume.job.pod_name
    return _of_volume(turn.volume.row, job, turn.number)._replace(node=turn.volume.node, pod=pod)


def _of_volume(row: VolumeRow, job: Job, number: int) -> Key:
    """Which cell a job has on a volume: in a round, or a repeat where the volume stays."""
    repeat = number if row.round is None else 1
    return Key(row.storage_class, row.pvc, job.name, row.round, repeat)


def _cell(run: Run, turn: Turn, job: Job, *, log: FioLog, error: str | None) -> FioRow:
    """The row of one cell, from what the pod's log says of its group."""
    number, group = f"{turn.group}", run.workload.groups[turn.group - 1]
    said, begun = tuple(log.stderr.get(number, [])), log.begun.get(number)
    row = FioRow(
        **_key(turn, job)._asdict(),
        profile=run.workload.profile,
        status="measured",
        concurrent_jobs=next(len(wave) for wave in waves(group) if job in wave),
        file_size_bytes=run.workload.sizes[job.name],
        node_memory_bytes=turn.volume.memory_bytes,
        ramp_seconds=ramp_seconds(job),
        warnings=said,
        started_at=None if begun is None else datetime.fromtimestamp(begun, UTC),
    )
    if (why := _failure(log, number, error)) is not None:
        return replace(row, status="failed", error=why)
    try:
        row = fio_output.rows(log.output[number], group, row)[job.name]
        together = merged_into(job, group)
    except fio_output.UnreadableOutput as unreadable:
        return replace(row, status="failed", error=str(unreadable))
    found = caveats.of_row(row, job.options, turn.volume.row)
    if len(together) > 1:
        found.append(f"fio adds up {', '.join(one.name for one in together)} (group_reporting)")
    if job.engine == CHOSEN_ENGINE:
        found += [f"engine {words}" for words in turn.volume.engine_errors]
    return replace(row, warnings=(*said, *found))


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
    """Turns a pod's log lines into progress: it has to remember whether fio writes its output."""

    def __init__(self, run: Run, turn: Turn, report: Report) -> None:
        self.run_id, self.turn, self.report = run.run_id, turn, report
        self.jobs = run.workload.groups[turn.group - 1]
        self.in_output = False
        self.ending = ""

    def hear(self, line: str) -> None:
        if line.startswith("@stormark begin "):
            self.in_output = False
            self.report(self._now())
        elif line.startswith("@stormark output "):
            self.in_output = True
        elif not self.in_output and (speed := rates(line)) is not None:
            self.report(self._now()._replace(iops=speed[0], bytes_per_second=speed[1]))

    def _now(self) -> Progress:
        turn = self.turn
        what = "+".join(job.name for job in measured(self.jobs))
        step = f"{turn.volume.storage_class} · {what} · round {turn.number}{self.ending}"
        left = group_seconds(self.jobs) + turn.seconds_after
        return Progress(self.run_id, step, turn.first_cell, turn.cells, left)
