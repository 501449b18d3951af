"""Start and stop the embedded cluster from Python."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 20.0


class EmbeddedError(RuntimeError):
    """The embedded cluster did not start, or did not end."""


@contextmanager
def running(folder: Path | None = None, *, module: str = "embedded") -> Iterator[Path]:
    """Run an embedded cluster; yields the path of its kubeconfig (context: embedded).

    `folder` is where its volumes live, made and removed; by default one in
    /var/tmp, because fio must measure a disk. `module` is what runs it; tests have one of
    their own, which breaks calls.
    EmbeddedError when it does not start or end.
    """
    command = [sys.executable, "-m", module, *(["--folder", str(folder)] if folder else [])]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal is for the caller, who may still clean up
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            kubeconfig = process.stdout.readline().strip()
            if not kubeconfig:
                raise EmbeddedError(
                    f"embedded cluster: {' '.join(command)} ended with status {process.wait()} "
                    "before it was ready; see its messages above"
                )
            yield Path(kubeconfig)
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()  # its containers end with it, the next cluster removes its folder
                raise EmbeddedError(
                    f"embedded cluster: it did not end within {STOP_SECONDS:.0f} s and was killed; "
                    "the next one removes its folder"
                ) from None
