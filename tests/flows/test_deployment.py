"""prefect.yaml on a real Prefect server: what it deploys, and that a real worker carries it out.

The fixture `namespace` fails each test that leaves an object behind.
"""

import json
import os
import socket
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.states import Cancelling
from prefect.utilities.callables import parameter_schema

from tests.conftest import TINY_FIO, Cluster, rows_of
from tests.flows.server import Server, until

# The first job ends by itself, the second would run for an hour.
ENDLESS_FIO = """
[global]
size=4m
[short]
stonewall
rw=write
bs=1m
[endless]
stonewall
rw=randread
bs=4k
time_based
runtime=3600
"""


@pytest.fixture(scope="module")
def server(session_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the deployments of prefect.yaml, and a worker that carries them out."""
    folder = tmp_path_factory.mktemp("prefect")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment = inherited | {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # the tests start every run
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.2",
        "PREFECT_WORKER_QUERY_SECONDS": "0.5",
        "KUBECONFIG": str(session_cluster.kubeconfig),
    }
    with SyncPrefectClient(environment["PREFECT_API_URL"]) as client:
        server = Server(environment, folder, client)
        with server.process("server", "start"):
            until(client.api_healthcheck, lambda error: error is None)
            client.create_work_pool(WorkPoolCreate(name="stormark", type="process"))
            server.command("--no-prompt", "deploy", "--all")
            with server.process("worker", "start", "--pool", "stormark"):
                server.command("--no-prompt", "deploy", "--all")  # again, as after a change
                yield server


def test_what_is_deployed(server: Server) -> None:
    """Nothing is there twice; each says what it is, and has the form of the flow it names."""
    found = server.client.read_deployments()
    names = ["benchmark", "nightly", "preflight", "reap", "report", "storms"]
    assert sorted(d.name for d in found) == names
    for deployment in found:
        module, _, name = str(deployment.entrypoint).partition(".py:")
        flow = getattr(import_module(module.replace("/", ".")), name)
        assert deployment.parameter_openapi_schema is not None
        form = parameter_schema(flow).model_dump_for_openapi()
        assert deployment.parameter_openapi_schema["properties"] == form["properties"]
        assert deployment.description
        assert deployment.tags == ["stormark"]
        assert deployment.work_pool_name == "stormark"


def test_when_they_run(server: Server) -> None:
    """Nightly at a quarter past three where the people are; what measures waits for its turn."""
    due = [
        (deployment.name, schedule.active, schedule.schedule.cron, schedule.schedule.timezone)
        for deployment in server.client.read_deployments()
        for schedule in deployment.schedules
        if isinstance(schedule.schedule, CronSchedule)
    ]
    assert sorted(due) == [
        ("nightly", True, "15 3 * * *", "Europe/Berlin"),
        ("reap", True, "*/15 * * * *", "Europe/Berlin"),
    ]
    for name in ("nightly/nightly", "benchmark/benchmark", "storms/storms"):
        deployment = server.client.read_deployment_by_name(name)
        assert deployment.global_concurrency_limit is not None
        assert deployment.global_concurrency_limit.limit == 1
        assert deployment.concurrency_options is not None
        assert deployment.concurrency_options.collision_strategy == "ENQUEUE"


def test_a_night(server: Server, cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """A run ends Completed, its tables and its report name both classes, its log is the story."""
    results = str(tmp_path / "results")
    run_id = server.start(
        "nightly/nightly",
        storage_classes=["local-path", "nfs-client"],
        fio_file=TINY_FIO,
        repeats=1,
        volume_size="64Mi",
        storms=["pod-delete"],
        storm_volumes=["emptyDir"],
        namespace=namespace,
        results=results,
    )
    state = server.end_of(run_id)
    (row,) = rows_of(results, "runs")
    report = f"{results}/reports/{row['run_id']}.md"
    assert (state.name, state.message) == ("Completed", f"5 cells measured; report: {report}")
    assert (row["flow"], row["outcome"]) == ("nightly", "complete")
    measured = Counter(cell["storage_class"] for cell in rows_of(results, "fio") if cell["iops"])
    assert measured == {"local-path": 2, "nfs-client": 2}
    assert [(cell["volume"], cell["storm"]) for cell in rows_of(results, "storms")] == [
        ("emptyDir", "pod-delete")
    ]
    text = Path(report).read_text()
    assert "local-path" in text
    assert "nfs-client" in text
    assert "PersistentVolumeClaim" in cluster.kinds_with_events(namespace)
    assert server.client.read_flow_run(run_id).name == "nightly · embedded · 2 classes · fio file"
    shown = server.artifacts(run_id)
    assert (shown["fio"].data, shown["storms"].data) == (100, 100)
    assert str(shown["report"].data).startswith(text.partition("\n")[0])
    assert str(shown["report"].data).count("](data:image/svg+xml;base64,") == 2
    assert f"({row['run_id']}" not in str(shown["report"].data)
    day = f"{row['started_at']:%Y-%m-%d}"
    assert f"/date={day}/{row['run_id']}.parquet`" in str(shown["report"].description)
    comparison = json.loads(str(shown["comparison"].data))
    assert [set(job) for job in comparison] == [{"job", "what", "unit", *measured}] * 2
    survival = json.loads(str(shown["survival"].data))
    assert [set(volume) for volume in survival] == [{"volume", "pod-delete"}]
    assert server.story(run_id) == [
        "check plan, results location and cluster",
        "check of image and fio file",
        "local-path · provision and lay out",
        "nfs-client · provision and lay out",
        "[1/4] local-path · write · repeat 1",
        "[2/4] local-path · read · repeat 1",
        "[3/4] nfs-client · write · repeat 1",
        "[4/4] nfs-client · read · repeat 1",
        "emptyDir · start the writer",
        "emptyDir · pod-delete · round 1",
        "clean up the cluster",
        "the cluster is clean",
        f"report written to {report}",
    ]


def test_one_is_cancelled_the_next_is_refused(
    server: Server, namespace: str, tmp_path: Path
) -> None:
    """A second run waits for the first, which Prefect's cancel button ends in order during fio."""
    place = {"namespace": namespace, "results": str(tmp_path), "volume_size": "64Mi"}
    one = {"storage_classes": ["local-path"], "fio_file": ENDLESS_FIO, "repeats": 1}
    first = server.start("nightly/nightly", **one, **place)
    until(lambda: server.log(first), lambda log: "[2/2] local-path · endless · repeat 1" in log)
    second = server.start("nightly/nightly", storage_classes=["fast"], **place)
    server.wait(second, lambda run: run.state_name == "AwaitingConcurrencySlot")

    server.client.set_flow_run_state(first, Cancelling())
    assert server.end_of(first).name == "Cancelled"
    clean = ["clean up the cluster", "the cluster is clean", "Flow run was cancelled."]
    assert server.story(first)[-3:] == clean
    (row,) = rows_of(str(tmp_path), "runs")
    assert (row["outcome"], row["cells_measured"]) == ("cancelled", 1)

    refused = server.end_of(second)
    assert (refused.type, refused.name) == (StateType.FAILED, "Refused")
    assert refused.message == (
        "plan field storage_classes: cluster embedded has no class fast; "
        "it has local-path, nfs-client"
    )
    assert server.story(second) == ["check plan, results location and cluster"]
