"""Volumes: what is recorded of a PVC, its PV and its first pod, and why there is none."""

from threading import Event
from typing import Any

import pytest

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import streams
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.logs import Place
from tasks.kubernetes.objects import Obj
from tasks.provision import bench_pod
from tasks.provision import provision as provisioning
from tasks.provision.bench_log import FioLog
from tasks.provision.bench_pod import FioJob
from tasks.provision.provision import provision, provisioned
from tasks.provision.volumes import Volume, VolumeFailed, lay_out
from tasks.results.schema import TABLES
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, make_run, pod

PVCS = "/api/v1/namespaces/bench/persistentvolumeclaims"
JOB = "stormark-20261123-031500-a1b2c3-1-fast-fio-1"
LOG = f"{PODS}/pod-1/log"
EVENTS = "/api/v1/namespaces/bench/events"
PVC = "stormark-20261123-031500-a1b2c3-0-fast-volume"
PV: Obj = {
    "metadata": {"name": "pv-1"},
    "spec": {
        "capacity": {"storage": "4Gi"},
        "claimRef": {"name": PVC},
        "csi": {"driver": "disk.example.com"},
        "nodeAffinity": {
            "required": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}
                ]
            }
        },
    },
}
FACTS = """\
@stormark fact memory_bytes 17179869184
@stormark fact filesystem xfs
@stormark fact free_bytes 4000000000
"""
PREPARED = f"{FACTS}@stormark engine libaio fio: no\n@stormark fact engine psync\n@stormark ready\n"


def claim(phase: str, position: int = 0) -> Obj:
    bound = {"capacity": {"storage": "4Gi"}} if phase == "Bound" else {}
    return {
        "metadata": {"name": PVC.replace("-0-", f"-{position}-"), "resourceVersion": "1"},
        "spec": {"volumeName": "pv-1"},
        "status": {"phase": phase} | bound,
    }


def script_volume(api: Api, *logs: str, phase: str = "Bound") -> None:
    """A class whose PVC comes to a phase, and whose pods, one for each log, write these."""
    api.script("POST", PVCS, Answer.of({}, status=201))
    api.script("POST", JOBS, Answer.of({}, status=201))
    api.script("GET", PVCS, Answer.items([claim("Pending")]))
    api.script("WATCH", PVCS, Answer.changes(("MODIFIED", claim(phase))))
    api.script("GET", "/api/v1/persistentvolumes/pv-1", Answer.of(PV))
    api.script("GET", EVENTS, Answer.items([]))
    for number, log in enumerate(logs, start=1):
        name = f"pod-{number}"
        api.script("GET", PODS, Answer.items([pod("running", name)]))
        api.script("GET", PODS, Answer.items([pod("terminated", name)]))
        api.script("GET", f"{PODS}/{name}/log", Answer.of(log))
        api.script("GET", f"{PODS}/{name}", Answer.of(pod("terminated", name)))


def provision_one(api: Api, *, binding: str = "Immediate", **plan: Any) -> Volume:
    storage_class = {"metadata": {"name": "fast"}, "volumeBindingMode": binding}
    return provision(make_run(api.cluster, **plan), [], storage_class, 0, Event())


def test_a_volume_s_row_has_what_was_seen(api: Api) -> None:
    """Sizes, times, PV, node and filesystem; every key is a column."""
    script_volume(api, PREPARED)
    volume = provision_one(api)
    row = volume.row
    assert 0 <= row.pop("bind_seconds") <= row.pop("first_pod_seconds") < 30
    del row["created_at"]
    assert row == {
        "storage_class": "fast",
        "pvc": PVC,
        "access_mode": "ReadWriteOnce",
        "volume_mode": "Filesystem",
        "requested_bytes": 2**32,
        "capacity_bytes": 2**32,
        "pv": "pv-1",
        "pv_type": "csi (disk.example.com)",
        "node_affinity": "zone In a, b",
        "user": 65534,
        "node": "node-1",
        "attach_seconds": None,
        "filesystem": "xfs",
        "memory_backed": False,
        "free_bytes": 4000000000,
    }
    assert set(row) <= {column.name for column in TABLES["volumes"]}
    assert (volume.engine, volume.engine_errors) == ("psync", ["libaio: fio: no"])
    assert volume.memory_bytes == 2**34


@pytest.mark.parametrize("binding", ["Immediate", "WaitForFirstConsumer"])
def test_a_class_that_waits_for_a_pod_gets_one(api: Api, binding: str) -> None:
    """Where binding waits for its consumer, the pod is created before the wait."""
    script_volume(api, PREPARED)
    provision_one(api, binding=binding)
    assert [request.path for request in api.asked("POST")] == [PVCS, JOBS]
    job, watch = (
        next(i for i, asked in enumerate(api.requests) if (asked.method, asked.path) == wanted)
        for wanted in (("POST", JOBS), ("WATCH", PVCS))
    )
    assert (job < watch) == (binding == "WaitForFirstConsumer")


