"""Release, on an embedded cluster: all that a run made goes, and nothing else."""

from datetime import UTC, datetime
from threading import Event

import pytest

from tasks import classes
from tasks import cluster as k8s
from tasks import release as release_module
from tasks.cluster import Cluster, ClusterError, Obj
from tasks.provision import provision
from tasks.release import release
from tasks.run import Run, new_run_id, owned
from tasks.volumes import Volume
from tests.conftest import Cluster as Embedded
from tests.tasks.sample import make_run

PROFILE = {"fio_file": "[a]\nsize=4m\nruntime=1\n", "volume_size": "64Mi"}


@pytest.fixture
def connection(cluster: Embedded, namespace: str) -> Cluster:  # noqa: ARG001 - sets KUBECONFIG
    return k8s.connect(None, namespace)


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
    (chosen,) = classes.chosen(run.cluster, [storage_class])
    return provision(run, owner, chosen, 0, Event())


def names(connection: Cluster, kind: str) -> list[str]:
    return [found["metadata"]["name"] for found in k8s.find(connection, kind)]


def test_everything_that_a_run_made_is_gone_with_its_pv(connection: Cluster) -> None:
    """Jobs, pods, PVCs, the ConfigMap; and the PV, which the provisioner deletes later."""
    run = a_run(connection)
    with owned(run, lambda progress: None) as owner:  # noqa: ARG005
        volume = a_volume(run, owner)
        assert volume.row["pv"] in names(connection, "PersistentVolume")
        assert volume.row["first_pod_seconds"] >= volume.row["bind_seconds"] > 0
    for kind in ("Job", "Pod", "PersistentVolumeClaim"):
        assert names(connection, kind) == []
    assert volume.row["pv"] not in names(connection, "PersistentVolume")


def test_what_others_made_is_left_alone(connection: Cluster) -> None:
    """Another run's objects, and those without a label."""
    first, second = a_run(connection), a_run(connection)
    for manifest in (configmap(second, "second"), configmap(None, "nobody")):
        k8s.create(connection, manifest)
    with owned(first, lambda progress: None):  # noqa: ARG005
        pass
    left = set(names(connection, "ConfigMap"))
    assert {"second", "nobody"} <= left
    assert f"stormark-{first.run_id}" not in left
    for name in ("second", "nobody"):
        k8s.delete(connection, "ConfigMap", name)


def test_a_release_can_be_called_again(connection: Cluster) -> None:
    """By a person or a reaper, after it has ended or never began."""
    run = a_run(connection)
    release(connection, run.run_id, run.plan)
    with owned(run, lambda progress: None):  # noqa: ARG005
        pass
    release(connection, run.run_id, run.plan)
    assert f"stormark-{run.run_id}" not in names(connection, "ConfigMap")


def test_what_does_not_go_is_named_with_what_to_do(
    connection: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finalizer that nobody removes keeps a PVC; a second call ends what the first began."""
    monkeypatch.setattr(release_module, "GONE_LIMIT_SECONDS", 0.5)
    run = a_run(connection)
    pvc: Obj = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "stuck", "labels": run.labels, "finalizers": ["example.com/keep"]},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}},
            "storageClassName": "no-such-class",
        },
    }
    k8s.create(connection, pvc)
    with pytest.raises(ClusterError) as failed:
        release(connection, run.run_id, run.plan)
    k8s.patch(connection, "PersistentVolumeClaim", "stuck", {"metadata": {"finalizers": None}})
    release(connection, run.run_id, run.plan)
    assert names(connection, "PersistentVolumeClaim") == []
    assert str(failed.value) == (
        "cleaning up: persistentvolumeclaims stuck still there after 0 s. See why with "
        f"`kubectl -n {connection.namespace} describe persistentvolumeclaims stuck`"
    )
