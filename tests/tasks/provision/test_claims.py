"""What the results say of a PVC and its PV, and what both are called."""

import pytest

from tasks.kubernetes.objects import Obj
from tasks.provision.claims import attach_seconds, node_affinity, object_name, pv_type
from tests.tasks.api import Api
from tests.tasks.sample import make_run


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
@pytest.mark.parametrize("ending", ["volume", "fio-1", "fio-root", "storm-root"])
def test_a_name_fits_into_a_label(api: Api, position: int, ending: str) -> None:
    """A Job's name becomes its pods' label: 63 characters at most, whatever the class is called."""
    run = make_run(api.cluster)
    name = object_name(run, position, "local.storageclass-with.a-long-name", ending)
    assert len(name) <= 63
    assert name.startswith(f"stormark-{run.run_id}-{position}-local-storag-")
    assert name.endswith(f"-{ending}")
