"""What stormark's way costs fio: fio through stormark ÷ the same fio run directly.

    python -m benchmarks.fidelity plan.yaml --folder FOLDER

FOLDER is the class's own folder on the node that the plan selects: with a testbed's local-path,
nodes/w1/opt/local-path-provisioner in its state folder.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import paired


def main(
    plan: Annotated[Path, typer.Argument(help="Plan of one class and one repeat.")],
    folder: Annotated[Path, typer.Option(help="Where fio runs directly.")],
    rounds: Annotated[int, typer.Option(min=2, help="How often each way is taken.")] = 5,
) -> None:
    """Take both ways by turns, and print the ratio of their figures."""
    _, workload = paired.workload(plan)

    def directly() -> paired.IOPS:
        with tempfile.TemporaryDirectory(dir=folder) as here:
            Path(here, "volume").mkdir()
            for file, size in workload.layout.items():
                layout = ["--name=layout", f"--filename={file}", f"--size={size}"]
                fio(here, *layout, "--rw=write", "--bs=1M", "--direct=1", "--end_fsync=1")
            Path(here, "job.fio").write_text(workload.text)
            return paired.of_output(fio(here, "job.fio"), workload)

    paired.print_ratios(
        rounds, ("stormark", "directly"), lambda: paired.through_stormark(plan), directly
    )


def fio(here: str, *arguments: str) -> str:
    """Run fio in a folder, with the engine that stormark tries first; its JSON."""
    ended = subprocess.run(
        ["fio", "--output-format=json", *arguments],
        cwd=here,
        env=os.environ | {"STORMARK_ENGINE": "libaio"},
        check=True,
        capture_output=True,
        text=True,
    )
    return ended.stdout


if __name__ == "__main__":
    typer.run(main)
