"""prefect.yaml on a real Prefect server: what it deploys, and that a real worker carries it out.

The fixture `namespace` fails each test that leaves an object behind.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from signal import SIGKILL
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Running, Scheduled
from prefect.utilities.callables import parameter_schema

from flows.up import ROOT, prefect
from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import labels, verbs
from tests.conftest import TINY_FIO, TINY_PLAN, Cluster, rows_of
from tests.flows.server import DEADLINE_SECONDS, Server, until
from tests.tasks.leases import a_lease

# One server for all of them.
pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.usefixtures("to_the_end")]

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


def test_who_hears_of_a_silent_flow_run(server: Server) -> None:
    """One automation, however often it is deployed: after 90 s without a heartbeat `reap` runs."""
    (automation,) = server.client.read_automations()
    assert automation.enabled
    trigger = automation.trigger
    assert isinstance(trigger, EventTrigger)
    assert (trigger.posture, trigger.within) == (Posture.Proactive, timedelta(seconds=90))
    (action,) = automation.actions
    assert isinstance(action, RunDeployment)
    reaper = server.client.read_deployment_by_name("reap/reap")
    assert action.deployment_id == reaper.id
    # it waits for whatever has their tag, so each of them sends its heartbeat in time
    for deployment in server.client.read_deployments():
        env = deployment.job_variables["env"]
        assert int(env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) * 3 == 90


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


def test_the_next_night_is_put_down(server: Server) -> None:
    """As the server's scheduler does it, which the fixture keeps from starting runs by itself."""
    nightly = server.client.read_deployment_by_name("nightly/nightly")
    one = {"start_time": "2100-01-01T00:00:00Z", "min_runs": 1, "max_runs": 1}
    server.client.request(
        "POST", "/deployments/{id}/schedule", path_params={"id": nightly.id}, json=one
    )
    waiting = FlowRunFilterStateType(any_=[StateType.SCHEDULED])
    (run,) = server.client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=waiting))
    )
    server.client.delete_flow_run(run.id)
    assert run.expected_start_time is not None
    when = run.expected_start_time.astimezone(ZoneInfo("Europe/Berlin"))
    assert f"{when:%H:%M}" == "03:15"


@contextmanager
def scheduled(server: Server, due: datetime, **plan: Any) -> Iterator[UUID]:
    """A nightly that a schedule had put down for a time that has passed, as while no worker was."""
    like = server.client.read_deployment_by_name("nightly/nightly")
    same = ("entrypoint", "path", "pull_steps", "work_pool_name", "job_variables", "tags")
    daily = IntervalSchedule(interval=timedelta(days=1), anchor_date=due)
    late = server.client.create_deployment(
        like.flow_id,
        name="late",
        parameters={"plan": plan},
        schedules=[DeploymentScheduleCreate(schedule=daily)],
        **{field: getattr(like, field) for field in same},
    )
    window = {"start_time": due.isoformat(), "min_runs": 1, "max_runs": 1}
    server.client.request(
        "POST", "/deployments/{id}/schedule", path_params={"id": late}, json=window
    )
    of_it = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[late]))
    (run,) = server.client.read_flow_runs(flow_run_filter=of_it)
    try:
        yield run.id
    finally:
        server.cancel_all()
        server.client.delete_deployment(late)


