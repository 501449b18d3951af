"""Flow processes that all report to one Prefect server at once."""

import subprocess
import sys

from prefect import flow, task
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.up import ROOT, Place


@task
def one(number: int) -> int:
    """A task that does nothing: what remains is what is written of it."""
    return number


@flow
def busy(tasks: int) -> None:
    """That many task runs at once."""
    one.map(range(tasks)).result()


def run_at_once(here: Place, processes: int, tasks: int) -> list[str]:
    """Run `busy` in that many processes at once; what each has printed that did not end well."""
    command = [sys.executable, "-m", "tests.flows.busy", str(tasks)]
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=here.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(processes)
    ]
    printed = [process.communicate()[0] for process in started]
    return [text for process, text in zip(started, printed, strict=True) if process.returncode]


if __name__ == "__main__":
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        busy(int(sys.argv[1]))
