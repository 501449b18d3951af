"""Prefect for a team: the server of manifests/prefect/compose.yaml on a real Postgres."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from flows.up import working
from tests.conftest import TINY_PLAN, Cluster, rows_of
from tests.flows.busy import run_at_once
from tests.flows.server import until
from tests.flows.team import Team, on_postgres, services

# One Postgres and one server for all of them.
pytestmark = pytest.mark.xdist_group("team")
PROCESSES, TASKS = 4, 30
OF_BUSY = "join flow on flow.id = flow_run.flow_id where flow.name = 'busy' group by 1"
FLOW_RUNS = f"select flow_run.state_type, count(*) from flow_run {OF_BUSY}"
TASK_RUNS = (
    "select task_run.state_type, count(*) from task_run "
    f"join flow_run on flow_run.id = task_run.flow_run_id {OF_BUSY}"
)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with on_postgres(tmp_path_factory.mktemp("prefect")) as team:
        yield team


def test_flow_processes_that_write_at_once(team: Team) -> None:
    """Every task run of every process is in Postgres, Completed, and no lock was in the way."""
    assert run_at_once(team.server.here, PROCESSES, TASKS) == []
    all_of_them = f"COMPLETED|{PROCESSES * TASKS}"
    until(lambda: team.database.ask(TASK_RUNS), lambda rows: rows == all_of_them)
    assert team.database.ask(FLOW_RUNS) == f"COMPLETED|{PROCESSES}"
    log = (team.server.here.folder / "server.log").read_text()
    assert not re.search("is locked|deadlock", log), log
    assert not list(team.server.here.folder.glob("*.db*"))


def test_a_worker_carries_out_a_deployment(
    team: Team, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """A measured run ends Completed on Postgres as it does on SQLite."""
    team.server.here.environment["KUBECONFIG"] = str(cluster.kubeconfig)
    with working(team.server.here):
        run_id = team.server.start(
            "benchmark/benchmark",
            **TINY_PLAN,
            namespace=namespace,
            results=str(tmp_path),
        )
        state = team.server.end_of(run_id)
    assert state.name == "Completed", state.message
    assert [row["status"] for row in rows_of(str(tmp_path), "fio")] == ["measured"] * 2
    its_state = f"select state_name from flow_run where id = '{run_id}'"
    assert team.database.ask(its_state) == "Completed"


def test_the_compose_file_starts_what_the_tests_start() -> None:
    """The same command and version of Prefect, the database when it is ready, nothing outside."""
    composed = services()
    server, database = composed["server"], composed["database"]
    assert server["command"] == ["prefect", "server", "start"]
    assert f":{version('prefect')}-python" in server["image"]
    assert server["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "healthcheck" in database
    assert server["ports"] == ["127.0.0.1:4200:4200"]
    assert "ports" not in database
    assert server["environment"]["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
