"""Shared by the tests at the user's boundary: embedded cluster, namespace, Prefect server."""

import os
import signal
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import urllib3
from kubernetes import client, config
from typer.testing import CliRunner, Result

from embedded.cluster import running
from tasks.lifecycle import lease
from tasks.results import store

# Before Prefect is imported: nothing calls home, no log handler outlives a captured stderr.
os.environ |= {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
}
# Where there is a testbed for each worker, its tests break that one alone.
if testbeds := os.environ.get("STORMARK_E2E_TESTBEDS"):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    mine = testbeds.split(":")[int(worker.removeprefix("gw"))]
    os.environ |= {"STORMARK_TESTBED": mine, "KUBECONFIG": f"{mine}/kubeconfig"}
Rows = list[dict[str, Any]]
# Two jobs that end by themselves: a whole run in a second or two.
TINY_FIO = """
[global]
size=4m
[write]
stonewall
rw=write
bs=1m
[read]
stonewall
rw=randread
bs=4k
"""

# The plan of such a run, but for its place.
TINY_PLAN = {
    "storage_classes": ["local-path"],
    "fio_file": TINY_FIO,
    "rounds": 1,
    "volume_size": "64Mi",
}

# Ten on an idle machine; the limit is for one that others keep busy.
SERVER_START_SECONDS = 600


def pool_of(api: Any, **more: Any) -> urllib3.PoolManager:
    """Requests as a client makes them: by its authority, and with its token."""
    token = api.configuration.get_api_key_with_prefix("BearerToken")
    trusted = {"ca_certs": api.configuration.ssl_ca_cert}
    return urllib3.PoolManager(headers={"Authorization": token}, **trusted, **more)


class Cluster(NamedTuple):
    """The embedded cluster, asked and disturbed past stormark."""

    kubeconfig: Path
    api: client.ApiClient

    @property
    def core(self) -> Any:
        return client.CoreV1Api(self.api)

    def fault(self, verb: str, resource: str, answer: int | str, **more: int | str) -> None:
        """Let the nth calls of a verb on a resource be answered wrongly; by default the first."""
        body = {"verb": verb, "resource": resource, "answer": answer} | more
        assert self._faults("POST", body).status == 200

    def lose_last_second(self) -> None:
        """Let the kubelets drop what a container has written in its last second."""
        assert self._faults("POST", {"kubelet": "lose-last-second"}).status == 200

    def fired(self) -> list[int]:
        """How often each fault has fired."""
        return [fault["fired"] for fault in self._faults("GET").json()]

    def clear_faults(self) -> None:
        self._faults("DELETE")

    def _faults(self, method: str, body: object = None) -> urllib3.BaseHTTPResponse:
        with pool_of(self.api) as pool:
            url = f"{self.api.configuration.host}/embedded/faults"
            return pool.request(method, url, json=body)

    def left_in(self, namespace: str) -> list[str]:
        """What a run could have left: namespaced objects of its kinds, and PVs of its PVCs."""
        lists = {
            "pod": self.core.list_namespaced_pod,
            "pvc": self.core.list_namespaced_persistent_volume_claim,
            "configmap": self.core.list_namespaced_config_map,
            "job": client.BatchV1Api(self.api).list_namespaced_job,
            "lease": client.CoordinationV1Api(self.api).list_namespaced_lease,
        }
        found = [
            f"{k} {o.metadata.name}" for k, every in lists.items() for o in every(namespace).items
        ]
        return found + [
            f"pv {volume.metadata.name}"
            for volume in self.core.list_persistent_volume().items
            if volume.spec.claim_ref and volume.spec.claim_ref.namespace == namespace
        ]

    def kinds_with_events(self, namespace: str) -> set[str]:
        """The kinds of object that ever had an event, whether or not they still exist."""
        events = self.core.list_namespaced_event(namespace).items
        return {event.involved_object.kind for event in events}


@pytest.fixture(scope="session")
def session_cluster() -> Iterator[Cluster]:
    with (
        running(module="tests.embedded.faulty") as kubeconfig,
        config.new_client_from_config(str(kubeconfig)) as api,
    ):
        yield Cluster(kubeconfig, api)


@pytest.fixture
def cluster(session_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The embedded cluster as $KUBECONFIG names it; faults end with the test."""
    monkeypatch.setenv("KUBECONFIG", str(session_cluster.kubeconfig))
    yield session_cluster
    session_cluster.clear_faults()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own; the test fails if anything is left in it."""
    name = f"test-{uuid4().hex[:8]}"
    cluster.core.create_namespace({"metadata": {"name": name}})
    yield name
    cluster.clear_faults()
    left = cluster.left_in(name)
    cluster.core.delete_namespace(name)
    assert left == []


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A Prefect server of the session's own, with its database in a temporary folder."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # without heartbeats a flow ends in 0.1 s, not in 1.1 s
    heartbeats = temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})
    with prefect_test_harness(SERVER_START_SECONDS), heartbeats:
        yield


def rows_of(location: str, table: str) -> Rows:
    """The rows of a table; what is missing is None."""
    frame = store.read_table(location, table).astype(object)
    known = frame.where(frame.notna(), None)
    return [dict(zip(known.columns, row, strict=True)) for row in known.to_numpy()]


class Stormark(NamedTuple):
    """The command `stormark run` in this process, in the test's namespace and results folder."""

    namespace: str
    results: Path
    fio_file: Path

    def __call__(self, *options: str) -> Result:
        """Run it on local-path with the tiny fio file, unless the options say otherwise."""
        chosen = ["--namespace", self.namespace, "--results", str(self.results)]
        if "--class" not in options:
            chosen += ["--class", "local-path"]
        if not {"--profile", "--fio-file", "--plan"} & set(options):
            chosen += ["--fio-file", str(self.fio_file)]
        if "--volume-size" not in options:
            chosen += ["--volume-size", "64Mi"]
        if "--rounds" not in options:
            chosen += ["--rounds", "1"]
        return self.command("run", *chosen, *options)

    def command(self, *arguments: str) -> Result:
        """Run any command of stormark."""
        from stormark import app

        before = signal.getsignal(signal.SIGTERM)
        try:
            result = copy_context().run(CliRunner().invoke, app, arguments)
        finally:
            signal.signal(signal.SIGTERM, before)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result

    def rows(self, table: str) -> Rows:
        """The rows of a table that the runs have written."""
        return rows_of(str(self.results), table)

    def row(self, table: str) -> dict[str, Any]:
        """The one row of a table."""
        (row,) = self.rows(table)
        return row


@pytest.fixture
def stormark(namespace: str, tmp_path: Path) -> Stormark:
    fio_file = tmp_path / "tiny.fio"
    fio_file.write_text(TINY_FIO)
    return Stormark(namespace, tmp_path / "results", fio_file)


@pytest.fixture
def nobody_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other runs left is of dead ones: a Lease is watched for a moment only."""
    monkeypatch.setattr(lease, "_seconds", lambda held: 0.2)  # noqa: ARG005
