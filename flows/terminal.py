"""A flow in a person's terminal: where it is, and Ctrl-C or SIGTERM that end it in order."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from flows.benchmark import compare
from flows.nightly import nightly
from flows.storms import survive
from tasks.lifecycle.progress import Progress, Report, listener
from tasks.plan.plan import Plan

ENDING = (signal.SIGINT, signal.SIGTERM)
# What was signalled while it was blocked is dropped where it is ignored for a moment. From then on
# the parent's end, however it comes, is a SIGTERM (PR_SET_PDEATHSIG of prctl, on Linux alone).
FORGET = """
import ctypes, os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""
BARS = "▁▂▃▄▅▆▇█"
SHOWN = 20  # seconds, or however often fio says how fast it is
FLOWS = {"benchmark": compare, "storms": survive, "nightly": nightly}


def run(flow: str, plan: Plan, report: Report) -> State:
    """Run a flow to its end and tell `report` where it is.

    Raises KeyboardInterrupt on Ctrl-C and on SIGTERM, after the flow has cleaned up.
    """
    with _signals_kept_from_children(), get_client(sync_client=True):
        pass  # where no Prefect server is configured, this starts one
    listener.set(report)
    # nobody waits for the heartbeat of a run in a terminal, and its thread ends a second late
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        return FLOWS[flow](plan, return_state=True)


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """Processes that start meanwhile get sessions of their own; Ctrl-C and SIGTERM wait until then.

    A terminal, `timeout` and systemd signal a whole process group, and without Prefect's server no
    flow comes to its end. Afterwards both signals are a KeyboardInterrupt.
    """
    heard: list[int] = []
    popen = subprocess.Popen
    subprocess.Popen = partial(_apart, popen)  # type: ignore[assignment,misc]
    for number in ENDING:
        signal.signal(number, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        subprocess.Popen = popen  # type: ignore[misc]
        for number in ENDING:
            signal.signal(number, _interrupt)
    if heard:
        raise KeyboardInterrupt


def _apart(
    popen: Callable[..., "subprocess.Popen[bytes]"], args: list[str], **more: object
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own that no signal to this one's group reaches.

    One that comes between fork and setsid would: so it is blocked, and forgotten by FORGET. Where
    this process is killed, that one ends as well.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        program = [sys.executable, "-I", "-S", "-c", FORGET, str(os.getpid()), *args]
        return popen(program, start_new_session=True, **more)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def view(console: Console) -> Iterator[Report]:
    """A live line with a bar in a terminal; a line for each step elsewhere."""
    if not console.is_terminal:
        yield _lines(console)
        return
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
    )
    task = bar.add_task("starting", total=None, speed="")
    step, rates = "", deque[float](maxlen=SHOWN)

    def show(progress: Progress) -> None:
        nonlocal step
        if progress.step != step:
            step = progress.step
            rates.clear()
        if progress.iops is not None:
            rates.append(progress.iops)
        bar.update(
            task,
            description=progress.step,
            completed=max(0, progress.cell - 1),
            total=progress.cells or None,
            speed=f"{_speed(progress)} {sparkline(rates)}".rstrip(),
        )

    with Live(bar, console=console, transient=True):
        yield show


def _lines(console: Console) -> Report:
    last = ""

    def show(progress: Progress) -> None:
        nonlocal last
        if progress.step != last:
            last = progress.step
            cell = f"[{progress.cell}/{progress.cells}] " if progress.cells else ""
            console.print(f"{cell}{progress.step}", markup=False, highlight=False, soft_wrap=True)

    return show


def _speed(progress: Progress) -> str:
    left = f"{progress.seconds_left:.0f} s left " if progress.seconds_left is not None else ""
    if progress.iops is None or progress.bytes_per_second is None:
        return left
    return f"{left}{progress.iops:,.0f} IOPS {progress.bytes_per_second / 2**20:,.0f} MiB/s"


def sparkline(values: Sequence[float]) -> str:
    """A bar a value, from 0 to the highest of them: a stall is a gap that a mean would hide."""
    highest = max(values, default=0.0) or 1.0
    return "".join(BARS[round(value / highest * (len(BARS) - 1))] for value in values)
