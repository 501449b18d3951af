"""A container: a guarded process tree with a root folder, an environment and a log."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from . import guard
from .objects import Object, name_of, namespace_of, uid_of

CHUNK = 65536


class StartError(Exception):
    """The command cannot be started; the message is the runtime's."""


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

    def _stamp(self) -> bytes:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode()

    def _append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self._announce()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Container:
    """A running container; `ended` holds its exit code when all its processes have ended."""

    def __init__(self, process: asyncio.subprocess.Process, log: Log) -> None:
        self.log = log
        self._process = process
        self.ended = asyncio.create_task(self._run())

    async def _run(self) -> int:
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(CHUNK):
            self.log.write(data)
        self.log.close()
        return await self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM to the first process, if it handles it."""
        self._order(guard.TERM)

    def kill(self) -> None:
        """End every process of the container at once."""
        self._order(guard.KILL)

    def _order(self, order: bytes) -> None:
        assert self._process.stdin is not None
        if not self.ended.done() and not self._process.stdin.is_closing():
            self._process.stdin.write(order)


async def start(pod: Object, container: Object, root: Path, log: Log, node: str) -> Container:
    """Run the container's command below its root folder; StartError when it cannot be."""
    variables = environment(pod, container, root, node)
    folder = root / (container.get("workingDir") or "/").lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    command = [*(container.get("command") or []), *(container.get("args") or [])]
    command = [expand(word, variables) for word in command]
    program = command[0] if "/" not in command[0] else str(folder / command[0])
    if shutil.which(program, path=variables["PATH"]) is None:
        raise StartError(
            "failed to create containerd task: failed to create shim task: OCI runtime create "
            "failed: runc create failed: unable to start container process: exec: "
            f'"{command[0]}": executable file not found in $PATH: unknown'
        )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", guard.__file__, *command,
        cwd=folder,
        env=variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    return Container(process, log)


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