def test_a_night_that_comes_late_is_refused(
    server: Server, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """A worker that was away for days does nothing by day; what a person starts is not late."""
    place = {"namespace": namespace, "results": str(tmp_path)}
    nights_ago = datetime.now(UTC) - timedelta(days=3)
    with scheduled(server, nights_ago, **place) as run_id:
        state = server.end_of(run_id)
        assert (state.type, state.name) == (StateType.FAILED, "Refused")
        assert f"the run was due at {nights_ago:%Y-%m-%d %H:%M} UTC" in str(state.message)
        assert "plan field late_limit_seconds: " in str(state.message)
        assert server.story(run_id) == []
    assert cluster.kinds_with_events(namespace) == set()
    assert list(tmp_path.iterdir()) == []
    # refused for its class alone, so not for its time
    no_class = place | {"storage_classes": ["fast"]}
    with scheduled(server, nights_ago, **no_class, late_limit_seconds=604_800) as run_id:
        assert "cluster embedded has no class fast" in str(server.end_of(run_id).message)
    by_hand = server.start("nightly/nightly", **no_class, late_limit_seconds=0)
    assert "cluster embedded has no class fast" in str(server.end_of(by_hand).message)


def test_a_late_night_that_a_person_runs_again_is_not_late(
    server: Server, namespace: str, tmp_path: Path
) -> None:
    """By the button `Retry` of the run that was refused."""
    plan = {"namespace": namespace, "results": str(tmp_path), "storage_classes": ["fast"]}
    with scheduled(server, datetime.now(UTC) - timedelta(days=3), **plan) as run_id:
        assert "late_limit_seconds" in str(server.end_of(run_id).message)
        again: State[None] = Scheduled(name="AwaitingRetry")
        server.client.set_flow_run_state(run_id, again, force=True)
        assert "cluster embedded has no class fast" in str(server.end_of(run_id).message)


def test_a_night(server: Server, cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """A run ends Completed, its tables and its report name both classes, its log is the story."""
    results = str(tmp_path / "results")
    run_id = server.start(
        "nightly/nightly",
        storage_classes=["local-path", "nfs-client"],
        fio_file=TINY_FIO,
        rounds=1,
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
    assert [set(job) for job in comparison] == [{"job", "what", "figure", *measured}] * 3
    survival = json.loads(str(shown["survival"].data))
    assert [set(volume) for volume in survival] == [{"volume", "pod-delete"}]
    _tells_its_story(server.story(run_id), report)


def _tells_its_story(story: list[str], report: str) -> None:
    """Each step once, in order; which class is the first in each is chance."""

    def of_both(what: str) -> list[str]:
        return [f"{name} · {what}" for name in ("local-path", "nfs-client")]

    assert story[:2] == ["check plan, results location and cluster", "check of image and fio file"]
    assert story[2].startswith("about ")
    story = story[1:]
    assert sorted(story[2:4]) == of_both("provision · round 1")
    assert sorted(story[4:6]) == of_both("lay out")
    cells = [line.split(" ", 1) for line in story[6:10]]
    assert [number for number, _ in cells] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert sorted(step for _, step in cells[:2]) == of_both("write · round 1")
    assert sorted(step for _, step in cells[2:]) == of_both("read · round 1")
    assert sorted(story[10:12]) == of_both("delete · round 1")
    assert story[12:] == [
        "emptyDir · start the writer",
        "emptyDir · pod-delete · round 1",
        "clean up the cluster",
        "the cluster is clean",
        f"report written to {report}",
    ]


def test_one_whose_process_is_killed(server: Server, namespace: str, tmp_path: Path) -> None:
    """Nothing of its own can clean up: the worker, which sees it die, releases what it left."""
    run_id = server.start(
        "benchmark/benchmark",
        **TINY_PLAN | {"fio_file": ENDLESS_FIO},
        namespace=namespace,
        results=str(tmp_path),
    )
    until(lambda: server.log(run_id), lambda log: "[2/2] local-path · endless · round 1" in log)
    process = server.client.read_flow_run(run_id).infrastructure_pid
    os.kill(int(str(process).rpartition(":")[2]), SIGKILL)
    assert server.end_of(run_id).name == "Crashed"
    (row,) = rows_of(str(tmp_path), "runs")
    released = f"released what run {row['run_id']} had left"
    until(lambda: server.log(run_id), lambda log: released in log)


def silent(server: Server, namespace: str) -> UUID:
    """A flow run that is said to run, and of which nothing is heard."""
    found = server.client.read_deployment_by_name("benchmark/benchmark")
    plan = {"plan": {"namespace": namespace}}
    run_id = server.client.create_flow_run_from_deployment(
        found.id, parameters=plan, state=Running()
    ).id
    step = {"name": "prefect.flow_runs", "level": 20, "message": "[2/4] local-path · read"}
    line = step | {"timestamp": "2026-01-01T00:00:00Z", "flow_run_id": str(run_id)}
    server.client.request("POST", "/logs/", json=[line])
    return run_id


@pytest.mark.parametrize("began", [True, False])
def test_why_one_is_said_to_be_dead(
    server: Server, cluster: Cluster, namespace: str, began: bool
) -> None:
    """What it last did, and whether its Lease lapsed, or it has nothing in the cluster."""
    run_id = silent(server, namespace)
    if began:
        of_run = labels.of_owner("20260101-000000-a1b2c3", str(run_id))
        owner = {"metadata": {"name": "stormark-20260101-000000-a1b2c3", "labels": of_run}}
        cluster.core.create_namespaced_config_map(namespace, owner)
        verbs.create(k8s.connect(None, namespace), a_lease("20260101-000000-a1b2c3"))
    reaper = server.client.read_deployment_by_name("reap/reap")
    reaping = server.client.create_flow_run_from_deployment(
        reaper.id, parameters={"flow_run": str(run_id)}
    ).id
    assert server.end_of(reaping).name == "Completed"
    died = server.end_of(run_id)
    lease = "its Lease has lapsed" if began else "nothing of it is in the cluster"
    assert (died.name, died.message) == (
        "Crashed",
        f"no heartbeat, and {lease}; its last words: [2/4] local-path · read",
    )


def test_one_is_cancelled_the_next_is_refused(
    server: Server, namespace: str, tmp_path: Path
) -> None:
    """A second run waits for the first, which Prefect's cancel button ends in order during fio."""
    place = {"namespace": namespace, "results": str(tmp_path), "volume_size": "64Mi"}
    one = {"storage_classes": ["local-path"], "fio_file": ENDLESS_FIO, "rounds": 1}
    first = server.start("nightly/nightly", **one, **place)
    until(lambda: server.log(first), lambda log: "[2/2] local-path · endless · round 1" in log)
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


def test_a_run_that_is_refused_is_told(
    server: Server, told: tuple[str, SimpleQueue[str]], tmp_path: Path
) -> None:
    """Its name, its state and why, by the file and the command of docs/operate.md."""
    address, heard = told
    with temporary_settings({PREFECT_API_URL: f"{server.here.page}/api"}):
        block = CustomWebhookNotificationBlock(
            name="told", url=address, json_data={"text": "{{subject}} | {{body}}"}
        )
        block_id = block.save("told")
    (text,) = re.findall(
        r"```yaml\n# notify.yaml\n(.*?)```", (ROOT / "docs/operate.md").read_text(), re.DOTALL
    )
    file = tmp_path / "notify.yaml"
    file.write_text(text.replace("block_document_id: ID", f"block_document_id: {block_id}"))
    prefect(server.here, "automation", "create", "--from-file", str(file))
    try:
        server.start("benchmark/benchmark", storage_classes=["fast"], results=str(tmp_path))
        words = heard.get(timeout=DEADLINE_SECONDS)
        while "benchmark" not in words:  # another flow run of this server has ended meanwhile
            words = heard.get(timeout=DEADLINE_SECONDS)
    finally:
        prefect(server.here, "automation", "delete", yaml.safe_load(text)["name"])
    assert "benchmark · embedded · 1 class · standard: Refused" in words
    assert "plan field storage_classes: cluster embedded has no class fast" in words


def test_credentials_in_a_location_never_reach_the_server(server: Server) -> None:
    """Its API refuses the run, so that they are not kept with its parameters."""
    location = "s3://KEY:secret@bucket/stormark"
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        server.start("benchmark/benchmark", results=location)
    report = server.client.read_deployment_by_name("report/report")
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        server.client.create_flow_run_from_deployment(
            report.id, parameters={"runs": ["a"], "results": location}
        )
