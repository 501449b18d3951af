"""What the sampler of `node_seconds` costs: fio with it beside ÷ without, and its share of a core.

    python -m benchmarks.sampling FOLDER --rounds 7

FOLDER is on the device to look at; in memory nothing but the CPU is in the way. docs/benchmarks.md
has the figures.
"""

import base64
import gzip
import subprocess
import tempfile
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer

from benchmarks.paired import DIRECTLY, IOPS, print_ratios
from tasks.plan.job_file import Job
from tasks.speed import fio_output, node_samples

SCRIPT = Path(__file__).parents[1] / "manifests" / "sample.sh"
JOBS = {"read_4k": "randread", "write_4k": "randwrite"}


def main(
    folder: Annotated[Path, typer.Argument(help="Where fio has its file, of 64 MiB.")],
    rounds: Annotated[int, typer.Option(help="Of both ways, by turns.")] = 7,
    seconds: Annotated[int, typer.Option(help="Of fio, each time.")] = 10,
) -> None:
    """Print the IOPS of both ways, their ratio, and what of a core the sampler took."""
    shares: list[float] = []

    def alone() -> IOPS:
        return {name: _iops(name, folder, seconds) for name in JOBS}

    def sampled() -> IOPS:
        return {name: _beside(name, folder, seconds, shares) for name in JOBS}

    print_ratios(rounds, ("sampled", "alone"), sampled, alone)
    print(f"the sampler took {mean(shares):.2f} % of a core, {max(shares):.2f} % at the most")


def _iops(name: str, folder: Path, seconds: int) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as here:
        command = [
            "fio", f"--name={name}", f"--rw={JOBS[name]}", "--bs=4k", "--size=64m",
            "--ioengine=psync", "--time_based", f"--runtime={seconds}", "--output-format=json",
            "--filename=file",
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=here, check=True, capture_output=True, text=True)
        job = Job(name, {"rw": JOBS[name]}, {})
        return fio_output.rows(ended.stdout, [job], DIRECTLY)[name].iops or 0.0


def _beside(name: str, folder: Path, seconds: int, shares: list[float]) -> float:
    """The same with the sampler beside it, whose share of a core becomes one of `shares`."""
    with tempfile.TemporaryDirectory() as there:
        words = ["sampled=$1", f"sampled_to={there}/ended", f". {SCRIPT}"]
        command = ["sh", "-c", "\n".join(words), "sh", str(folder.resolve())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as beside:
            iops = _iops(name, folder, seconds)
            Path(there, "ended").touch()
            beside.terminate()
            said, _ = beside.communicate()
        found = node_samples.samples(base64.b64encode(gzip.compress(said)).decode())
        if found is None:
            raise SystemExit(f"the sampler said nothing that can be read: {said[-300:]!r}")
        shares.append(100 * found.cpu_seconds / float(found.at[-1] - found.at[0]))
        return iops


if __name__ == "__main__":
    typer.run(main)
