"""`stormark up`: Prefect's page, the deployments and a worker, for one person; and its end."""

import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from signal import SIGTERM

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.up import Place
from tests.conftest import TINY_PLAN, Cluster, rows_of
from tests.flows.server import Server, free_port, until
from tests.flows.test_deployment import ENDLESS_FIO


@pytest.fixture
def port() -> int:
    return free_port()


@contextmanager
def command(folder: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "KUBECONFIG"))
    }
    # as `nohup` and a script's `&` start it: without SIGINT, which is how Prefect's worker ends
    background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "stormark"]
    with subprocess.Popen(
        [*background, "up", "--port", str(port), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=inherited | environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(SIGTERM)


def test_a_page_with_deployments_and_a_worker(tmp_path: Path, port: int) -> None:
    """Both are there when the address is printed, no night begins by itself; nothing is left."""
    with command(tmp_path / "up", port) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"http://127.0.0.1:{port}/deployments"), line + process.stdout.read()
        api = f"http://127.0.0.1:{port}/api"
        deployments = httpx.post(f"{api}/deployments/filter", json={}).json()
        assert {"nightly", "reap", "report"} <= {d["name"] for d in deployments}
        assert [d["name"] for d in deployments if d["paused"]] == ["nightly"]
        workers = httpx.post(f"{api}/work_pools/stormark/workers/filter", json={}).json()
        assert [worker["status"] for worker in workers] == ["ONLINE"]
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == httpx.codes.OK
        assert allowed_origin(api, f"http://127.0.0.1:{port}") == f"http://127.0.0.1:{port}"
        assert allowed_origin(api, "https://evil.example") is None
        assert stat.S_IMODE((tmp_path / "up").stat().st_mode) == 0o700
        process.send_signal(SIGTERM)
        assert process.stdout.read().splitlines()[-1] == "stormark: ended"
        assert process.wait(300) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{api}/health")


def allowed_origin(api: str, origin: str) -> str | None:
    """Which page a browser would let start a run, where a page of that origin asks for it."""
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = httpx.options(f"{api}/flow_runs/", headers={"Origin": origin, **asks})
    allowed: str | None = answer.headers.get("Access-Control-Allow-Origin")
    return allowed


def test_a_run_that_is_under_way(
    cluster: Cluster, namespace: str, tmp_path: Path, port: int
) -> None:
    """On a cluster that stays, it cleans up first; one that waits does not begin the next time."""
    settings = {"KUBECONFIG": str(cluster.kubeconfig), "PREFECT_WORKER_QUERY_SECONDS": "0.5"}
    with command(tmp_path / "up", port, **settings) as process:
        assert process.stdout is not None
        page = process.stdout.readline().partition("/deployments")[0]
        with SyncPrefectClient(f"{page}/api") as client:
            server = Server(Place(page, tmp_path, {}), client)
            place = {"namespace": namespace, "results": str(tmp_path)}
            plan = TINY_PLAN | {"fio_file": ENDLESS_FIO} | place
            first = server.start("benchmark/benchmark", **plan)
            begun = "[2/2] local-path · endless · round 1"
            until(lambda: server.log(first), lambda log: begun in log)
            second = server.start("benchmark/benchmark", **plan)
            server.wait(second, lambda run: run.state_name == "AwaitingConcurrencySlot")
        process.send_signal(SIGTERM)
        assert process.stdout.read().splitlines()[-1] == "stormark: ended"
        assert process.wait(300) == 0
    assert cluster.left_in(namespace) == []
    with closing(sqlite3.connect(tmp_path / "up/prefect.db")) as database:
        runs = database.execute("select state_name from flow_run where not auto_scheduled")
        assert runs.fetchall() == [("Cancelled",)] * 2
    (row,) = rows_of(str(tmp_path), "runs")
    assert (row["outcome"], row["cells_measured"]) == ("cancelled", 1)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        command(tmp_path, taken.getsockname()[1]) as process,
    ):
        assert process.stdout is not None
        output = process.stdout.read()
        assert process.wait(300) == 2
    assert "in use" in output
