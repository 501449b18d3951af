"""What the seconds of a job tell on a real cluster: a cache, a neighbour, a burst, and nothing.

Each is the control of the others: what one is told of, the others must not be.
"""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from reports.data.load import Run, load
from reports.speed import sustained
from reports.speed.caveats import caveats
from reports.speed.comparison import compare
from reports.speed.cross_check import Checked, checked
from reports.speed.words import verdict
from testbed import cgroups
from tests.conftest import rows_of
from tests.flows.server import until
from tests.real.account import granted
from tests.real.command import stormark
from tests.real.marks import BREAKS_NODES
from tests.tasks.rights import shipped

pytestmark = BREAKS_NODES
NODE, THROTTLED, OTHER_DEVICE = "w2", "gp3-like", "local-path"
NAMES_ITS_NODE = {"kubernetes.io/hostname": NODE}
TIMED = "[global]\nstonewall\ntime_based\nbs=64k\niodepth=8\ndirect=1\nsize=64m\n"
ALONE = f"""{TIMED}ramp_time=2
runtime=10
[alone_read]
rw=randread
[alone_write]
rw=randwrite
[cached]
rw=randread
direct=0
invalidate=0
[sustained]
rw=randwrite
ramp_time=0
runtime=60
steadystate=iops_slope:20%
steadystate_duration=5
"""
# Beside a neighbour's 1 MiB/s.
SHARED = f"""{TIMED}ramp_time=1
runtime=10
[a_tenth]
rw=randwrite
rate=9m
[a_third]
rw=randwrite
rate=2m
"""
NEIGHBOUR = """
fio --name=fill --filename=volume/file --size=64m --rw=write --bs=1m --direct=1 && echo full
exec fio --name=neighbour --filename=volume/file --size=64m --rw=randwrite --bs=64k --direct=1 \
    --time_based --runtime=3600 --rate=1m
"""
# Far below what the disk has: its own stalls are none beside these limits.
FIRST_IOPS, BURST_SECONDS, THEN_IOPS = 200, 15, 50
BURSTS = re.compile(r": ([1-9]\d*\.\d)× for (\d+) s, then ([\d.]+) IOPS")
BURST = """\
[global]
stonewall
time_based
rw=randwrite
bs=4k
iodepth=16
direct=1
size=64m
ramp_time=5
runtime=36
[alike]
[throttled]
"""


