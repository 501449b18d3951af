"""Volumes: what is recorded of a PVC, its PV and its first pod, and why there is none."""

import time
from typing import Any

import pytest

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import streams
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.logs import Place
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan
from tasks.provision import bench_pod, claims
from tasks.provision.bench_log import FioLog
from tasks.provision.bench_pod import FioJob
from tasks.provision.provision import Subject, provision, subjects
from tasks.provision.volumes import Volume, VolumeFailed, lay_out
from tests.flows.server import until
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, make_run, pod, said

PVCS = "/api/v1/namespaces/bench/persistentvolumeclaims"
LOG = f"{PODS}/pod-1/log"
EVENTS = "/api/v1/namespaces/bench/events"
PVC = "stormark-20261123-031500-a1b2c3-0-fast-r2-volume"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"
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
    subject = Subject("fast", 0, storage_class)
    return provision(make_run(api.cluster, **plan), [], subject, 2, "node-1")


def test_a_volume_s_row_has_what_was_seen(api: Api) -> None:
    """Sizes, times, PV, node and filesystem."""
    script_volume(api, PREPARED)
    volume = provision_one(api)
    row = said(volume.row)
    assert 0 <= row.pop("bind_seconds") <= row.pop("first_pod_seconds") < 30
    del row["created_at"]
    assert row == {
        "storage_class": "fast",
        "round": 2,
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
        "filesystem": "xfs",
        "memory_backed": False,
        "free_bytes": 4000000000,
    }
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
    assert (volume.user, volume.row.user) == (0, 0)
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
    assert failed.value.row.error == str(failed.value)
    assert failed.value.row.pv == "pv-1"


def test_a_volume_that_is_too_small_is_refused_with_both_numbers(api: Api) -> None:
    """Free bytes and needed bytes, and the node where that was seen."""
    script_volume(api, f"{FACTS}@stormark refuse 1000 2000000\n")
    with pytest.raises(VolumeFailed, match=r"1,000 bytes are free.*2,000,000") as failed:
        provision_one(api)
    assert "node-1" in str(failed.value)
    assert failed.value.row.free_bytes == 4000000000


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
    assert volume.row.error == "preparing the volume of fast: fio: disk quota"


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


def test_the_round_s_node_is_preferred_and_no_more(api: Api) -> None:
    """A volume that is bound to another node still gets its pod."""
    script_volume(api, PREPARED)
    provision_one(api)
    (created,) = [request.body for request in api.asked("POST") if request.path == JOBS]
    affinity = created["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    (preferred,) = affinity.pop("preferredDuringSchedulingIgnoredDuringExecution")
    assert affinity == {}
    named = {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    assert preferred == {"weight": 100, "preference": {"matchFields": [named]}}


def test_a_volume_is_seen_attached_by_its_attachment(api: Api) -> None:
    """In the client's time; one that is not attached yet is not."""
    waiting, attached = (
        {
            "metadata": {"name": name, "resourceVersion": "1"},
            "spec": {"source": {"persistentVolumeName": name}},
            "status": {"attached": is_attached},
        }
        for name, is_attached in (("pv-1", False), ("pv-2", True))
    )
    api.script("GET", ATTACHMENTS, Answer.items([waiting, attached]))
    began = time.monotonic()
    with claims.attachments(api.cluster) as seen:
        until(lambda: dict(seen), bool)
        assert seen.keys() == {"pv-2"}
        assert began <= seen["pv-2"] <= time.monotonic()


def test_without_the_right_to_look_no_attachment_is_seen(api: Api) -> None:
    """And nothing fails."""
    api.script("GET", ATTACHMENTS, Answer.refusal(403, "Forbidden"))
    script_volume(api, PREPARED)
    assert provision_one(api).row.attached_seconds is None


def test_the_control_is_the_reference_once_more() -> None:
    """Under a name of its own, at a place of its own; without one there is none."""
    classes = [{"metadata": {"name": name}} for name in ("fast", "slow")]
    found = subjects(Plan(control=True), classes)
    assert [(one.name, one.position) for one in found] == [
        ("fast", 0),
        ("slow", 1),
        ("fast (control)", 2),
    ]
    assert found[2].storage_class is classes[0]
    assert [one.name for one in subjects(Plan(), classes)] == ["fast", "slow"]


def test_a_pvc_that_is_not_bound_fails_in_the_cluster_s_words(api: Api) -> None:
    """The newest warning about it says why."""
    script_volume(api, phase="Pending")
    warning = {"reason": "ProvisioningFailed", "message": "no space", "lastTimestamp": "1"}
    api.answers["GET", EVENTS] = [Answer.items([warning])]
    with pytest.raises(VolumeFailed, match="ProvisioningFailed: no space") as failed:
        provision_one(api, bind_limit_seconds=1)
    assert str(failed.value).startswith(f"binding of PVC {PVC} did not happen within 1 s")
    assert str(failed.value).endswith("raise plan field bind_limit_seconds")
    assert failed.value.row.pvc == PVC
