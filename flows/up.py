"""Prefect for one person on one machine: server, work pool, deployments and worker."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_not_result,
    stop_after_delay,
    wait_fixed,
)

ROOT = Path(__file__).parents[1]
# A first start, which makes the database, takes ten seconds on an idle machine.
START_SECONDS = 300.0
STOP_SECONDS = 60.0
# A clean-up waits for volumes to go; a worker that ends before kills it.
CLEAN_UP_SECONDS = 600.0
Process = subprocess.Popen[bytes]


class NotUp(Exception):
    """A part of Prefect did not start, or did not end: the message has its last words."""


class Place(NamedTuple):
    """Where a Prefect is served: its page, its folder, and the environment of its processes."""

    page: str
    folder: Path
    environment: dict[str, str]


def place(port: int, folder: Path) -> Place:
    """A place on 127.0.0.1; `folder` keeps the database from one time to the next, and the logs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    page = f"http://127.0.0.1:{port}"
    settings = {
        "PREFECT_HOME": str(folder.resolve()),
        "PREFECT_API_URL": f"{page}/api",
        "PREFECT_SERVER_API_PORT": str(port),  # the page takes it from here
        # by default any page that a browser shows may start runs, whose plans have commands
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": page,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }
    return Place(page, folder, os.environ | settings)


@contextmanager
def serving(here: Place) -> Iterator[None]:
    """Serve Prefect's page with the deployments of prefect.yaml for the block. Raises NotUp.

    Whoever looks at the page has not asked for nights that drain nodes: their schedule is paused.
    """
    with _process(here, "server", "start") as server:
        _wait(server, here.folder / "server.log", lambda: _answers(here))
        prefect(here, "work-pool", "create", "stormark", "--type", "process", "--overwrite")
        prefect(here, "--no-prompt", "deploy", "--all")
        _until(lambda: _paused(here), START_SECONDS, "the schedule of nightly is not paused")
        yield


@contextmanager
def working(here: Place) -> Iterator[Process]:
    """Let a worker carry out flow runs for the block; yields its process. Raises NotUp.

    A flow run that is under way then is cancelled: a worker that ends kills it where it stands.
    """
    with _process(here, "worker", "start", "--pool", "stormark") as worker:
        _wait(worker, here.folder / "worker.log", lambda: _has_worker(here))
        try:
            yield worker
        finally:
            if worker.poll() is None:
                _cancel_flow_runs(here)


def check_free(port: int) -> None:
    """NotUp when something listens on that port of 127.0.0.1 already."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise NotUp(
                f"port {port} of 127.0.0.1 is in use: if that is stormark, its page is "
                f"http://127.0.0.1:{port}; else choose another by --port"
            )


def prefect(here: Place, *arguments: str) -> None:
    """Run a command of Prefect's in the folder of prefect.yaml. Raises NotUp."""
    command = [sys.executable, "-m", "prefect", *arguments]
    ended = subprocess.run(
        command, cwd=ROOT, env=here.environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip()[-500:]
        raise NotUp(f"`prefect {' '.join(arguments)}`: exit status {ended.returncode}: {words}")


@contextmanager
def _process(here: Place, *arguments: str) -> Iterator[Process]:
    """A command of Prefect's for the block, in a session of its own: Ctrl-C is for the caller."""
    # it ends by SIGINT: where whoever began this ignores that, as `nohup` does, so would it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with (
        (here.folder / f"{arguments[0]}.log").open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=here.folder,
            env=here.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise NotUp(
                    f"`prefect {arguments[0]}` did not end within {STOP_SECONDS:.0f} s and was "
                    f"killed: see {output.name}"
                ) from error


def _wait(process: Process, log: Path, up: Callable[[], bool]) -> None:
    """Wait until a process is up; NotUp when it ends before, or takes too long."""

    def ask() -> bool:
        if process.poll() is not None:
            words = log.read_text(errors="replace").strip()[-500:]
            raise NotUp(f"Prefect's {log.stem} ended with status {process.returncode}: {words}")
        return up()

    _until(ask, START_SECONDS, f"Prefect's {log.stem} is not up: see {log}")


def _paused(here: Place) -> bool:
    named = {"deployments": {"name": {"any_": ["nightly"]}}}
    for nightly in _post(here, "deployments/filter", named).json():
        _post(here, f"deployments/{nightly['id']}/pause_deployment", {})
    return True


def _cancel_flow_runs(here: Place) -> None:
    """Cancel what the worker carries out, or is about to, and wait until each has cleaned up.

    Raises NotUp where one does not end.
    """
    due = {
        "state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]}},
        "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
    }
    of_pool = {"name": {"any_": ["stormark"]}}

    def ended() -> bool:
        runs = _post(here, "flow_runs/filter", {"flow_runs": due, "work_pools": of_pool}).json()
        for run in runs:
            if run["state_type"] != "CANCELLING":
                _post(here, f"flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLING"}})
        return not runs

    _until(
        ended, CLEAN_UP_SECONDS, "a flow run that was cancelled goes on: `stormark reap` cleans up"
    )


def _until(seen: Callable[[], bool], limit_seconds: float, words: str) -> None:
    """Ask until it is so; a server that does not answer is asked again. NotUp with the words."""
    patiently = Retrying(
        retry=retry_if_not_result(bool) | retry_if_exception_type(httpx.HTTPError),
        wait=wait_fixed(0.2),
        stop=stop_after_delay(limit_seconds),
    )
    try:
        patiently(seen)
    except RetryError as error:
        raise NotUp(f"{words} ({limit_seconds:.0f} s)") from error


def _answers(here: Place) -> bool:
    return httpx.get(f"{here.page}/api/health").is_success


def _has_worker(here: Place) -> bool:
    found = _post(here, "work_pools/stormark/workers/filter", {}).json()
    return any(worker["status"] == "ONLINE" for worker in found)


def _post(here: Place, what: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{here.page}/api/{what}", json=body).raise_for_status()
