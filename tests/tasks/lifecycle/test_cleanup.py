"""Release, on an embedded cluster: all that a run made goes, and nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.kubernetes import storage_classes, verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, WaitTimedOut
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.cleanup import PROVISIONED, release
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.reap import find_remains, reap
from tasks.lifecycle.run import CLEAN, REMAINS, Run, new_run_id, owned
from tasks.provision import bench_pod
from tasks.provision.provision import Subject, provision
from tasks.provision.volumes import Volume
from tests.conftest import Cluster as Embedded
from tests.tasks.sample import make_run

RUN_ID = "20261122-031500-d4e5f6"
PROFILE = {"fio_file": "[a]\nsize=4m\nruntime=1\n", "volume_size": "64Mi"}


def a_run(connection: Cluster) -> Run:
    return make_run(connection, new_run_id(datetime.now(UTC)), **PROFILE)


def configmap(run: Run | None, name: str, **metadata: object) -> Obj:
    labels = run.labels if run else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": labels} | metadata,
    }


def a_volume(run: Run, owner: list[Obj], storage_class: str = "local-path") -> Volume:
    (chosen,) = storage_classes.chosen(run.cluster, [storage_class])
    bench_pod.create_job_files(run, owner)
    return provision(run, owner, Subject(storage_class, 0, chosen), 1, None)


def names(connection: Cluster, kind: str) -> list[str]:
    return [found["metadata"]["name"] for found in verbs.find(connection, kind)]


def test_everything_that_a_run_made_is_gone_with_its_pv(connection: Cluster) -> None:
    """Jobs, pods, PVCs, the ConfigMap; and the PV, which the provisioner deletes later."""
    run = a_run(connection)
    with owned(run, lambda progress: None, warn=pytest.fail) as owner:  # noqa: ARG005
        volume = a_volume(run, owner)
        assert volume.row.pv in names(connection, "PersistentVolume")
        assert (volume.row.first_pod_seconds or 0) >= (volume.row.bind_seconds or 0) > 0
    for kind in ("Job", "Pod", "PersistentVolumeClaim"):
        assert names(connection, kind) == []
    assert volume.row.pv not in names(connection, "PersistentVolume")


def test_what_others_made_is_left_alone(connection: Cluster) -> None:
    """Another run's objects, and those without a label."""
    first, second = a_run(connection), a_run(connection)
    for manifest in (configmap(second, "second"), configmap(None, "nobody")):
        verbs.create(connection, manifest)
    with owned(first, lambda progress: None, warn=pytest.fail):  # noqa: ARG005
        pass
    left = set(names(connection, "ConfigMap"))
    assert {"second", "nobody"} <= left
    assert f"stormark-{first.run_id}" not in left
    for name in ("second", "nobody"):
        verbs.delete(connection, "ConfigMap", name)


def test_a_release_can_be_called_again(connection: Cluster) -> None:
    """By a person or a reaper, after it has ended or never began."""
    run = a_run(connection)
    release(connection, run.run_id, run.plan)
    with owned(run, lambda progress: None, warn=pytest.fail):  # noqa: ARG005
        pass
    release(connection, run.run_id, run.plan)
    assert f"stormark-{run.run_id}" not in names(connection, "ConfigMap")


def kept(run: Run) -> Obj:
    """A PVC with a finalizer that nobody removes."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "stuck", "labels": run.labels, "finalizers": ["example.com/keep"]},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}},
            "storageClassName": "no-such-class",
        },
    }


def test_what_is_slow_to_go_is_named_and_no_failure(connection: Cluster) -> None:
    """A second call finds that it has gone."""
    run = a_run(connection)
    plan = run.plan.model_copy(update={"delete_limit_seconds": 1})
    verbs.create(connection, kept(run))
    notes = release(connection, run.run_id, plan)
    verbs.patch(connection, "PersistentVolumeClaim", "stuck", {"metadata": {"finalizers": None}})
    assert release(connection, run.run_id, plan) == []
    assert names(connection, "PersistentVolumeClaim") == []
    assert notes == [
        "persistentvolumeclaims stuck still being deleted after 1 s. See why with "
        f"`kubectl -n {connection.namespace} describe persistentvolumeclaims stuck`"
    ]


def test_what_is_not_deleted_at_all_is_a_failure(
    connection: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where something takes the deletion back."""
    run = a_run(connection)
    plan = run.plan.model_copy(update={"delete_limit_seconds": 1})
    verbs.create(connection, kept(run))
    delete = verbs.delete
    with monkeypatch.context() as patch:
        patch.setattr(verbs, "delete", lambda *_arguments, **_more: None)
        with pytest.raises(ClusterError, match="persistentvolumeclaims stuck still there after 1"):
            release(connection, run.run_id, plan)
    delete(connection, "PersistentVolumeClaim", "stuck")
    verbs.patch(connection, "PersistentVolumeClaim", "stuck", {"metadata": {"finalizers": None}})
    assert release(connection, run.run_id, plan) == []


