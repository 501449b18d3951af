"""A Prefect server with a password, as docs/operate.md has it where others reach its API."""

import subprocess
import sys
from pathlib import Path

import httpx

from flows.up import place
from tests.flows.server import free_port, until

USER, PASSWORD = "night", "p@ss:word"


def test_without_the_password_nobody_asks_or_starts_anything(tmp_path: Path) -> None:
    """With it the same questions are answered; one that has it wrong has none."""
    here = place(free_port(), tmp_path)
    here.environment["PREFECT_SERVER_API_AUTH_STRING"] = f"{USER}:{PASSWORD}"
    command = [sys.executable, "-m", "prefect", "server", "start"]

    def ask(what: str, *auth: str) -> int:
        given = httpx.BasicAuth(*auth) if auth else None
        return httpx.post(f"{here.page}/api/{what}", json={}, auth=given).status_code

    log = (tmp_path / "server.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, env=here.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as server,
    ):
        try:
            until(lambda: ask("deployments/filter", USER, PASSWORD), lambda status: status == 200)
            for what in ("deployments/filter", "flow_runs/filter", "flow_runs/"):
                assert ask(what) == ask(what, USER, "another") == 401
                assert ask(what, USER, PASSWORD) != 401
        finally:
            server.terminate()
