"""Start and stop the embedded cluster from Python."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 20.0


@contextmanager
def running(folder: Path | None = None) -> Iterator[Path]:
    """Run an embedded cluster; yields the path of its kubeconfig (context: embedded).

    `folder` is where its volumes live, made and removed; by default one in
    /var/tmp, because fio must measure a disk. RuntimeError when the cluster does not start.
    """
    command = [sys.executable, "-m", "embedded", *(["--folder", str(folder)] if folder else [])]
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
                raise RuntimeError(
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
                raise
