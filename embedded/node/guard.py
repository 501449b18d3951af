"""The process between the kubelet and a container: it stands for the container's PID namespace.

Run as `python -I -S guard.py COMMAND...`, with a socket from the kubelet as standard input. It
starts the command and stays until every process that came of it has ended, as the kernel
does for a PID namespace: when the first process ends, when the kubelet sends KILL, and when
the socket closes because the kubelet is gone. The exit status is the first process's, 128 + n
after signal n.

It imports nothing of the package, to start in a few milliseconds.
"""

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

TERM = b"TERM"
TERM_INIT = b"TERM INIT"  # to PID 1 of a namespace: only a handler gets it (pid_namespaces(7))
KILL = b"KILL"
EXEC = b"EXEC"  # and the words of a command, each after a NUL; with four files, see obey
MAX_ORDER_BYTES = 1 << 17
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
    orders = socket.socket(fileno=0)
    first = start(command, (os.open(os.devnull, os.O_RDONLY), 1, 2))
    reports: dict[int, int] = {}  # process of an EXEC → the file that its exit code is written to
    sources = [awake, orders.fileno()]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if awake in ready:
            os.read(awake, 4096)
            for pid, code in ended():
                if pid == first:
                    end_all_children()
                    return code
                if pid in reports:
                    report(reports.pop(pid), code)
        if orders.fileno() in ready and not obey(orders, first, reports):
            sources.remove(orders.fileno())


def obey(orders: socket.socket, first: int, reports: dict[int, int]) -> bool:
    """Do what the kubelet says next; false when that is to end, and no order can follow.

    The files of EXEC are its standard streams, and the one that its exit code is written to.
    """
    order, files, _, _ = socket.recv_fds(orders, MAX_ORDER_BYTES, 4)
    for file in files:
        os.set_inheritable(file, False)
    if order in (KILL, b""):
        os.kill(first, signal.SIGKILL)
        return False
    if order == TERM or (order == TERM_INIT and catches_term(first)):
        os.kill(first, signal.SIGTERM)
    if order.startswith(EXEC):
        words = [os.fsdecode(word) for word in order.split(b"\0")[1:]]
        reports[start(words, files[:3])] = files[3]
        for file in files[:3]:
            os.close(file)
    return True


def report(file: int, code: int) -> None:
    """Write an exit code, if anybody still waits for it."""
    with contextlib.suppress(BrokenPipeError):
        os.write(file, str(code).encode())
    os.close(file)


def start(command: list[str], streams: Sequence[int]) -> int:
    """Start a command in a session of its own, with these standard streams; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
        os.execvp(command[0], command)  # noqa: S606 - running a container's command is the point
    except OSError as error:
        print(f"exec: {command[0]!r}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(127)


def ended() -> list[tuple[int, int]]:
    """Collect whoever has ended: process ids and exit codes, 128 + n after signal n."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        code = os.waitstatus_to_exitcode(status)
        found.append((pid, code if code >= 0 else 128 - code))


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