def measured(kubeconfig: Path, image: str, folder: Path, fio_file: str, *classes: str) -> Run:
    """What a run of one round found on one node."""
    plan = {
        "storage_classes": list(classes),
        "fio_file": fio_file,
        "volume_size": "512Mi",
        "rounds": 1,
        "node_selector": NAMES_ITS_NODE,
        "image": image,
        "results": str(folder),
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    done = stormark(kubeconfig, "run", "--plan", str(folder / "plan.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = rows_of(str(folder), "runs")
    return load(str(folder), row["run_id"])


def of_jobs(run: Run, name: str) -> dict[str, Checked]:
    return {one.jobs[0]: one for one in checked(run) if one.storage_class == name}


def told(run: Run, job: str, name: str) -> str:
    """What the report says of a job's bytes on a class."""
    of_it = f"{job} on {name}, round 1: "
    return "; ".join(one.text for one in caveats(run) if one.text.startswith(of_it))


def test_a_throttled_class_alone_and_a_known_cache(
    admin: client.ApiClient, image: str, tmp_path: Path
) -> None:
    """The device moved what fio did; but what the page cache answered it did not."""
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        run = measured(kubeconfig, image, tmp_path, ALONE, THROTTLED)
    found = of_jobs(run, THROTTLED)
    for way in ("read", "write"):
        job = found[f"alone_{way}"]
        assert job.ratios == {way: pytest.approx(1.0, abs=0.05)}
        assert job.others == pytest.approx(0.0, abs=0.05)
        assert told(run, f"alone_{way}", THROTTLED) == ""
    assert found["cached"].ratios["read"] < 0.1
    assert "of fio's reads: a cache has the rest" in told(run, "cached", THROTTLED)
    (words,) = sustained.sentences(run)
    assert re.search(r"sustained on gp3-like: round 1 steady after \d+ s at .* its last 5 s", words)
    assert any(row["job"] == "sustained" and row["iops"] for row in run.fio_seconds)


@contextmanager
def a_neighbour(admin: client.ApiClient, image: str, namespace: str) -> Iterator[None]:
    """Another pod on the node, which writes 1 MiB/s to the device that its class lies on."""
    core: Any = client.CoreV1Api(admin)
    meta = {"name": "neighbour"}
    core.create_namespaced_persistent_volume_claim(
        namespace,
        {
            "metadata": meta,
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": THROTTLED,
                "resources": {"requests": {"storage": "128Mi"}},
            },
        },
    )
    container = {
        "name": "fio",
        "image": image,
        "workingDir": "/",
        "command": ["sh", "-c", NEIGHBOUR],
        "volumeMounts": [{"name": "volume", "mountPath": "/volume"}],
    }
    volume = {"name": "volume", "persistentVolumeClaim": {"claimName": "neighbour"}}
    spec = {
        "nodeSelector": NAMES_ITS_NODE,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [volume],
    }
    core.create_namespaced_pod(namespace, {"metadata": meta, "spec": spec})

    def begun() -> str:
        if core.read_namespaced_pod("neighbour", namespace).status.phase != "Running":
            return ""
        return str(core.read_namespaced_pod_log("neighbour", namespace))

    until(begun, lambda log: "\nfull\n" in log, 300)
    yield
    assert core.read_namespaced_pod("neighbour", namespace).status.phase == "Running"


def test_a_busy_neighbour(admin: client.ApiClient, image: str, tmp_path: Path) -> None:
    """A tenth of what the device moved is a warning, a third no verdict; elsewhere is nothing."""
    with (
        granted(admin, shipped(), tmp_path) as kubeconfig,
        a_neighbour(admin, image, kubeconfig.stem),
    ):
        run = measured(kubeconfig, image, tmp_path, SHARED, OTHER_DEVICE, THROTTLED)
    tenth, third = (of_jobs(run, THROTTLED)[job].others or 0 for job in ("a_tenth", "a_third"))
    assert 0.05 < tenth < 0.2 < third, (tenth, third)
    assert f"{100 * tenth:.0f} % of what " in told(run, "a_tenth", THROTTLED)
    assert "no verdict" not in told(run, "a_tenth", THROTTLED)
    assert "was others', so there is no verdict" in told(run, "a_third", THROTTLED)
    assert "others'" not in told(run, "a_tenth", OTHER_DEVICE) + told(run, "a_third", OTHER_DEVICE)
    of = {row.job["job"]: verdict(row, row.cells[1], "volume") for row in compare(run).rows}
    assert of["a_third"] == "no verdict (others' I/O)" != of["a_tenth"]


def test_a_burst_is_found_where_it_ended(
    admin: client.ApiClient, image: str, tmp_path: Path
) -> None:
    """A throttle that changes in mid-job is found within 2 s; where it does not, no level ends."""
    with granted(admin, shipped(), tmp_path) as kubeconfig, ThreadPoolExecutor() as beside:
        throttled = beside.submit(throttle, client.CoreV1Api(admin), kubeconfig.stem)
        run = measured(kubeconfig, image, tmp_path, BURST, THROTTLED)
    seconds = [row for row in run.fio_seconds if row["job"] == "throttled" and not row["ramp"]]
    truth = throttled.result() - min(row["at"] for row in seconds).timestamp()
    said = {
        job: " ".join(one.text for one in caveats(run) if one.text.startswith(f"{job} is not"))
        for job in ("alike", "throttled")
    }
    found = BURSTS.search(said["throttled"])
    assert found, said
    factor, lasted, then = map(float, found.groups())
    assert then == pytest.approx(THEN_IOPS, rel=0.1)
    assert factor == pytest.approx(FIRST_IOPS / THEN_IOPS, rel=0.1)
    assert lasted == pytest.approx(truth, abs=2)
    assert not BURSTS.search(said["alike"]), said


def throttle(core: Any, namespace: str) -> float:
    """Hold fio's container to less, and to still less within its second job; when that was."""

    def on_volume() -> Any:
        running = [
            pod
            for pod in core.list_namespaced_pod(namespace).items
            if pod.status.phase == "Running"
            and any(volume.persistent_volume_claim for volume in pod.spec.volumes)
        ]
        return running[0] if running else None

    pod = until(on_volume, lambda one: one is not None, 600)
    name = pod.status.container_statuses[0].container_id.partition("://")[2]
    groups = cgroups.ROOT / "blkio" / cgroups.GROUP / NODE
    (limit,) = groups.rglob(f"{name}/blkio.throttle.write_iops_device")
    device = limit.read_text().split()[0]
    limit.write_text(f"{device} {FIRST_IOPS}")
    until(
        lambda: core.read_namespaced_pod_log(pod.metadata.name, namespace),
        lambda said: "@stormark begin 2 " in said,
        600,
    )
    ramp_seconds = 5
    time.sleep(ramp_seconds + BURST_SECONDS)
    limit.write_text(f"{device} {THEN_IOPS}")
    return time.time()