@pytest.fixture
def retaining(connection: Cluster) -> Iterator[str]:
    """A class as local-path, whose volumes are to stay; what stays ends with the test."""
    name = f"retain-{connection.namespace}"
    given = verbs.get(connection, "StorageClass", "local-path")
    wanted = ("apiVersion", "kind", "provisioner", "volumeBindingMode", "parameters")
    same = {key: given[key] for key in wanted if key in given}
    verbs.create(connection, same | {"metadata": {"name": name}, "reclaimPolicy": "Retain"})
    yield name
    verbs.delete(connection, "StorageClass", name)


def test_a_retained_volume_goes_with_its_data(connection: Cluster, retaining: str) -> None:
    run, notes, told = a_run(connection), list[str](), list[Progress]()
    with owned(run, told.append, notes.append) as owner:
        volume = a_volume(run, owner, retaining)
        pv = verbs.get(connection, "PersistentVolume", volume.row.pv or "")
        assert pv["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume.row.pv not in names(connection, "PersistentVolume")
    assert (notes, told[-1].step) == ([], CLEAN)


@pytest.mark.usefixtures("nobody_lives")
def test_a_retained_volume_that_may_not_go_is_named_until_it_does(
    connection: Cluster, retaining: str, cluster: Embedded
) -> None:
    """In the run's warnings, by a dry run of reap; whoever may, deletes it by reap."""
    run, notes, told = a_run(connection), list[str](), list[Progress]()
    cluster.fault("patch", "persistentvolumes", 403)
    with owned(run, told.append, notes.append) as owner:
        pv = a_volume(run, owner, retaining).row.pv or ""
    (note,) = notes
    assert told[-1].step == REMAINS
    assert note.startswith(f"PersistentVolume {pv} and its data stay, since its class says Retain")
    assert f"kubectl patch pv {pv}" in note
    assert verbs.get(connection, "PersistentVolume", pv)["status"]["phase"] == "Released"
    (remains,) = reap(connection, dry_run=True)
    assert remains.run_id == run.run_id
    assert remains.objects == [f"PersistentVolume/{pv} (Released, with its data)"]
    reap(connection, dry_run=False)
    assert reap(connection, dry_run=True) == []
    assert pv not in names(connection, "PersistentVolume")


@pytest.mark.parametrize("provisioned", [False, True], ids=["static", "provisioned"])
def test_a_volume_that_somebody_made_is_no_remains(
    connection: Cluster, *, provisioned: bool
) -> None:
    """It is Released after each run that used it, and stays its maker's."""
    name, by = f"made-{connection.namespace}", {PROVISIONED: "example.com/disk"}
    claim = {"namespace": connection.namespace, "name": f"stormark-{RUN_ID}-0-disk-volume"}
    pv: Obj = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": by if provisioned else {}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "64Mi"},
            "claimRef": claim | {"uid": "gone"},
            "hostPath": {"path": "/var/tmp/made"},
            "persistentVolumeReclaimPolicy": "Retain",
        },
    }
    verbs.create(connection, pv)
    try:
        watches.wait(
            connection,
            "PersistentVolume",
            lambda items: items[name]["status"].get("phase") == "Released" or None,
            what="release of the PV",
            limit_seconds=60,
            name=name,
        )
        assert (RUN_ID in find_remains(connection)) is provisioned
    finally:
        verbs.delete(connection, "PersistentVolume", name)


@pytest.mark.parametrize("volume", ["of-the-run", "of-another"])
def test_a_volume_that_a_node_has_still_is_named(
    connection: Cluster, monkeypatch: pytest.MonkeyPatch, volume: str
) -> None:
    """As that of a node that is lost; the attachment of somebody else's volume is not.

    The embedded cluster attaches nothing: what it says of attachments is written here.
    """
    run = a_run(connection)
    plan = run.plan.model_copy(update={"delete_limit_seconds": 1})
    claim = kept(run)
    claim["metadata"] = {"name": "attached", "labels": run.labels}
    claim["spec"]["volumeName"] = "of-the-run"
    verbs.create(connection, claim)
    spec = {"nodeName": "w1", "source": {"persistentVolumeName": volume}}
    there = [{"metadata": {"name": f"{volume}-on-w1"}, "spec": spec}]
    wait_gone = watches.wait_gone

    def wait(cluster: Cluster, kind: str, **more: Any) -> None:
        if kind == "VolumeAttachment":
            raise WaitTimedOut(more["what"], {})
        wait_gone(cluster, kind, **more)

    monkeypatch.setattr(verbs, "find_allowed", lambda *_: there)
    monkeypatch.setattr(watches, "wait_gone", wait)
    notes = release(connection, run.run_id, plan)
    still = (
        "volumeattachments of-the-run-on-w1: volume of-the-run is still attached to node w1 after "
        "1 s. See why with `kubectl describe volumeattachments of-the-run-on-w1`"
    )
    assert notes == ([still] if volume == "of-the-run" else [])
