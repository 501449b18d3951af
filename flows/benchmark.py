"""The flow that compares the speed of StorageClasses, without storms."""

from contextlib import suppress
from typing import NamedTuple

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.artifacts import progress, run_name
from flows.dead import release_now
from flows.steps import carry_out, step
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import record
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan
from tasks.preflight import begin
from tasks.provision import bench_pod, provision, removal, volumes
from tasks.provision.provision import Subject
from tasks.provision.volumes import Volume, VolumeFailed
from tasks.results.fio_columns import FioRow
from tasks.results.node_columns import NodeSecondRow
from tasks.results.run_columns import VolumeRow
from tasks.results.second_columns import SecondRow
from tasks.speed import benchmark
from tasks.speed.part import part


@flow(
    name="benchmark",
    flow_run_name=run_name,
    persist_result=False,
    on_crashed=[release_now],
    on_cancellation=[release_now],
)
def compare(plan: Plan = Plan()) -> State:  # noqa: B008 - a literal default is what the form shows
    """Compare StorageClasses: provision a PVC of each, run fio on it, report.

    Args:
        plan: What to measure, on which classes, where, and for how long.

    """
    return carry_out("benchmark", plan, [measure_classes])


def measure_classes(
    run: Run, owner: list[Obj], storage_classes: list[Obj], known: Record, report: Report
) -> None:
    """Every class in every round; what has been measured is on disk after each cell."""
    known.step = "check of image and fio file"
    report(Progress(run.run_id, known.step))
    look = step(begin.image_fio_file_and_nodes, "check image and nodes")
    fio_version, run, seen = look(run, owner, storage_classes, known.flow, report)
    known.run, known.checks = run, known.checks + seen
    if run.plan.fio_file is not None:
        report(Progress(run.run_id, begin.expected(seen)))
    for note in run.workload.notes:
        report(Progress(run.run_id, f"fio file: {note}"))
    subjects = provision.subjects(run.plan, storage_classes)
    speed = part(run, len(subjects), fio_version)
    known.parts.append(speed)
    bench_pod.create_job_files(run, owner)
    nodes = begin.usable_nodes(run)

    ended, warn = progress("fio", speed.planned), get_run_logger().warning

    def keep(row: FioRow, seconds: list[SecondRow], of_node: list[NodeSecondRow]) -> None:
        known.sink.append(row, *seconds, *of_node)
        record.save_so_far(known, warn)
        ended(len(known.sink.rows(FioRow)))

    this = _Rounds(run, owner, known, report, keep, speed.planned)
    made, ready = list[Volume](), list[Volume]()
    left: list[str] = []  # pods of earlier rounds that may still run
    for number in range(1, run.plan.rounds + 1):
        if number > 1 and volumes.is_stopped(run, owner):
            known.warnings.append("somebody deleted the run's ConfigMap: no more rounds were begun")
            break
        if number == 1 or not run.plan.pvc:
            node = benchmark.node_of(nodes, run.plan, number)
            order = benchmark.shuffled(subjects, run.plan, f"{number} provision")
            made = _provisioned(this, number, provision.tied_first(order), node)
            ready = _laid_out(this, number, made)
        _fail_cells(this, number)
        _measure(this, number, ready, [*left, *(one.left for one in made if one.left)])
        stay = [] if run.plan.pvc else _removed(this, number)
        left += [one.left for one in made if one.left and one.pvc in stay]
    if run.plan.pvc and ready:
        known.step = "remove the folder on the PVC"
        removal.remove_folder(run, owner, ready[0])


class _Rounds(NamedTuple):
    """What each step of a round needs; `keep` takes each of `cells`, with its seconds."""

    run: Run
    owner: list[Obj]
    known: Record
    report: Report
    keep: benchmark.Keep
    cells: int

    def begin(self, name: str, what: str, number: int) -> str:
        """Say that a step of a round begins; its name."""
        self.known.step = f"{what} {name}, round {number}"
        self.report(Progress(self.run.run_id, f"{name} · {what} · round {number}"))
        return self.known.step


def _provisioned(
    this: _Rounds, number: int, subjects: list[Subject], node: str | None
) -> list[Volume]:
    """The volumes of a round that came; the others are rows with an error.

    All are on the first one's node, where they can be there: that is the round's, or where an
    Immediate class put it.
    """
    came, known = list[Volume](), this.known
    for subject in subjects:
        of = this.begin(subject.name, "provision", number)
        try:
            volume = step(provision.provision, of)(this.run, this.owner, subject, number, node)
        except VolumeFailed as error:
            known.sink.append(error.row)
            with suppress(ClusterError):  # the round's end tries again, and says so
                removal.end_pods(this.run, error.row.pvc)  # it might start beside a measurement
            continue
        known.sink.append(volume.row)
        came.append(volume)
        node = came[0].node
    return came


def _laid_out(this: _Rounds, number: int, made: list[Volume]) -> list[Volume]:
    """Those of the volumes whose files could be written full; the rows of the others say why."""
    for volume in made:
        this.known.step = f"lay out {volume.storage_class}, round {number}"
        before = volume.row
        with suppress(VolumeFailed):
            step(volumes.lay_out, this.known.step)(this.run, this.owner, volume, this.report)
        this.known.sink.replace(before, volume.row)
    return [volume for volume in made if not volume.row.error]


def _fail_cells(this: _Rounds, number: int) -> None:
    """Keep a failed cell for each job on a volume that cannot be used."""
    for row in this.known.sink.rows(VolumeRow):
        if row.error and row.round in (number, None):
            for failed in benchmark.failed_cells(this.run, row, number):
                this.keep(failed, [], [])


def _measure(this: _Rounds, number: int, ready: list[Volume], beside: list[str]) -> None:
    """Every turn of a round; `beside` says which other pods may run meanwhile."""
    run, known = this.run, this.known
    first = 1 + sum(row.sequence is not None for row in known.sink.rows(FioRow))  # that ran
    for turn in benchmark.turns(run, ready, number, first, this.cells):
        known.step = f"fio on {turn.volume.storage_class}, round {number}"
        others = [words for words in beside if words != turn.volume.left]
        step(benchmark.measure, known.step)(
            run, this.owner, turn, this.report, this.keep, beside=others
        )


def _removed(this: _Rounds, number: int) -> list[str]:
    """End the volumes of a round, so that there are never two of a class; the PVCs that stay."""
    stay = []
    for row in this.known.sink.rows(VolumeRow):
        if row.round == number:
            of = this.begin(row.storage_class, "delete", number)
            removed, note = step(removal.remove, of)(this.run, row)
            this.known.sink.replace(row, removed)
            if note:
                this.known.warnings.append(note)
                stay.append(row.pvc)
    return stay
