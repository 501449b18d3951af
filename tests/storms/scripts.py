"""The scripts of a storm, run by the shells that images have, in folders as their pods see them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from tasks.kubernetes.manifest import FOLDER

SHELLS = [["dash"], ["busybox", "sh"]]
DEADLINE_SECONDS = 120.0
MOST_LINES = 500


class Writer(NamedTuple):
    """A writer that runs."""

    process: subprocess.Popen[str]
    output: IO[str]

    def until(self, words: str) -> list[str]:
        """The lines up to the first that starts with these words; an assertion if none does."""
        lines = []
        for line in islice(self.output, MOST_LINES):
            lines.append(line.rstrip("\n"))
            if line.startswith(words):
                return lines
        raise AssertionError(f"the writer did not say {words!r} but {lines[-3:]}")

    def end(self, number: int = signal.SIGTERM) -> list[str]:
        """Send a signal; the lines until its end."""
        self.process.send_signal(number)
        lines = self.output.read().splitlines()
        self.process.wait(DEADLINE_SECONDS)
        return lines


class Place(NamedTuple):
    """A volume in a folder of the test's, and the shell of the image."""

    folder: Path
    shell: list[str]

    @property
    def written(self) -> Path:
        return self.folder / "volume" / "stormark"

    @contextmanager
    def writer(self, pod: str, interval: float = 0.005) -> Iterator[Writer]:
        """Run manifests/writer.sh as the pod's; killed at the end if it still runs."""
        scratch = self.folder / "scratch"
        scratch.unlink(missing_ok=True)
        scratch.symlink_to(self.folder / f"scratch-{pod}")
        scratch.resolve().mkdir(exist_ok=True)
        environment = {**self.environment, "STORMARK_POD": pod, "STORMARK_INTERVAL": f"{interval}"}
        with subprocess.Popen(
            [*self.shell, "stormark/writer.sh"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                yield Writer(process, process.stdout)
            finally:
                process.kill()

    def write(self, pod: str, records: int) -> list[str]:
        """Let a writer make some records and end; all its lines."""
        with self.writer(pod) as writer:
            lines = writer.until("start")
            for _ in range(records):
                lines += writer.until("ack")
            return lines + writer.end()

    def read(self) -> list[str]:
        """The lines of manifests/reader.sh, as a log has them."""
        ended = subprocess.run(
            [*self.shell, "stormark/reader.sh"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=DEADLINE_SECONDS,
        )
        return ended.stdout.splitlines()

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}


def make_place(folder: Path, shell: list[str]) -> Place:
    assert shutil.which(shell[0]), f"this test needs {shell[0]}: apt-get install {shell[0]}"
    for name in ("bin", "stormark", "volume"):
        (folder / name).mkdir()
    for script in ("writer.sh", "reader.sh"):
        shutil.copy(FOLDER / script, folder / "stormark")
    return Place(folder, shell)


def acknowledged(lines: list[str]) -> list[int]:
    """The numbers that a writer acknowledged."""
    return [int(line.removeprefix("ack ")) for line in lines if line.startswith("ack ")]
