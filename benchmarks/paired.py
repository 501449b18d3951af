"""Two ways to run the same fio job file, by turns: their figures, and the ratio of each round."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import yaml
from rich.console import Console
from rich.table import Table

from reports.data.stats import bounds, paired
from tasks.plan import job_file
from tasks.plan.job_file import Workload
from tasks.plan.plan import Plan
from tasks.results.fio_columns import FioRow
from tasks.speed import fio_output

# In whose name fio is run without stormark.
DIRECTLY = FioRow(
    storage_class="", pvc="", job="", round=None, repeat=1, profile="custom", status="measured"
)
IOPS = dict[str, float]  # by job, reads and writes together


def workload(plan: Path) -> tuple[Plan, Workload]:
    """A plan of one class and one round, and the job file that stormark makes of it."""
    chosen = Plan.model_validate(yaml.safe_load(plan.read_text()))
    if len(chosen.storage_classes) != 1 or chosen.rounds != 1:
        raise SystemExit(f"plan {plan}: one storage class and `rounds: 1`, please")
    return chosen, job_file.prepare(chosen)


def through_stormark(plan: Path) -> IOPS:
    """What `stormark run` measures."""
    with tempfile.TemporaryDirectory() as results:
        command = [str(Path(sys.executable).with_name("stormark")), "run", "--flow", "benchmark"]
        subprocess.run(
            [*command, "--plan", str(plan), "--results", results],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (file,) = Path(results, "fio").rglob("*.parquet")
        return {row["job"]: row["iops"] for row in pq.read_table(file).to_pylist()}


def of_output(text: str, jobs: Workload) -> IOPS:
    """The figures in fio's JSON of a run of the whole file."""
    rows = fio_output.rows(text, jobs.jobs, DIRECTLY)
    return {name: row.iops or 0.0 for name, row in rows.items()}


def print_ratios(
    rounds: int, names: tuple[str, str], first: Callable[[], IOPS], second: Callable[[], IOPS]
) -> None:
    """Take both by turns, and print the means of both and of first ÷ second, with intervals."""
    pairs = []
    for number in range(rounds):
        # the one that begins changes: what drifts favours neither
        both = (first(), second()) if number % 2 == 0 else (second(), first())[::-1]
        pairs.append(both)
    table = Table("job", *(f"{name}, IOPS" for name in names), f"{names[0]} ÷ {names[1]}")
    for job in pairs[0][0]:
        ours, theirs = ([pair[way][job] for pair in pairs] for way in (0, 1))
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        table.add_row(job, _spread(ours, ",.0f"), _spread(theirs, ",.0f"), _spread(ratios, ".3f"))
    table.caption = f"geometric means of {rounds} rounds by turns, with their 95 % intervals"
    Console().print(table)


def _spread(values: list[float], form: str) -> str:
    if len(values) < 2:
        return f"{values[0]:{form}}"
    mean = paired(np.log(values))
    low, high = np.exp(bounds(mean))
    return f"{np.exp(mean.log):{form}} [{low:{form}} – {high:{form}}]"
