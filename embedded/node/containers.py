"""A container: a guarded process tree with a root folder, an environment and a log."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from embedded.node import guard
from embedded.store.objects import Object, name_of, namespace_of, uid_of

CHUNK = 65536


class StartError(Exception):
    """The command cannot be started; the message is the runtime's."""


@dataclass(frozen=True)
class Where:
    """What a command is looked up by: its working folder and the search path."""

    folder: Path
    path: str

    def check(self, command: list[str]) -> None:
        """StartError, in runc's words, when there is no such program."""
        if not command:
            raise StartError("args must not be empty: unknown")
        program = command[0] if "/" not in command[0] else str(self.folder / command[0])
        if shutil.which(program, path=self.path) is None:
            raise StartError(
                f'unable to start container process: exec: "{command[0]}": executable file not '
                "found in $PATH: unknown"
            )


class Log:
    """The lines a container wrote, each with the time it was read, in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed = False
        self._changed = asyncio.Event()
        self._rest = b""
        path.touch()

    def write(self, data: bytes) -> None:
        """Append the complete lines of what has been read; keep the rest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._append(b"".join(self._stamp() + line + b"\n" for line in lines))

    def close(self) -> None:
        """End the log, with its last line even if no newline ended it."""
        if self._rest:
            self._append(self._stamp() + self._rest)
        self.closed = True
        self._announce()

    async def lines(self, follow: bool) -> AsyncIterator[bytes]:
        """Each stored line: RFC 3339 with nanoseconds, a space, text; to its end if followed."""
        with self.path.open("rb") as file:
            while True:
                changed = self._changed
                while line := file.readline():
                    yield line
                if self.closed or not follow:
                    return
                await changed.wait()

    def count_lines(self) -> int:
        """How many lines there are now."""
        with self.path.open("rb") as file:
            return sum(1 for _ in file)

    def _stamp(self) -> bytes:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode()

    def _append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True)
class Execution:
    """A command that runs beside a container's own: its streams, and that of its exit code."""

    stdin: asyncio.WriteTransport
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    code: asyncio.StreamReader


class Container:
    """A running container; `ended` holds its exit code when all its processes have ended."""

    def __init__(
        self, process: asyncio.subprocess.Process, orders: socket.socket, log: Log, where: Where
    ) -> None:
        self.log = log
        self.where = where
        self._process = process
        self._orders = orders
        self.ended = asyncio.create_task(self._run())

    async def _run(self) -> int:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(CHUNK):
            self.log.write(data)
        self.log.close()
        code = await self._process.wait()
        self._orders.close()
        return code

    def terminate(self, *, shared: bool) -> None:
        """Send SIGTERM to the first process, which is PID 1 unless it shares a namespace.

        A namespace's PID 1 gets only the signals that it has a handler for.
        """
        self._order(guard.TERM if shared else guard.TERM_INIT)

    def kill(self) -> None:
        """End every process of the container at once."""
        self._order(guard.KILL)

    async def execute(self, command: list[str]) -> Execution:
        """Run a command in the container, to end no later than it; StartError when it cannot be."""
        self.where.check(command)
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], *(end for _, end in pipes[1:])]
        order = b"\0".join([guard.EXEC, *map(os.fsencode, command)])
        self._order(order, theirs)
        for end in theirs:
            os.close(end)
        stdin, _ = await asyncio.get_running_loop().connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(pipes[0][1], "wb", 0)
        )
        return Execution(stdin, *[await _reader(end) for end, _ in pipes[1:]])

    def _order(self, order: bytes, files: Sequence[int] = ()) -> None:
        if self._orders.fileno() >= 0:
            with suppress(BrokenPipeError):  # the guard has ended, and `ended` is about to know
                socket.send_fds(self._orders, [order], files)


async def _reader(file: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", 0)
    )
    return reader


async def start(pod: Object, container: Object, root: Path, log: Log, node: str) -> Container:
    """Run the container's command below its root folder; StartError when it cannot be."""
    variables = environment(pod, container, root, node)
    folder = root / (container.get("workingDir") or "/").lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    command = [*(container.get("command") or []), *(container.get("args") or [])]
    command = [expand(word, variables) for word in command]
    where = Where(folder, variables["PATH"])
    try:
        where.check(command)
    except StartError as error:
        raise StartError(
            "failed to create containerd task: failed to create shim task: OCI runtime create "
            f"failed: runc create failed: {error}"
        ) from error
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", guard.__file__, *command,
            cwd=folder,
            env=variables,
            stdin=theirs.fileno(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    return Container(process, ours, log, where)


def environment(pod: Object, container: Object, root: Path, node: str) -> dict[str, str]:
    """The container's variables: the host's PATH, a folder for temporary files, and spec's env."""
    temporary = root / "tmp"
    temporary.mkdir(exist_ok=True)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOSTNAME": name_of(pod),
        "HOME": str(root),
        "TMPDIR": str(temporary),
    }
    for entry in container.get("env") or []:
        source = (entry.get("valueFrom") or {}).get("fieldRef")
        value = field(pod, source["fieldPath"], node) if source else entry.get("value", "")
        variables[entry["name"]] = expand(value, variables)
    return variables


def field(pod: Object, path: str, node: str) -> str:
    """The value of a downward API field; StartError for one that is not offered."""
    values = {
        "metadata.name": name_of(pod),
        "metadata.namespace": namespace_of(pod),
        "metadata.uid": uid_of(pod),
        "spec.nodeName": node,
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    if path not in values:
        raise StartError(f"unsupported fieldPath: {path}")
    return str(values[path])


def expand(text: str, variables: dict[str, str]) -> str:
    """Replace $(NAME) by a variable's value and $$ by $, as Kubernetes does in command and env."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", value, text)
