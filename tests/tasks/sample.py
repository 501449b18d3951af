"""A run, a volume and pods for tests that drive tasks against a scripted API server."""

import json
import os
import subprocess
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.run import Run
from tasks.plan import job_file, own_file
from tasks.plan.job_file import Job, Workload
from tasks.plan.plan import Plan
from tasks.provision.bench_pod import FioJob
from tasks.provision.volumes import Volume
from tasks.results.column import Row
from tasks.results.fio_columns import FioRow
from tasks.results.run_columns import VolumeRow
from tasks.speed import fio_output, seconds
from tests.tasks.api import Answer, Api

PODS = "/api/v1/namespaces/bench/pods"
JOBS = "/apis/batch/v1/namespaces/bench/jobs"
LABELS = {"stormark/run": "run-1"}
RECORDED = Path(__file__).parent / "data" / "fio" / "mixed-3.33.json"
# One job alone, then two at once.
FIO_FILE = """\
[global]
direct=1
runtime=10
[first]
rw=randrw
[second]
stonewall
rw=randrw
[third]
rw=randrw
ioengine=libaio
"""


CELL = FioRow(
    storage_class="fast",
    pvc="a-pvc",
    job="a",
    round=1,
    repeat=1,
    profile="custom",
    status="measured",
)


def said(row: Row) -> dict[str, Any]:
    """The columns of a row that are not null."""
    return {name: value for name, value in row.columns().items() if value is not None}


def figures(output: str, group: list[Job]) -> dict[str, dict[str, Any]]:
    """What fio's output says of each job of a group, by the job's name and by column."""
    return {job: row.columns() for job, row in fio_output.rows(output, group, CELL).items()}


def by_second(packed: str, output: str, group: list[Job]) -> dict[str, list[dict[str, Any]]]:
    """The seconds of each job of a group, by the job's name and by column."""
    found = seconds.rows(packed, output, group, CELL.key)
    return {job: [row.columns() for row in rows] for job, rows in found.items()}


def make_run(cluster: Cluster, run_id: str = "20261123-031500-a1b2c3", **plan: Any) -> Run:
    chosen = Plan(**({"fio_file": FIO_FILE, "namespace": cluster.namespace, "seed": 1} | plan))
    started_at = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
    workload = job_file.prepare(chosen) if chosen.fio_file is None else read(chosen)
    return Run(run_id, started_at, chosen, workload, cluster, 0.0)


def read(plan: Plan) -> Workload:
    """The workload of a plan's own file, as the machine's fio reads it."""
    return own_file.resolve(plan, parsed(plan.fio_file or "", tuple(plan.fio_env.items())))


@cache
def parsed(text: str, env: tuple[tuple[str, str], ...] = ()) -> list[str]:
    """What the machine's fio says of each option of a job file."""
    with tempfile.NamedTemporaryFile("w", suffix=".fio") as file:
        file.write(text)
        file.flush()
        command = ["fio", "--debug=parse", "--parse-only", file.name]
        asked = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | dict(env)
        )
    return asked.stdout.splitlines()


def make_volume(storage_class: str = "fast", position: int = 0, **more: Any) -> Volume:
    pvc = f"stormark-20261123-031500-a1b2c3-{position}-{storage_class}-volume"
    volume = Volume(
        storage_class=storage_class,
        pvc=pvc,
        job=FioJob("a-job", pod("running")),
        user=65534,
        engine="libaio",
        engine_errors=[],
        memory_bytes=2**34,
        row=VolumeRow(storage_class=storage_class, pvc=pvc, round=1, user=65534, filesystem="ext4"),
    )
    return replace(volume, **more)


def an_object(name: str = "a", version: str = "1", **status: Any) -> Obj:
    metadata = {"name": name, "resourceVersion": version, "labels": LABELS}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def pod(state: str, name: str = "pod-1", **status: Any) -> Obj:
    """A Job's pod whose container is in a state: waiting, running or terminated."""
    return {
        "metadata": {"name": name, "resourceVersion": "1"},
        "spec": {"nodeName": "node-1", "containers": [{"name": CONTAINER, "image": "fio:test"}]},
        "status": {
            "phase": {"waiting": "Pending", "running": "Running"}.get(state, "Succeeded"),
            "containerStatuses": [{"name": CONTAINER, "state": {state: {"reason": "Scripted"}}}],
            "conditions": [],
        }
        | status,
    }


def fio_json(*jobs: str) -> str:
    """Recorded output of fio, as if these jobs had run at once."""
    document = json.loads(RECORDED.read_text())
    (measured,) = document["jobs"]
    document["jobs"] = [measured | {"jobname": job} for job in jobs]
    return json.dumps(document)


def group(*jobs: str, status: int = 0, stderr: str = "", output: str | None = None) -> str:
    """What fio.sh writes of a group of jobs."""
    key = "2" if "second" in jobs else "1"
    lines = [f"@stormark begin {key} 1795400000", "[r=1MiB/s][r=256 IOPS]"]
    lines += [f"@stormark stderr {stderr}"] if stderr else []
    lines += [f"@stormark output {key}", fio_json(*jobs) if output is None else output]
    return "\n".join([*lines, f"@stormark end {key} {status}", ""])


def script_pod(api: Api, log: Answer, *, ended: Answer | None = None) -> None:
    """A Job whose pod starts at once, writes a log, ends, and is gone."""
    api.script("POST", JOBS, Answer.of({"metadata": {"name": "a-job"}}, status=201))
    api.script("GET", PODS, Answer.items([pod("running")]))
    api.script("GET", PODS, ended or Answer.items([pod("terminated")]), Answer.items([]))
    api.script("GET", f"{PODS}/pod-1/log", log)
    api.script("GET", f"{PODS}/pod-1", Answer.of(pod("terminated")))
