"""Each way in which a flow run of Prefect's can die, during fio and during a drain.

However it dies, the namespace is empty and the node schedulable afterwards, and Prefect says so.
`pytest tests/real/test_dying.py --log-cli-level INFO` says how long that took.
"""

import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from prefect.states import Cancelling

from flows.up import Process, working
from tests.flows.server import Server, deployed, until
from tests.flows.test_deployment import ENDLESS_FIO
from tests.storms.ground import Ground, new_namespace

log = logging.getLogger(__name__)
Break = Callable[[Server, Process, list[UUID]], None]

# One Prefect server for all; no night is measured meanwhile, for these fio take a core each.
pytestmark = pytest.mark.xdist_group("endless-fio")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The deployments, without a worker."""
    with deployed(tmp_path_factory.mktemp("prefect")) as server:
        yield server


def process_of(server: Server, run_id: UUID) -> int:
    return int(str(server.client.read_flow_run(run_id).infrastructure_pid).rpartition(":")[2])


def cancel(server: Server, _worker: Process, runs: list[UUID]) -> None:
    """As the page's Cancel button."""
    for run_id in runs:
        server.client.set_flow_run_state(run_id, Cancelling())


def terminate_flows(server: Server, _worker: Process, runs: list[UUID]) -> None:
    for run_id in runs:
        os.kill(process_of(server, run_id), signal.SIGTERM)


def kill_flows(server: Server, _worker: Process, runs: list[UUID]) -> None:
    for run_id in runs:
        os.kill(process_of(server, run_id), signal.SIGKILL)


def terminate_worker(_server: Server, worker: Process, _runs: list[UUID]) -> None:
    worker.terminate()
    worker.wait()


def lose_host(server: Server, worker: Process, runs: list[UUID]) -> None:
    """Nothing that ran on it can say anything any more."""
    worker.kill()
    kill_flows(server, worker, runs)
    worker.wait()


WAYS: dict[str, tuple[Break, str]] = {
    "cancelled": (cancel, "Cancelled"),
    "SIGTERM of the flow": (terminate_flows, "Crashed"),
    "SIGKILL of the flow": (kill_flows, "Crashed"),
    "SIGTERM of the worker": (terminate_worker, "Crashed"),
    "loss of the host": (lose_host, "Crashed"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_cluster_is_clean(server: Server, image: str, tmp_path: Path, way: str) -> None:
    """A worker that is gone is replaced, as a service manager does."""
    die, ends = WAYS[way]
    with ExitStack() as stack:
        grounds = [stack.enter_context(ground(image, tmp_path)) for _ in range(2)]
        worker = stack.enter_context(working(server.here))
        runs = [start_fio(server, grounds[0]), start_drain(server, grounds[1])]
        died_at = time.monotonic()
        die(server, worker, runs)
        if worker.poll() is not None:
            stack.enter_context(working(server.here))
        for place, run_id, during in zip(grounds, runs, ("fio", "a drain"), strict=True):
            until(place.left, lambda left: left == [])
            seconds = time.monotonic() - died_at
            log.info("%s during %s: the cluster is clean after %.0f s", way, during, seconds)
            assert server.end_of(run_id).name == ends


@contextmanager
def ground(image: str, results: Path) -> Iterator[Ground]:
    """A namespace, and what every plan there has."""
    with new_namespace() as cluster:
        plan = {"namespace": cluster.namespace, "image": image, "results": str(results)}
        yield Ground(cluster, plan, [])


def start_fio(server: Server, place: Ground) -> UUID:
    """A flow run whose fio goes on until somebody ends it."""
    plan = {"storage_classes": ["local-path"], "fio_file": ENDLESS_FIO, "volume_size": "64Mi"}
    run_id = server.start("benchmark/benchmark", **place.plan, **plan, rounds=1)
    until(lambda: server.log(run_id), lambda log: "[2/2] local-path · endless · round 1" in log)
    return run_id


def start_drain(server: Server, place: Ground) -> UUID:
    """A flow run that has cordoned a node, and keeps it so for an hour."""
    plan = {"storms": ["drain"], "storm_volumes": ["emptyDir"], "hold_seconds": 3600}
    run_id = server.start("storms/storms", **place.plan, **plan, storage_classes=["local-path"])
    until(place.left, lambda left: any(map(re.compile("cordon of").match, left)))
    return run_id
