"""What becomes of fio's own example job files: measured, or refused and why.

    python -m benchmarks.examples FOLDER

FOLDER is `examples/` of fio's repository. Each file that the machine's fio understands and that
stormark does not refuse runs on class local-path of an embedded cluster, and the same job files by
hand, with fio alone, in a folder on the same disk. Each job runs for --seconds at most, on a volume
of 2Gi, or of --room where the file needs more. With --block, they run on devices of that class of
KUBECONFIG's cluster instead, and nothing runs by hand. Printed is what became of each file, and the
ratio of both ways' IOPS (the median of its jobs).
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pyarrow.parquet as pq
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import paired
from embedded.cluster import running
from flows.benchmark import compare
from tasks.plan import job_text, own_file
from tasks.plan.job_file import Workload
from tasks.plan.plan import IMAGE, Plan, PlanError, VolumeMode
from tasks.speed import fio_output

# What the files have as variables; their figures are nobody's.
ENV = {"SIZE": "64m", "FILESIZE": "64m"}
LIMIT_SECONDS = 300
SMALL = "2Gi"


class Where(NamedTuple):
    """What every file runs on, and for how long."""

    seconds: int
    room: str
    storage_class: str
    volume_mode: VolumeMode
    image: str


def main(  # noqa: PLR0917 - each but the first is an option, given by name
    folder: Annotated[Path, typer.Argument(help="examples/ of fio's repository.")],
    seconds: Annotated[int, typer.Option(help="Longest runtime of a job.")] = 2,
    room: Annotated[str, typer.Option(help="Size of the larger volumes.")] = "24Gi",
    only: Annotated[str, typer.Option(help="Files whose names match, as a glob.")] = "*.fio",
    block: Annotated[str, typer.Option(help="A class whose devices take the files.")] = "",
    image: Annotated[str, typer.Option(help="An image that the cluster has.")] = IMAGE,
) -> None:
    """Run every example both ways, and print what became of it."""
    table = Table("file", "what became of it", "IOPS ÷ by hand", box=box.MARKDOWN)
    where = Where(seconds, room, block or "local-path", "Block" if block else "Filesystem", image)
    with tempfile.TemporaryDirectory() as place, ExitStack() as cluster:
        if not block:
            kubeconfig = cluster.enter_context(running(Path(place, "embedded")))
            os.environ["KUBECONFIG"] = str(kubeconfig)
        for path in sorted(folder.glob(only)):
            became = _tried(path, Path(place), where)
            table.add_row(path.name, *became)
            print(path.name, *became, sep=": ", file=sys.stderr, flush=True)
    Console(width=200).print(table)


def _tried(path: Path, place: Path, where: Where) -> tuple[str, str]:
    """What became of a file, and the ratio of both ways' IOPS."""
    try:
        # a job that would end by itself ends then, too
        text = f"[global]\nruntime={where.seconds}\n{job_text.text_of(path)}"
        words = _parsed(text, place / path.name)
        try:
            plan, workload = _resolved(text, words, where._replace(room=SMALL))
        except PlanError:
            plan, workload = _resolved(text, words, where)
    except PlanError as error:
        return f"refused: {error}", ""
    ours, failed = _through_stormark(plan, place)
    by_hand = where.volume_mode == "Filesystem" and not failed.startswith("refused")
    theirs = _by_hand(workload, place) if by_hand else {}
    hand = "; by hand it fails" if theirs is None else ""
    if failed:
        return f"{failed}{hand}", ""
    ratios = [ours[job] / alone for job, alone in (theirs or {}).items() if alone and job in ours]
    ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
    return f"{len(ours)} measured on {plan.volume_size}{hand}", ratio


def _parsed(text: str, file: Path) -> list[str]:
    """What fio says of each option; PlanError where it cannot read the file."""
    file.write_text(text)
    parsed = subprocess.run(
        ["fio", "--debug=parse", "--parse-only", str(file)],
        capture_output=True,
        check=False,
        env=os.environ | ENV,
        text=True,
        errors="replace",
    )
    if parsed.returncode:
        raise PlanError(f"fio: {parsed.stderr.strip().splitlines()[0]}")
    return parsed.stdout.splitlines()


def _resolved(text: str, parsed: list[str], where: Where) -> tuple[Plan, Workload]:
    plan = Plan(
        fio_file=text,
        fio_env=ENV,
        volume_size=where.room,
        volume_mode=where.volume_mode,
        runtime_seconds=where.seconds,
        ramp_seconds=0,
        storage_classes=[where.storage_class],
        rounds=1,
        image=where.image,
    )
    job_text.check(plan)
    return plan, own_file.resolve(plan, parsed)


def _through_stormark(plan: Plan, place: Path) -> tuple[dict[str, float], str]:
    """IOPS of each job, or what failed."""
    with tempfile.TemporaryDirectory(dir=place) as results:
        ended = compare(plan.model_copy(update={"results": results}), return_state=True)
        rows: list[dict[str, Any]] = [
            row
            for table in Path(results, "fio").rglob("*.parquet")
            for row in pq.read_table(table).to_pylist()
        ]
    errors = [f"{row['job']}: {row['error']}" for row in rows if row["status"] != "measured"]
    if errors or not ended.is_completed():
        return {}, f"{ended.name}: {(errors or [str(ended.message)])[0]}".lower()
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