def test_a_volume_that_refuses_other_users_is_written_as_root(api: Api) -> None:
    """The second pod runs as root, and so will all that measure."""
    script_volume(api, f"{FACTS}@stormark unwritable denied\n", PREPARED)
    volume = provision_one(api)
    assert (volume.user, volume.row["user"]) == (0, 0)
    users = [
        request.body["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        for request in api.asked("POST")
        if request.path == JOBS
    ]
    assert users == [65534, 0]


def test_a_volume_that_refuses_root_too_has_failed(api: Api) -> None:
    """Nobody can write: the row says so."""
    script_volume(api, "@stormark unwritable a\n", "@stormark unwritable b\n")
    why = "neither user 65534 nor root may write to the volume: b"
    with pytest.raises(VolumeFailed, match=why) as failed:
        provision_one(api)
    assert failed.value.row["error"] == str(failed.value)
    assert failed.value.row["pv"] == "pv-1"


def test_a_volume_that_is_too_small_is_refused_with_both_numbers(api: Api) -> None:
    """Free bytes and needed bytes, and the node where that was seen."""
    script_volume(api, f"{FACTS}@stormark refuse 1000 2000000\n")
    with pytest.raises(VolumeFailed, match=r"1,000 bytes are free.*2,000,000") as failed:
        provision_one(api)
    assert "node-1" in str(failed.value)
    assert failed.value.row["free_bytes"] == 4000000000


def test_a_volume_that_cannot_be_looked_at_fails_in_the_pod_s_words(api: Api) -> None:
    """The engines that were refused are said as well."""
    script_volume(api, f"{FACTS}@stormark engine libaio fio: no\n")
    with pytest.raises(VolumeFailed, match="preparing the volume of fast: libaio: fio: no"):
        provision_one(api)


def test_files_are_laid_out_when_the_run_says_so(api: Api) -> None:
    """Until then the pod does no I/O."""
    script_volume(api, PREPARED)
    volume = provision_one(api)
    assert api.orders == []
    api.script("GET", LOG, Answer.of(f"{PREPARED}@stormark order 1\n@stormark finished\n"))
    lay_out(make_run(api.cluster), [], volume, lambda progress: None)  # noqa: ARG005
    assert api.orders == ["1 layout"]


def test_files_that_cannot_be_laid_out_fail_in_fio_s_words(api: Api) -> None:
    """The row says so, too."""
    script_volume(api, PREPARED)
    volume = provision_one(api)
    api.script("GET", PODS, Answer.items([]))
    failed = f"{PREPARED}@stormark order 1\n@stormark failed-layout fio: disk quota\n"
    api.script("GET", LOG, Answer.of(failed))
    with pytest.raises(VolumeFailed, match="preparing the volume of fast: fio: disk quota"):
        lay_out(make_run(api.cluster), [], volume, lambda progress: None)  # noqa: ARG005
    assert volume.row["error"] == "preparing the volume of fast: fio: disk quota"


def test_an_order_whose_answer_is_lost_is_looked_for(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says that it came: it is not given again."""
    tried: list[str] = []

    def cut(_cluster: k8s.Cluster, _pod: str, command: list[str], **_: float) -> str:
        tried.append(command[-1])
        raise ClusterError("the connection broke")

    monkeypatch.setattr(streams, "execute", cut)
    api.script("GET", LOG, Answer.of("@stormark ready\n@stormark order 1\n@stormark finished\n"))
    api.script("GET", f"{PODS}/pod-1", Answer.of(pod("running")))
    log = FioLog()
    ready = "2026-11-24T03:15:00.000000001Z @stormark ready"
    job = FioJob("a-job", pod("running"), place=Place(ready))
    bench_pod.order(api.cluster, job, "layout", log, limit_seconds=9, hear=lambda line: None)  # noqa: ARG005
    assert (log.finished, tried) == (True, ["1 layout"])


def test_volumes_come_one_after_the_other_and_their_pods_end(api: Api) -> None:
    """A class that gives none does not keep the next from coming."""
    script_volume(api, PREPARED, phase="Pending")
    api.script("DELETE", f"{JOBS}/{JOB}", Answer.of({}))
    api.answers["WATCH", PVCS] = [Answer.changes(), Answer.changes(("MODIFIED", claim("Bound", 1)))]
    classes = [{"metadata": {"name": "slow"}}, {"metadata": {"name": "fast"}}]
    run = make_run(api.cluster, bind_limit_seconds=1)
    with provisioned(run, [], classes) as coming:
        first, second = coming
        assert isinstance(first, VolumeFailed)
        assert isinstance(second, Volume)
        assert second.storage_class == "fast"
        assert api.asked("DELETE") == []
    assert [request.path for request in api.asked("DELETE")] == [f"{JOBS}/{JOB}"]


def test_once_a_run_has_ended_nothing_more_is_created(api: Api) -> None:
    """What is still waited for in the thread comes to nothing."""
    script_volume(api, PREPARED)
    ended = Event()
    ended.set()
    with pytest.raises(VolumeFailed, match="the run has ended"):
        provision(make_run(api.cluster), [], {"metadata": {"name": "fast"}}, 0, ended)
    assert api.asked("POST") == []


def test_what_breaks_in_the_thread_breaks_the_run(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect is not taken for a slow class."""

    def defect(*_: Any) -> Volume:
        raise KeyError("a defect")

    monkeypatch.setattr(provisioning, "provision", defect)
    run = make_run(api.cluster)
    with provisioned(run, [], [{}]) as coming, pytest.raises(KeyError, match="a defect"):
        next(coming)


def test_a_pvc_that_is_not_bound_fails_in_the_cluster_s_words(api: Api) -> None:
    """The newest warning about it says why."""
    script_volume(api, phase="Pending")
    warning = {"reason": "ProvisioningFailed", "message": "no space", "lastTimestamp": "1"}
    api.answers["GET", EVENTS] = [Answer.items([warning])]
    with pytest.raises(VolumeFailed, match="ProvisioningFailed: no space") as failed:
        provision_one(api, bind_limit_seconds=1)
    assert str(failed.value).startswith(f"binding of PVC {PVC} did not happen within 1 s")
    assert str(failed.value).endswith("raise plan field bind_limit_seconds")
    assert failed.value.row["pvc"] == PVC
