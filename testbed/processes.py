"""The processes of a testbed, known by a mark in their environment, which descendants inherit.

No file remembers them: /proc tells which run, also after a crash of the command that started them.
"""

import os
import select
import signal
import subprocess
from pathlib import Path

from . import state
from .shell import MARK, environment
from .state import Failed

_IN_EXEC = (True, 0, 0)  # it has new memory, and its environment is not there yet


def start(name: str, *command: str | Path) -> None:
    """Start a process in a session of its own, its output in log/NAME, unless it runs already."""
    if name in running():
        return
    state.LOG.mkdir(parents=True, exist_ok=True)
    line = ["setsid", "--fork", *map(str, command)]
    with (state.LOG / name).open("ab") as log:
        subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(name),
            check=True,
        )


def running() -> dict[str, int]:
    """PID by name of the processes that `start` has started and that live.

    Their descendants carry the mark too: the first of a name is the one whose parent does not.
    """
    pids = _pids()
    return {name: pid for pid, name in pids.items() if _parent(pid) not in pids}


def kill(pid: int, name: str, *, seconds: float = 30) -> None:
    """SIGKILL a marked process and wait for its end; one that has ended already is fine."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if _mark_of(pid) == name:  # the PID may be another process's by now
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            _wait(handle, pid, name, seconds)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def wait_for_end(pid: int, name: str, *, seconds: float = 30) -> None:
    """Wait for the end of a process; raises Failed if it takes longer."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        _wait(handle, pid, name, seconds)
    finally:
        os.close(handle)


def kill_all() -> None:
    """SIGKILL every process with the mark, until there is none."""
    while pids := _pids():
        for pid, name in pids.items():
            kill(pid, name)


def child(pid: int) -> int | None:
    """The first child of a process; None if it has none, or has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(children[0]) if children else None


def _wait(handle: int, pid: int, name: str, seconds: float) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)  # readable once the process has ended
    if not poll.poll(seconds * 1000):
        raise Failed(
            f"process {pid} ({name}) has not ended {seconds:.0f} s after SIGKILL; "
            f"`cat /proc/{pid}/stack` shows what holds it in the kernel"
        )


def _pids() -> dict[int, str]:
    found = {int(folder.name): folder for folder in Path("/proc").glob("[0-9]*")}
    return {pid: name for pid in sorted(found) if (name := _mark_of(pid)) is not None}


def _mark_of(pid: int) -> str | None:
    """The name in a live process's mark; None if it has none, or has one of another testbed."""
    try:
        variables = _environment(pid).split(b"\0")
    except OSError:  # it has ended, or is another user's
        return None
    prefix = f"{MARK}={state.FOLDER}:".encode()
    for variable in variables:
        if variable.startswith(prefix):
            return variable.removeprefix(prefix).decode()
    return None


def _environment(pid: int) -> bytes:
    """A process's environment; in the middle of an exec none is to be seen, so it is read again.

    It is believed to be empty if no exec was under way, nor began or ended between two looks.
    """
    before = None
    while not (variables := Path(f"/proc/{pid}/environ").read_bytes()):
        now = _memory(pid)
        if now == before and now != _IN_EXEC:
            break
        before = now
    return variables


def _memory(pid: int) -> tuple[bool, int, int]:
    """Whether a process has memory (kernel threads and the dead have none), env_start, env_end."""
    fields = _stat(pid)
    return fields[20] != "0", int(fields[47]), int(fields[48])


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _stat(pid: int) -> list[str]:
    """What /proc/PID/stat says, from its third field on: see proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
