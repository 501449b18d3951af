"""What becomes of fio's own example job files: measured, or refused and why.

    python -m benchmarks.examples FOLDER

FOLDER is `examples/` of fio's repository. Each file that the machine's fio understands and that
stormark does not refuse runs on class local-path of an embedded cluster, and the same job files by
hand, with fio alone, in a folder on the same disk. Each job runs for --seconds at most, and no file
may need more than --room. Printed is what became of each file, and the ratio of both
ways' IOPS (the median of its jobs).
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import pyarrow.parquet as pq
import typer
import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import paired
from embedded.cluster import running
from tasks.plan import own_file
from tasks.plan.job_file import Workload
from tasks.plan.plan import Plan, PlanError
from tasks.speed import fio_output

# What the files have as variables; their figures are nobody's.
ENV = {"SIZE": "64m", "FILESIZE": "64m"}
LIMIT_SECONDS = 300


def main(
    folder: Annotated[Path, typer.Argument(help="examples/ of fio's repository.")],
    seconds: Annotated[int, typer.Option(help="Longest runtime of a job.")] = 2,
    room: Annotated[str, typer.Option(help="Size of the volumes.")] = "2Gi",
    only: Annotated[str, typer.Option(help="Files whose names match, as a glob.")] = "*.fio",
) -> None:
    """Run every example both ways, and print what became of it."""
    table = Table("file", "what became of it", "IOPS ÷ by hand", box=box.MARKDOWN)
    with tempfile.TemporaryDirectory() as place, running(Path(place, "embedded")) as kubeconfig:
        os.environ["KUBECONFIG"] = str(kubeconfig)
        for path in sorted(folder.glob(only)):
            became = _tried(path, Path(place), seconds, room)
            table.add_row(path.name, *became)
            print(path.name, *became, sep=": ", file=sys.stderr, flush=True)
    Console(width=200).print(table)


def _tried(path: Path, place: Path, seconds: int, room: str) -> tuple[str, str]:
    try:
        # a job that would end by itself ends then, too
        text = f"[global]\nruntime={seconds}\n{own_file.text_of(path)}"
    except PlanError as error:
        return f"refused: {error}", ""
    limited = place / path.name
    limited.write_text(text)
    parsed = subprocess.run(
        ["fio", "--debug=parse", "--parse-only", str(limited)],
        capture_output=True,
        check=False,
        env=os.environ | ENV,
        text=True,
        errors="replace",
    )
    if parsed.returncode:
        return f"fio: {parsed.stderr.strip().splitlines()[0]}", ""
    try:
        plan = Plan(
            fio_file=text,
            fio_env=ENV,
            volume_size=room,
            runtime_seconds=seconds,
            ramp_seconds=0,
            storage_classes=["local-path"],
            rounds=1,
        )
        own_file.check(plan)
        workload = own_file.resolve(plan, parsed.stdout.splitlines())
    except PlanError as error:
        return f"refused: {error}", ""
    ours, failed = _through_stormark(plan, place)
    if failed:
        return f"failed: {failed}", ""
    theirs = _by_hand(workload, place)
    if theirs is None:
        return f"{len(ours)} measured; by hand it fails", ""
    ratios = [ours[job] / theirs[job] for job in ours if theirs.get(job)]
    return f"{len(ours)} measured", f"{statistics.median(ratios):.2f}" if ratios else ""


def _through_stormark(plan: Plan, place: Path) -> tuple[dict[str, float], str]:
    """IOPS of each job, or what failed."""
    with tempfile.TemporaryDirectory(dir=place) as results:
        file = Path(results, "plan.yaml")
        file.write_text(yaml.safe_dump(plan.model_dump(exclude_defaults=True)))
        command = ["stormark", "run", "--flow", "benchmark", "--plan", str(file)]
        ended = subprocess.run(
            [*command, "--results", results], check=False, capture_output=True, text=True
        )
        rows: list[dict[str, Any]] = [
            row
            for table in Path(results, "fio").rglob("*.parquet")
            for row in pq.read_table(table).to_pylist()
        ]
    errors = [f"{row['job']}: {row['error']}" for row in rows if row["status"] != "measured"]
    if errors or ended.returncode:
        return {}, (errors or [ended.stderr.strip()])[0]
    return {row["job"]: row["iops"] for row in rows}, ""


def _by_hand(workload: Workload, place: Path) -> dict[str, float] | None:
    """The same with fio alone; None where it fails."""
    here = Path(tempfile.mkdtemp(dir=place))
    (here / "volume").mkdir()
    try:
        iops: dict[str, float] = {}
        for name, text in workload.files.items():
            (here / name).write_text(text)
        for name in sorted(workload.files, key=lambda name: name != "layout.fio"):
            ended = subprocess.run(
                ["fio", "--output-format=json", name],
                cwd=here,
                check=False,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
            )
            if ended.returncode:
                return None
            if name != "layout.fio":
                group = workload.groups[int(name.removesuffix(".fio")) - 1]
                rows = fio_output.rows(ended.stdout, group, paired.DIRECTLY)
                iops |= {job: row.iops or 0.0 for job, row in rows.items()}
    except subprocess.TimeoutExpired:
        return None
    else:
        return iops
    finally:
        shutil.rmtree(here)


if __name__ == "__main__":
    typer.run(main)
