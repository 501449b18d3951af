"""The flow that compares the speed of StorageClasses, without storms."""

from collections.abc import Iterator
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State

from flows.artifacts import progress, run_name
from flows.dead import release_now
from flows.steps import carry_out, step
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import record
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan
from tasks.preflight import begin
from tasks.provision import bench_pod, provision, volumes
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
    """Every class in every repeat; what has been measured is on disk after each cell."""
    known.step = "check of image and fio file"
    report(Progress(run.run_id, known.step))
    look = step(begin.image_fio_file_and_nodes, "check image and nodes")
    known.fio_version, run, seen = look(run, owner, storage_classes, known.flow, report)
    known.run, known.checks = run, known.checks + seen
    for note in run.workload.notes:
        report(Progress(run.run_id, f"fio file: {note}"))
    bench_pod.create_job_files(run, owner)
    known.cells_planned = len(storage_classes) * run.plan.repeats * len(run.workload.jobs)

    ended, warn = progress("fio", known.cells_planned), get_run_logger().warning

    def keep(row: dict[str, Any]) -> None:
        with known.changing:
            known.fio.append(row)
        record.save_so_far(known, warn)
        ended(len(known.fio))

    ready: list[Volume] = []
    left: list[str] = []
    with provision.provisioned(run, owner, storage_classes) as coming:
        for storage_class in storage_classes:
            name = storage_class["metadata"]["name"]
            known.step = f"provision {name}"
            report(Progress(run.run_id, f"{name} · provision and lay out"))
            try:
                volume = step(lay_out_next, known.step)(run, owner, coming, report)
            except VolumeFailed as error:
                known.volumes.append(error.row)
                left += [error.left] if error.left else []
                for row in benchmark.failed_cells(run, name, error.row.get("pvc"), str(error)):
                    keep(row)
                continue
            known.volumes.append(volume.row)
            ready.append(volume)
        for turn in benchmark.rounds(ready, run.plan.repeats, len(run.workload.jobs)):
            known.step = f"fio on {turn.volume.storage_class}, repeat {turn.repeat}"
            others = [v.left for v in ready if v.left and v is not turn.volume]
            step(benchmark.measure, known.step)(
                run, owner, turn, report, keep, beside=left + others
            )


def lay_out_next(
    run: Run, owner: list[Obj], coming: Iterator[Volume | VolumeFailed], report: Report
) -> Volume:
    """The next class's volume, when it is there, with its files."""
    volume = next(coming)
    if isinstance(volume, VolumeFailed):
        raise volume
    volumes.lay_out(run, owner, volume, report)
    return volume
