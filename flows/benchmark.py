"""The flow that compares the speed of StorageClasses, without storms."""

from contextlib import suppress
from typing import Any

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

    def keep(row: dict[str, Any]) -> None:
        with known.changing:
            known.fio.append(row)
        record.save_so_far(known, warn)
        ended(len(known.fio))

    ready: list[Volume] = []
    made: list[Volume] = []  # those of ready, and what could not be laid out
    left: list[str] = []  # pods of earlier rounds that may still run
    cell = 1
    for number in range(1, run.plan.rounds + 1):
        if number > 1 and volumes.is_stopped(run, owner):
            known.warnings.append("somebody deleted the run's ConfigMap: no more rounds were begun")
            break
        if number == 1 or not run.plan.pvc:
            node = benchmark.node_of(nodes, run.plan, number)
            order = benchmark.shuffled(subjects, run.plan, f"{number} provision")
            ready = _provisioned(run, owner, order, known, report, number=number, node=node)
            for volume in ready:
                known.step = f"lay out {volume.storage_class}, round {number}"
                with suppress(VolumeFailed):  # its row says why
                    step(volumes.lay_out, known.step)(run, owner, volume, report)
            made, ready = ready, [volume for volume in ready if not volume.row.get("error")]
        for row in known.volumes:
            if row.get("error") and row["round"] in (number, None):
                for failed in benchmark.failed_cells(run, row, number):
                    keep(failed)
        for turn in benchmark.turns(run, ready, number, cell, known.cells_planned):
            known.step = f"fio on {turn.volume.storage_class}, round {number}"
            others = [v.left for v in made if v.left and v is not turn.volume]
            step(benchmark.measure, known.step)(
                run, owner, turn, report, keep, beside=left + others
            )
        cell += len(ready) * len(run.workload.jobs)
        stay = [] if run.plan.pvc else _remove(run, known, report, number)
        left += [volume.left for volume in made if volume.left and volume.pvc in stay]
    if run.plan.pvc and ready:
        known.step = "remove the folder on the PVC"
        removal.remove_folder(run, owner, ready[0])


def _provisioned(
    run: Run,
    owner: list[Obj],
    subjects: list[Subject],
    known: Record,
    report: Report,
    *,
    number: int,
    node: str | None,
) -> list[Volume]:
    """The volumes of a round that can be used; the others are rows with an error."""
    ready = []
    for subject in subjects:
        known.step = f"provision {subject.name}, round {number}"
        report(Progress(run.run_id, f"{subject.name} · provision · round {number}"))
        try:
            volume = step(provision.provision, known.step)(run, owner, subject, number, node)
        except VolumeFailed as error:
            known.volumes.append(error.row)
            with suppress(ClusterError):  # the round's end tries again, and says so
                removal.end_pods(run, error.row["pvc"])  # it might start beside a measurement
            continue
        known.volumes.append(volume.row)
        ready.append(volume)
        node = volume.node  # where the round's own cannot be, all take the first one's
    return ready


def _remove(run: Run, known: Record, report: Report, number: int) -> list[str]:
    """End the volumes of a round, so that there are never two of a class; the PVCs that stay."""
    stay = []
    for row in known.volumes:
        if row["round"] != number:
            continue
        known.step = f"delete the volume of {row['storage_class']}, round {number}"
        report(Progress(run.run_id, f"{row['storage_class']} · delete · round {number}"))
        if note := step(removal.remove, known.step)(run, row):
            known.warnings.append(note)
            stay.append(row["pvc"])
    return stay
