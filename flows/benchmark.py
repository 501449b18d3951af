"""The flow that compares the speed of StorageClasses, without storms."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.artifacts import progress, run_name
from flows.dead import release_now
from flows.steps import carry_out, step
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import record
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.record import Record, Rows
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan
from tasks.preflight import begin
from tasks.provision import bench_pod, provision, removal, volumes
from tasks.provision.provision import Subject
from tasks.provision.volumes import Volume, VolumeFailed
from tasks.speed import benchmark


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
    known.fio_version, run, seen = look(run, owner, storage_classes, known.flow, report)
    known.run, known.checks = run, known.checks + seen
    if run.plan.fio_file is not None:
        report(Progress(run.run_id, begin.expected(seen)))
    for note in run.workload.notes:
        report(Progress(run.run_id, f"fio file: {note}"))
    bench_pod.create_job_files(run, owner)
    subjects = provision.subjects(run.plan, storage_classes)
    known.cells_planned = len(subjects) * run.plan.rounds * len(run.workload.jobs)
    nodes = begin.usable_nodes(run)

    ended, warn = progress("fio", known.cells_planned), get_run_logger().warning

    def keep(row: dict[str, Any], seconds: Rows, of_node: Rows) -> None:
        with known.changing:
            known.fio.append(row)
            known.fio_seconds += seconds
            known.node_seconds += of_node
        record.save_so_far(known, warn)
        ended(len(known.fio))

    part = _Part(run, owner, known, report, keep)
    made, ready = list[Volume](), list[Volume]()
    left: list[str] = []  # pods of earlier rounds that may still run
    for number in range(1, run.plan.rounds + 1):
        if number > 1 and volumes.is_stopped(run, owner):
            known.warnings.append("somebody deleted the run's ConfigMap: no more rounds were begun")
            break
        if number == 1 or not run.plan.pvc:
            node = benchmark.node_of(nodes, run.plan, number)
            order = benchmark.shuffled(subjects, run.plan, f"{number} provision")
            made = _provisioned(part, number, provision.tied_first(order), node)
            ready = _laid_out(part, number, made)
        _fail_cells(part, number)
        _measure(part, number, ready, [*left, *(one.left for one in made if one.left)])
        stay = [] if run.plan.pvc else _removed(part, number)
        left += [one.left for one in made if one.left and one.pvc in stay]
    if run.plan.pvc and ready:
        known.step = "remove the folder on the PVC"
        removal.remove_folder(run, owner, ready[0])


class _Part(NamedTuple):
    """What each step of a round needs; `keep` takes a row of `fio`, its seconds and its node's."""

    run: Run
    owner: list[Obj]
    known: Record
    report: Report
    keep: Callable[[dict[str, Any], Rows, Rows], None]

    def begin(self, name: str, what: str, number: int) -> str:
        """Say that a step of a round begins; its name."""
        self.known.step = f"{what} {name}, round {number}"
        self.report(Progress(self.run.run_id, f"{name} · {what} · round {number}"))
        return self.known.step


def _provisioned(
    part: _Part, number: int, subjects: list[Subject], node: str | None
) -> list[Volume]:
    """The volumes of a round that came; the others are rows with an error.

    All are on the first one's node, where they can be there: that is the round's, or where an
    Immediate class put it.
    """
    came, known = list[Volume](), part.known
    for subject in subjects:
        of = part.begin(subject.name, "provision", number)
        try:
            volume = step(provision.provision, of)(part.run, part.owner, subject, number, node)
        except VolumeFailed as error:
            known.volumes.append(error.row)
            with suppress(ClusterError):  # the round's end tries again, and says so
                removal.end_pods(part.run, error.row["pvc"])  # it might start beside a measurement
            continue
        known.volumes.append(volume.row)
        came.append(volume)
        node = came[0].node
    return came


def _laid_out(part: _Part, number: int, made: list[Volume]) -> list[Volume]:
    """Those of the volumes whose files could be written full; the rows of the others say why."""
    for volume in made:
        part.known.step = f"lay out {volume.storage_class}, round {number}"
        with suppress(VolumeFailed):
            step(volumes.lay_out, part.known.step)(part.run, part.owner, volume, part.report)
    return [volume for volume in made if not volume.row.get("error")]


def _fail_cells(part: _Part, number: int) -> None:
    """Keep a failed cell for each job on a volume that cannot be used."""
    for row in part.known.volumes:
        if row.get("error") and row["round"] in (number, None):
            for failed in benchmark.failed_cells(part.run, row, number):
                part.keep(failed, [], [])


def _measure(part: _Part, number: int, ready: list[Volume], beside: list[str]) -> None:
    """Every turn of a round; `beside` says which other pods may run meanwhile."""
    run, known = part.run, part.known
    first = 1 + sum("sequence" in row for row in known.fio)  # that ran
    for turn in benchmark.turns(run, ready, number, first, known.cells_planned):
        known.step = f"fio on {turn.volume.storage_class}, round {number}"
        others = [words for words in beside if words != turn.volume.left]
        step(benchmark.measure, known.step)(
            run, part.owner, turn, part.report, part.keep, beside=others
        )


def _removed(part: _Part, number: int) -> list[str]:
    """End the volumes of a round, so that there are never two of a class; the PVCs that stay."""
    stay = []
    for row in part.known.volumes:
        if row["round"] == number:
            of = part.begin(row["storage_class"], "delete", number)
            if note := step(removal.remove, of)(part.run, row):
                part.known.warnings.append(note)
                stay.append(row["pvc"])
    return stay
