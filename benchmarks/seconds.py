"""What fio's logs of each second cost an I/O, where nothing else is in its way: no storage at all.

python -m benchmarks.seconds
"""

import json
import resource
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

LOG = "log"
# As manifests/fio.sh asks for them, up to an hour and above.
LOGS = {
    "none": [],
    "with histograms": [
        f"--write_iops_log={LOG}", f"--write_bw_log={LOG}", "--log_avg_msec=1000",
        f"--write_hist_log={LOG}", "--log_hist_msec=1000", "--log_hist_coarseness=1",
    ],
    "with means": [
        f"--write_iops_log={LOG}", f"--write_bw_log={LOG}", "--log_avg_msec=1000",
        f"--write_lat_log={LOG}",
    ],
}  # fmt: skip
JOB = ["--name=a", "--ioengine=null", "--size=16g", "--bs=4k", "--rw=randread", "--iodepth=64"]


def main(rounds: Annotated[int, typer.Option(min=2, help="How often each is taken.")] = 7) -> None:
    """Take all by turns, and print the CPU time that an I/O takes."""
    taken: dict[str, list[float]] = {name: [] for name in LOGS}
    for number in range(rounds):
        for name in list(LOGS) if number % 2 == 0 else list(LOGS)[::-1]:
            taken[name].append(_cpu_ns(LOGS[name]))
    for name, several in taken.items():
        print(f"{name}: {median(several):.0f} ns, at least {min(several):.0f}")


def _cpu_ns(logs: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = ["fio", *logs, "--norandommap", "--output=o", "--output-format=json+", *JOB]
        subprocess.run(command, check=True, cwd=folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        (job,) = json.loads(Path(folder, "o").read_text())["jobs"]
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return float(seconds / job["read"]["total_ios"] * 1e9)


if __name__ == "__main__":
    typer.run(main)
