"""The process between the kubelet and a container: it stands for the container's PID namespace.

Run as `python -I -S guard.py COMMAND...`, with a pipe from the kubelet as standard input. It
starts the command and stays until every process that came of it has ended, as the kernel
does for a PID namespace: when the first process ends, when the kubelet writes KILL, and when
the pipe closes because the kubelet is gone. TERM reaches the first process only if it has a
handler for it, as for PID 1 of a namespace (pid_namespaces(7)). The exit status is the first
process's, 128 + n after signal n.

It imports nothing of the package, to start in a few milliseconds.
"""

import ctypes
import os
import select
import signal
import sys
from pathlib import Path

TERM, KILL = b"T", b"K"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process; OSError when the kernel refuses."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl option {option}")


def main(command: list[str]) -> int:
    """Run the command to the end of its last process; return its exit status."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans of the command become children of this process
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    first = start(command)
    status = None
    while status is None:
        ready, _, _ = select.select([0, awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            status = reap(first)
        if 0 in ready and status is None:
            order = os.read(0, 1)
            if order == TERM and catches_term(first):
                os.kill(first, signal.SIGTERM)
            if order in (KILL, b""):
                os.kill(first, signal.SIGKILL)
                _, status = os.waitpid(first, 0)
    end_all_children()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def start(command: list[str]) -> int:
    """Start the command in a session of its own, with an empty standard input."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)  # noqa: S606 - running a container's command is the point
    except OSError as error:
        print(f"exec: {command[0]!r}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(127)


def reap(first: int) -> int | None:
    """Collect whoever has ended; the first process's wait status once it is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == first:
            return status
        if pid == 0:
            return None


def catches_term(pid: int) -> bool:
    """Whether the process has a handler for SIGTERM, from the mask SigCgt in /proc."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) & 1 << (signal.SIGTERM - 1))
    return False


def end_all_children() -> None:
    """Kill children until none is left: the orphans of each become children here."""
    while True:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children() -> list[int]:
    """The processes whose parent is this one."""
    mine = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended in between
        if parent == mine:
            found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
