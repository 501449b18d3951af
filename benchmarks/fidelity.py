"""What stormark's way costs fio: fio through stormark ÷ the same fio run directly.

    python -m benchmarks.fidelity plan.yaml --folder FOLDER

FOLDER is the class's own folder on the node that the plan selects: with a testbed's local-path,
nodes/w1/opt/local-path-provisioner in its state folder. Both ways use the same file of the same
volume: from one new file to the next, a disk can differ more than the two ways do.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from prefect import flow
from prefect.client.schemas.objects import State

from benchmarks import paired
from flows.steps import carry_out, step
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.progress import Report
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run
from tasks.plan.job_file import Workload
from tasks.provision import bench_pod, provision, volumes
from tasks.results.fio_columns import FioRow
from tasks.speed import benchmark


def main(
    plan: Annotated[Path, typer.Argument(help="Plan of one class and one round.")],
    folder: Annotated[Path, typer.Option(help="The class's folder, where fio runs directly.")],
    rounds: Annotated[int, typer.Option(min=2, help="How often each way is taken.")] = 5,
) -> None:
    """Take both ways by turns on one volume, and print the ratio of their figures."""
    chosen, workload = paired.workload(plan)

    def by_turns(
        run: Run, owner: list[Obj], storage_classes: list[Obj], _known: Record, report: Report
    ) -> None:
        bench_pod.create_job_files(run, owner)
        (subject,) = provision.subjects(run.plan, storage_classes)
        volume = provision.provision(run, owner, subject, 1, None)
        volumes.lay_out(run, owner, volume, report)

        def through_stormark() -> paired.IOPS:
            rows: list[FioRow] = []
            for turn in benchmark.turns(run, [volume], 1, 1, len(workload.jobs)):
                step(benchmark.measure, "measure")(
                    run, owner, turn, report, lambda row, *_: rows.append(row)
                )
            return {row.job: row.iops or 0.0 for row in rows}

        laid_out = next(folder.glob(f"*{volume.pvc}*"), None)
        if laid_out is None:
            raise SystemExit(
                f"{folder} holds no folder of PVC {volume.pvc}: give the folder in which "
                f"{volume.storage_class} makes volumes on node {volume.node}"
            )
        paired.print_ratios(
            rounds,
            ("stormark", "directly"),
            through_stormark,
            lambda: directly(laid_out, workload, volume.engine),
        )

    @flow(name="fidelity", persist_result=False)
    def fidelity() -> State:
        with tempfile.TemporaryDirectory() as results:
            return carry_out(
                "benchmark", chosen.model_copy(update={"results": results}), [by_turns]
            )

    fidelity()


def directly(volume: Path, workload: Workload, engine: str) -> paired.IOPS:
    """Run the job file on the files of a volume that stormark's pod has laid out."""
    with tempfile.TemporaryDirectory() as here:
        Path(here, "volume").symlink_to(volume)
        Path(here, "job.fio").write_text(workload.text)
        ended = subprocess.run(
            ["fio", "--output-format=json", "job.fio"],
            cwd=here,
            env=os.environ | {"STORMARK_ENGINE": engine},
            check=True,
            capture_output=True,
            text=True,
        )
    return paired.of_output(ended.stdout, workload)


if __name__ == "__main__":
    typer.run(main)
