"""A PVC that exists: measured, and left as it was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import verbs, watches
from tasks.kubernetes.cluster import Cluster as Connection
from tasks.kubernetes.objects import Items, Obj
from tests.conftest import TINY_FIO, Cluster, Stormark

pytestmark = pytest.mark.usefixtures("prefect_server")
OK, REFUSED = 0, 2
KEEP = "data/mine"


def pod_of(command: str) -> Obj:
    container = {
        "name": "app",
        "image": "busybox",
        "workingDir": "/",
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "restored"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec}


def in_a_pod(cluster: Connection, command: str, phase: str = "Succeeded") -> None:
    """Run a command on the volume in a pod of somebody's, until it is in a phase."""
    verbs.create(cluster, pod_of(command))

    def there(items: Items) -> bool | None:
        return any(p["status"].get("phase") == phase for p in items.values()) or None

    watches.wait(cluster, "Pod", there, what=phase, limit_seconds=300, name="app")


def without_the_pod(cluster: Connection) -> None:
    verbs.delete(cluster, "Pod", "app", grace_seconds=0)
    watches.wait_gone(cluster, "Pod", what="end of the pod", limit_seconds=300, name="app")


@pytest.fixture
def restored(stormark: Stormark, cluster: Cluster) -> Iterator[Connection]:  # noqa: ARG001
    """A bound PVC with a file on it."""
    connection = k8s.connect(None, stormark.namespace)
    claim: Obj = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "restored"},
    }
    claim["spec"] = {
        "storageClassName": "local-path",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    verbs.create(connection, claim)
    in_a_pod(connection, f"echo theirs >{KEEP}")
    without_the_pod(connection)
    yield connection
    verbs.delete(connection, "PersistentVolumeClaim", "restored")
    kind = "PersistentVolumeClaim"
    watches.wait_gone(connection, kind, what="end of the PVC", limit_seconds=300, name="restored")
    (volume,) = [
        v["metadata"]["name"]
        for v in verbs.find(connection, "PersistentVolume")
        if v["spec"]["claimRef"]["namespace"] == stormark.namespace
    ] or [""]
    kind = "PersistentVolume"
    watches.wait_gone(connection, kind, what="end of the PV", limit_seconds=300, name=volume or "-")
    connection.api.close()


def measured(stormark: Stormark, folder: Path, *options: str, **plan: Any) -> Result:
    given = {"pvc": "restored", "fio_file": TINY_FIO, "rounds": 1, "volume_size": "64Mi"}
    given |= {"namespace": stormark.namespace, "results": str(stormark.results)}
    (folder / "plan.yaml").write_text(yaml.safe_dump(given | plan))
    return stormark.command("run", "--plan", str(folder / "plan.yaml"), *options)


def test_it_is_measured_and_left_as_it_was(
    stormark: Stormark, restored: Connection, tmp_path: Path
) -> None:
    """Nothing but what was there is there: neither a file more, nor a file less."""
    before = verbs.get(restored, "PersistentVolumeClaim", "restored")
    result = measured(stormark, tmp_path)
    assert result.exit_code == OK, result.output
    rows = stormark.rows("fio")
    assert {(row["status"], row["pvc"], row["storage_class"]) for row in rows} == {
        ("measured", "restored", "local-path")
    }
    volume = stormark.row("volumes")
    assert (volume["bind_seconds"], volume["requested_bytes"]) == (None, 2**30)
    after = verbs.get(restored, "PersistentVolumeClaim", "restored")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"].get("labels") == before["metadata"].get("labels")
    in_a_pod(restored, f'[ "$(cat {KEEP})" = theirs ] && [ "$(ls -A data)" = mine ]')
    without_the_pod(restored)


@pytest.mark.parametrize(
    ("options", "plan", "words"),
    [
        ((), {"pvc": "other"}, "has no PersistentVolumeClaim other"),
        ((), {"volume_mode": "Block"}, "restored as a raw device would be overwritten"),
        ((), {"storage_classes": ["local-path"]}, "restored is measured alone"),
        (("--flow", "nightly"), {}, "only a benchmark takes it"),
    ],
)
@pytest.mark.usefixtures("restored")
def test_what_cannot_be_measured_is_refused(
    stormark: Stormark, tmp_path: Path, options: tuple[str, ...], plan: Obj, words: str
) -> None:
    result = measured(stormark, tmp_path, *options, **plan)
    assert result.exit_code == REFUSED
    assert f"plan field pvc: {words}" in result.stderr or words in result.stderr


def test_one_that_a_pod_mounts_is_refused(
    stormark: Stormark, restored: Connection, tmp_path: Path
) -> None:
    """Its I/O would be measured with fio's."""
    in_a_pod(restored, "sleep 3600", "Running")
    result = measured(stormark, tmp_path)
    without_the_pod(restored)
    assert result.exit_code == REFUSED
    assert "restored is mounted by pod app" in result.stderr


@pytest.mark.usefixtures("restored")
def test_the_preflight_says_what_becomes_of_it(stormark: Stormark, tmp_path: Path) -> None:
    """In place of rows on classes, none of which is used."""
    measured(stormark, tmp_path, "--flow", "storms")  # writes the plan; storms refuse it
    file = str(tmp_path / "plan.yaml")
    result = stormark.command(
        "preflight", "--plan", file, "--flow", "benchmark", "--output", "json"
    )
    assert result.exit_code == OK, result.output
    checks = json.loads(result.stdout)
    (pvc,) = [one["seen"] for one in checks if one["check"] == "pvc"]
    assert pvc.startswith("Bound: ")
    assert not {"class", "reclaim", "capacity"} & {one["check"] for one in checks}
