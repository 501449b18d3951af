"""Prefect for one person on one machine: server, work pool, deployments and worker."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

ROOT = Path(__file__).parents[1]
# A first start, which makes the database, takes ten seconds on an idle machine.
START_SECONDS = 120.0
STOP_SECONDS = 30.0
Errors = tuple[type[Exception], ...]


class NotUp(Exception):
    """A part of Prefect did not start: the message has its last words."""


class _NotYet(Exception):
    """The server does not answer yet."""


@contextmanager
def serving(port: int, folder: Path) -> Iterator[str]:
    """Serve the deployments of prefect.yaml on 127.0.0.1 for the block; yields the page's address.

    `folder` keeps Prefect's database from one time to the next, and the logs. Raises NotUp.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "PREFECT_HOME": str(folder.resolve()),
        "PREFECT_API_URL": f"{page}/api",
        "PREFECT_SERVER_API_PORT": str(port),  # the page takes it from here
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with _process(folder / "server.log", environment, "server", "start") as server:
        _wait_healthy(page, server, folder / "server.log")
        _command(environment, "work-pool", "create", "stormark", "--type", "process", "--overwrite")
        _command(environment, "--no-prompt", "deploy", "--all")
        with _process(
            folder / "worker.log", environment, "worker", "start", "--pool", "stormark"
        ) as worker:
            _wait_worker(page, worker, folder / "worker.log")
            yield page


def _command(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "prefect", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip()[-500:]
        raise NotUp(f"`prefect {' '.join(arguments)}`: exit status {ended.returncode}: {words}")


@contextmanager
def _process(
    log: Path, environment: dict[str, str], *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Prefect's for the block, in a session of its own: Ctrl-C is for the caller."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_healthy(page: str, server: subprocess.Popen[bytes], log: Path) -> None:
    def ask() -> None:
        _check_runs(server, "Prefect's server", log)
        if httpx.get(f"{page}/api/health").status_code != httpx.codes.OK:
            raise _NotYet

    _patiently(ask, (httpx.TransportError, _NotYet), "Prefect's server does not answer", log)


def _wait_worker(page: str, worker: subprocess.Popen[bytes], log: Path) -> None:
    def ask() -> None:
        _check_runs(worker, "the worker", log)
        answer = httpx.post(f"{page}/api/work_pools/stormark/workers/filter", json={})
        if not any(found["status"] == "ONLINE" for found in answer.raise_for_status().json()):
            raise _NotYet

    _patiently(ask, (httpx.HTTPError, _NotYet), "the worker does not come online", log)


def _patiently(ask: Callable[[], None], errors: Errors, what: str, log: Path) -> None:
    again = Retrying(
        retry=retry_if_exception_type(errors),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(START_SECONDS),
        reraise=True,
    )
    try:
        again(ask)
    except errors as error:
        raise NotUp(f"{what} after {START_SECONDS:.0f} s: see {log}") from error


def _check_runs(process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    if process.poll() is not None:
        words = log.read_text(errors="replace").strip()[-500:]
        raise NotUp(f"{name} ended with status {process.returncode}: {words}")
