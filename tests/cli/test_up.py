"""`stormark up`: Prefect's page, the deployments and a worker, for one person; and its end."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def command(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "KUBECONFIG"))
    }
    with subprocess.Popen(
        [sys.executable, "-m", "stormark", "up", "--port", str(port), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=inherited,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(SIGTERM)


def test_a_page_with_deployments_and_a_worker(tmp_path: Path, port: int) -> None:
    """Both are there when the address is printed; nothing is left afterwards."""
    with command(tmp_path, port) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"http://127.0.0.1:{port}/deployments"), line + process.stdout.read()
        api = f"http://127.0.0.1:{port}/api"
        deployments = httpx.post(f"{api}/deployments/filter", json={}).json()
        assert {"nightly", "reap", "report"} <= {d["name"] for d in deployments}
        workers = httpx.post(f"{api}/work_pools/stormark/workers/filter", json={}).json()
        assert [worker["status"] for worker in workers] == ["ONLINE"]
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == httpx.codes.OK
        process.send_signal(SIGTERM)
        assert process.stdout.read().splitlines()[-1] == "stormark: ended"
        assert process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{api}/health")


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        command(tmp_path, taken.getsockname()[1]) as process,
    ):
        assert process.stdout is not None
        output = process.stdout.read()
        assert process.wait(60) == 2
    assert "in use" in output
