"""The documents' commands of stormark and Prefect, run as they stand: see documents.py."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import TINY_FIO, Cluster
from tests.documents.commands import ROOT, run_here
from tests.flows.server import Server, deployed
from tests.reports.sample import RUN_ID, write_run

OTHER = "20261124-180000-d4e5f6"


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of these commands' own: one of them deletes the work pool."""
    with deployed(tmp_path_factory.mktemp("documents")) as server:
        yield server


def shell(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What a command says to a reader who has put their own names into it."""
    values = {"NAME": "embedded", "PLAN": "plan.yaml", "[--dry-run]": "--dry-run"}
    command = command.replace("RUN RUN", f"{RUN_ID} {OTHER}").replace("RUN", RUN_ID)
    for placeholder, value in values.items():
        command = command.replace(placeholder, value)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.xdist_group("documents")
@pytest.mark.parametrize("command", run_here("stormark"))
def test_a_command_of_stormark(
    command: str, prefect: Server, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """As it stands, with names put in; a run is made small by a plan, which it is given."""
    plan = {"namespace": namespace, "fio_file": TINY_FIO, "volume_size": "64Mi", "rounds": 1}
    plan |= {"storms": ["pod-delete"], "storm_volumes": ["emptyDir"], "image": "fio"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    for run_id in (RUN_ID, OTHER):
        write_run(
            tmp_path / "results", {"local-path": 1.0}, run_id=run_id, facts={"run_id": run_id}
        )
    if command.startswith("stormark run ") and "--plan" not in command:
        command += " --plan plan.yaml"
    environment = prefect.here.environment | {
        "KUBECONFIG": str(cluster.kubeconfig),
        "STORMARK_NAMESPACE": namespace,
    }
    assert shell(command, tmp_path, environment) or ">" in command


@pytest.mark.xdist_group("documents")
def test_the_commands_of_prefect(prefect: Server) -> None:
    """Removed, and installed again, on one server."""
    found = run_here("prefect")
    removed = [line for line in found if "delete" in line]
    for command in [
        *removed,
        *sorted(set(found) - set(removed), key=lambda line: "deploy" in line),
    ]:
        shell(command, ROOT, prefect.here.environment)
    pool = prefect.client.read_work_pool("stormark")
    assert pool.type == "process"
    assert prefect.client.read_deployments()[0].work_pool_name == "stormark"
