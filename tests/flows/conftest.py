"""Runs a flow in this process, on the embedded cluster, and lets a test act while it runs."""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import pytest
from prefect.client.schemas.objects import State

from flows.benchmark import compare
from flows.up import prefect, working
from tasks.lifecycle.progress import Progress, listener
from tasks.plan.plan import Plan
from tests.conftest import TINY_PLAN, Cluster, Rows, rows_of
from tests.flows.server import Server, deployed


class Outcome(NamedTuple):
    """How a run ended, and the rows that it left."""

    state: State
    run: dict[str, Any]
    fio: Rows
    volumes: Rows

    def statuses(self) -> list[str]:
        """Of each cell in the order in which they ran: measured, or why it is not."""
        return [row["error"] or row["status"] for row in self.fio]


Benchmark = Callable[..., Outcome]


@pytest.fixture(scope="session")
def server(session_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the deployments of prefect.yaml, and a worker that carries them out."""
    with deployed(tmp_path_factory.mktemp("prefect")) as server:
        prefect(server.here, "--no-prompt", "deploy", "--all")  # again, as after a change
        server.here.environment["KUBECONFIG"] = str(session_cluster.kubeconfig)
        with working(server.here):
            yield server


@pytest.fixture
def to_the_end(server: Server, namespace: str) -> Iterator[None]:  # noqa: ARG001 - it goes last
    """What a failed test leaves running is cancelled: the runs of later tests would wait for it."""
    yield
    server.cancel_all()


@pytest.fixture
def told() -> Iterator[tuple[str, SimpleQueue[str]]]:
    """The address of a webhook, and what it is sent."""
    heard: SimpleQueue[str] = SimpleQueue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", heard
        server.shutdown()
        thread.join()


@pytest.fixture
def benchmark(namespace: str, tmp_path: Path, prefect_server: None) -> Benchmark:  # noqa: ARG001
    """Measure local-path with the tiny fio file, unless the fields given say otherwise.

    `on_step` is called with each step of the run, in the thread of the run.
    """

    def run(on_step: Callable[[str], object] = str, **fields: Any) -> Outcome:
        location = str(tmp_path / "results")
        place = {"namespace": namespace, "results": location}
        plan = Plan.model_validate(TINY_PLAN | place | fields)
        seen: set[str] = set()

        def listen(progress: Progress) -> None:
            if progress.step not in seen:
                seen.add(progress.step)
                on_step(progress.step)

        def carry_out() -> State:
            listener.set(listen)
            return compare(plan, return_state=True)

        state = copy_context().run(carry_out)
        tables = {name: rows_of(location, name) for name in ("runs", "fio", "volumes")}
        (row,) = tables["runs"] or [{}]
        return Outcome(state, row, tables["fio"], tables["volumes"])

    return run
