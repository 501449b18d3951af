"""Volumes: what is recorded of a PVC, its PV and its first pod, and why there is none."""

from typing import Any

import pytest

from tasks.cluster import Obj
from tasks.tables import TABLES
from tasks.volumes import (
    Volume,
    VolumeFailed,
    attach_seconds,
    node_affinity,
    object_name,
    provision,
    pv_type,
)
from tests.tasks.api import Answer, Api
from tests.tasks.sample import JOBS, PODS, make_run, pod

PVCS = "/api/v1/namespaces/bench/persistentvolumeclaims"
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
PREPARED = (
    f"{FACTS}@stormark engine libaio fio: no\n@stormark fact engine psync\n@stormark finished\n"
)


def claim(phase: str) -> Obj:
    bound = {"capacity": {"storage": "4Gi"}} if phase == "Bound" else {}
    return {
        "metadata": {"name": PVC, "resourceVersion": "1"},
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


def provisioned(api: Api, *, binding: str = "Immediate", **plan: Any) -> Volume:
    storage_class = {"metadata": {"name": "fast"}, "volumeBindingMode": binding}
    return provision(make_run(api.cluster, **plan), [], storage_class, 0, lambda progress: None)  # noqa: ARG005


def test_a_volume_s_row_has_what_was_seen(api: Api) -> None:
    """Sizes, times, PV, node and filesystem; every key is a column."""
    script_volume(api, PREPARED)
    volume = provisioned(api)
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
    provisioned(api, binding=binding)
    assert [request.path for request in api.asked("POST")] == [PVCS, JOBS]
    job, watch = (
        next(i for i, asked in enumerate(api.requests) if (asked.method, asked.path) == wanted)
        for wanted in (("POST", JOBS), ("WATCH", PVCS))
    )
    assert (job < watch) == (binding == "WaitForFirstConsumer")


def test_a_volume_that_refuses_other_users_is_written_as_root(api: Api) -> None:
    """The second pod runs as root, and so will all that measure."""
    script_volume(api, f"{FACTS}@stormark unwritable\n", PREPARED)
    volume = provisioned(api)
    assert (volume.user, volume.row["user"]) == (0, 0)
    users = [
        request.body["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        for request in api.asked("POST")
        if request.path == JOBS
    ]
    assert users == [65534, 0]


def test_a_volume_that_refuses_root_too_has_failed(api: Api) -> None:
    """Nobody can write: the row says so."""
    script_volume(api, "@stormark unwritable\n", "@stormark unwritable\n")
    with pytest.raises(VolumeFailed, match="neither user 65534 nor root may write") as failed:
        provisioned(api)
    assert failed.value.row["error"] == str(failed.value)
    assert failed.value.row["pv"] == "pv-1"


def test_a_volume_that_is_too_small_is_refused_with_both_numbers(api: Api) -> None:
    """Free bytes and needed bytes, and the node where that was seen."""
    script_volume(api, f"{FACTS}@stormark refuse 1000 2000000\n")
    with pytest.raises(VolumeFailed, match=r"1,000 bytes are free.*2,000,000") as failed:
        provisioned(api)
    assert "node-1" in str(failed.value)
    assert failed.value.row["free_bytes"] == 4000000000


def test_files_that_cannot_be_laid_out_fail_in_fio_s_words(api: Api) -> None:
    """The engines that were refused are said as well."""
    log = f"{FACTS}@stormark engine libaio fio: no\n@stormark failed-layout fio: disk quota\n"
    script_volume(api, log)
    with pytest.raises(VolumeFailed, match="fio: disk quota; libaio: fio: no"):
        provisioned(api)


def test_a_pvc_that_is_not_bound_fails_in_the_cluster_s_words(api: Api) -> None:
    """The newest warning about it says why."""
    script_volume(api, phase="Pending")
    warning = {"reason": "ProvisioningFailed", "message": "no space", "lastTimestamp": "1"}
    api.answers["GET", EVENTS] = [Answer.items([warning])]
    with pytest.raises(VolumeFailed, match="ProvisioningFailed: no space") as failed:
        provisioned(api, bind_limit_seconds=1)
    assert str(failed.value).startswith(f"binding of PVC {PVC} did not happen within 1 s")
    assert failed.value.row["pvc"] == PVC


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"hostPath": {"path": "/data"}}, "hostPath"),
        ({"local": {"path": "/data"}}, "local"),
        ({"nfs": {"server": "a", "path": "/b"}}, "nfs"),
        ({"csi": {"driver": "disk.example.com"}}, "csi (disk.example.com)"),
        ({}, "unknown"),
    ],
)
def test_a_pv_s_type_is_its_source(source: Obj, kind: str) -> None:
    """Whatever else a PV's spec holds."""
    others = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "claimRef": {"name": "a"},
        "nodeAffinity": {"required": {}},
        "mountOptions": ["noatime"],
        "storageClassName": "fast",
    }
    assert pv_type({"spec": others | source}) == kind


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (
            [{"matchExpressions": [{"key": "host", "operator": "In", "values": ["n1"]}]}],
            "host In n1",
        ),
        ([{"matchExpressions": [{"key": "ssd", "operator": "Exists"}]}], "ssd Exists"),
        (
            [
                {
                    "matchExpressions": [
                        {"key": "zone", "operator": "In", "values": ["a", "b"]},
                        {"key": "gpu", "operator": "DoesNotExist"},
                    ]
                },
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]},
            ],
            "zone In a, b and gpu DoesNotExist or metadata.name In n1",
        ),
        ([], None),
    ],
)
def test_node_affinity_is_part_of_a_sentence(terms: list[Obj], words: str | None) -> None:
    """Terms are alternatives, a term's rules hold together."""
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}
    assert node_affinity({"spec": spec}) == words
    assert node_affinity({"spec": {}}) is None


SCHEDULED = {"type": "PodScheduled", "lastTransitionTime": "2026-11-23T03:15:00Z"}


@pytest.mark.parametrize(
    "event",
    [
        {"lastTimestamp": "2026-11-23T03:15:04Z"},
        {"lastTimestamp": None, "eventTime": "2026-11-23T03:15:04.000000Z"},
    ],
)
def test_attachment_is_timed_from_scheduling(event: Obj) -> None:
    """An event has one of two times, after the API that made it."""
    events = [{"reason": "Scheduled"}, {"reason": "SuccessfulAttachVolume"} | event]
    assert attach_seconds({"status": {"conditions": [SCHEDULED]}}, events) == 4.0


def test_a_volume_that_is_never_attached_has_no_time() -> None:
    """Local volumes and NFS are mounted only; an event may lack a reason."""
    scheduled = {"status": {"conditions": [SCHEDULED]}}
    assert attach_seconds(scheduled, [{"message": "no reason"}]) is None
    assert attach_seconds({"status": {}}, [{"reason": "SuccessfulAttachVolume"}]) is None


@pytest.mark.parametrize("position", [0, 10, 999])
@pytest.mark.parametrize("ending", ["volume", "prepare", "prepare-root", "r100"])
def test_a_name_fits_into_a_label(api: Api, position: int, ending: str) -> None:
    """A Job's name becomes its pods' label: 63 characters at most, whatever the class is called."""
    run = make_run(api.cluster)
    name = object_name(run, position, "local.storageclass-with.a-long-name", ending)
    assert len(name) <= 63
    assert name.startswith(f"stormark-{run.run_id}-{position}-local-storag-")
    assert name.endswith(f"-{ending}")
