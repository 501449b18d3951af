"""Volumes that attach, measured and broken by stormark: on the testbed's CSI driver."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kubernetes import client

from testbed import state
from tests.conftest import TINY_PLAN, rows_of
from tests.flows.server import until
from tests.real.account import granted
from tests.real.command import stormark
from tests.real.test_retain import volumes_of
from tests.storms.ground import new_namespace
from tests.tasks.rights import shipped

CLASS, RETAIN, MOST_ON_A_NODE = "csi-block", "csi-block-retain", 4
TOLD_SECONDS = 5
POD = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: csi-block
  resources: {{requests: {{storage: {size}}}}}
  {source}
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeSelector: {{kubernetes.io/hostname: w1}}
  terminationGracePeriodSeconds: 0
  containers:
    - name: a
      image: {image}
      command: [sh, -c, "exec sleep 100000"]
      volumeMounts: [{{name: volume, mountPath: /volume}}]
  volumes:
    - name: volume
      persistentVolumeClaim: {{claimName: {name}}}
"""
SNAPSHOT = """
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: taken}
spec:
  volumeSnapshotClassName: csi-block
  source: {persistentVolumeClaimName: first}
"""
OF_SNAPSHOT = "dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: taken}"


@pytest.fixture(scope="module", autouse=True)
def offered(admin: client.ApiClient) -> None:
    """The testbed's class: another cluster, or one without it, has none."""
    classes = client.StorageV1Api(admin).list_storage_class(field_selector=f"metadata.name={CLASS}")
    if not classes.items or os.environ.get("KUBECONFIG") != str(state.KUBECONFIG):
        pytest.skip(f"no class {CLASS} of a testbed: `python -m testbed up --csi` makes one")


class Place(NamedTuple):
    """A namespace of a test's own, and the image of its pods."""

    namespace: str
    image: str

    def kubectl(self, *words: str, text: str | None = None) -> str:
        line = ["kubectl", "--namespace", self.namespace, *words]
        done = subprocess.run(line, input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, name: str, size: str = "300Mi", source: str = "") -> None:
        """A pod on w1 with a volume, both of one name."""
        text = POD.format(name=name, size=size, source=source, image=self.image)
        self.kubectl("apply", "--filename=-", text=text)

    def wait(self, condition: str, *objects: str) -> None:
        self.kubectl("wait", f"--for={condition}", "--timeout=180s", *objects)


@pytest.fixture
def place(image: str) -> Iterator[Place]:
    with new_namespace() as cluster:
        place = Place(cluster.namespace, image)
        yield place
        kinds = "pods,persistentvolumeclaims,volumesnapshots"
        place.kubectl("delete", kinds, "--all", "--timeout=180s")


def test_a_night(admin: client.ApiClient, image: str, tmp_path: Path) -> None:
    """The attachment is timed; every record is kept, and a drained pod is back elsewhere."""
    plan = TINY_PLAN | {
        "storage_classes": [CLASS],
        "volume_size": "512Mi",
        "storms": ["pod-delete", "drain"],
        "storm_volumes": ["storage-classes"],
        "hold_seconds": 5,
        "image": image,
        "results": str(tmp_path),
    }
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan))
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        done = stormark(kubeconfig, "run", "--flow", "nightly", "--plan", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
    (volume,) = rows_of(str(tmp_path), "volumes")
    assert volume["attach_seconds"] is not None
    assert volume["filesystem"] == "xfs"
    storms = {row["storm"]: row for row in rows_of(str(tmp_path), "storms")}
    assert {name: row["kept"] for name, row in storms.items()} == {
        "pod-delete": True,
        "drain": True,
    }
    assert storms["drain"]["node_after"] != storms["drain"]["node_before"]


def test_a_device_is_measured(admin: client.ApiClient, image: str, tmp_path: Path) -> None:
    """With each job that a run has that says nothing of its jobs."""
    options = {
        "--class": CLASS,
        "--volume-mode": "Block",
        "--volume-size": "300Mi",
        "--profile": "standard",
        "--runtime-seconds": "1",
        "--rounds": "1",
        "--image": image,
        "--results": str(tmp_path),
    }
    words = [word for option in options.items() for word in option]
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        done = stormark(kubeconfig, "run", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["status"] for row in rows_of(str(tmp_path), "fio")} == {"measured"}


def test_the_array_does_as_it_is_told(admin: client.ApiClient, image: str, tmp_path: Path) -> None:
    """A slow attachment is measured; a detachment that fails is asked for again."""
    array("--attach-seconds", str(TOLD_SECONDS), "--detach-failures", "1")
    try:
        volume = measured(admin, image, tmp_path, CLASS)
    finally:
        array()
    assert volume["attach_seconds"] >= TOLD_SECONDS - 1  # of events in whole seconds


def array(*options: str) -> None:
    subprocess.run([sys.executable, "-m", "testbed", "array", *options], check=True)


def measured(
    admin: client.ApiClient, image: str, tmp_path: Path, storage_class: str
) -> dict[str, Any]:
    """The row of a volume that a tiny run has measured, after which nothing of it is left."""
    file = tmp_path / "plan.yaml"
    plan = {"storage_classes": [storage_class], "image": image, "results": str(tmp_path)}
    file.write_text(yaml.safe_dump(TINY_PLAN | plan | {"volume_size": "300Mi"}))
    with granted(admin, shipped(), tmp_path) as kubeconfig:
        done = stormark(kubeconfig, "run", "--flow", "benchmark", "--plan", str(file))
        assert done.returncode == 0, done.stdout + done.stderr
        until(lambda: volumes_of(admin, kubeconfig.stem), lambda left: left == {})
    (row,) = rows_of(str(tmp_path), "volumes")
    return row


def test_a_retained_volume_goes(admin: client.ApiClient, image: str, tmp_path: Path) -> None:
    """As the clean-up of other classes, with the right to tell it so."""
    measured(admin, image, tmp_path, RETAIN)


def test_a_node_has_four_volumes_at_most(place: Place) -> None:
    """The fifth pod waits for a place: the scheduler knows the driver's limit."""
    for number in range(MOST_ON_A_NODE):
        place.apply(f"volume-{number}")
    place.wait("condition=Ready", "pods", "--all")
    place.apply("one-more")
    why = "--output=jsonpath={.status.conditions[?(@.type=='PodScheduled')].message}"
    said = until(lambda: place.kubectl("get", "pod", "one-more", why), lambda words: words != "")
    assert "exceed max volume count" in said
    place.kubectl("delete", "pod", "volume-0")
    place.wait("condition=Ready", "pod/one-more")


def test_a_volume_grows_and_is_copied(place: Place) -> None:
    """While a pod uses it; a copy of its snapshot may be larger, and is as it was then."""
    place.apply("first")
    place.wait("condition=Ready", "pod/first")
    place.kubectl("exec", "first", "--", "sh", "-c", "echo then | dd conv=fsync of=/volume/file")
    place.kubectl("apply", "--filename=-", text=SNAPSHOT)
    place.wait("jsonpath={.status.readyToUse}=true", "volumesnapshot/taken")
    place.kubectl("exec", "first", "--", "sh", "-c", "echo now | dd conv=fsync of=/volume/file")
    larger = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    place.kubectl("patch", "pvc", "first", "--patch", json.dumps(larger))
    place.wait("jsonpath={.status.capacity.storage}=1Gi", "pvc/first")
    place.apply("second", "600Mi", OF_SNAPSHOT)
    place.wait("condition=Ready", "pod/second")
    for pod, (text, least_mib) in {"first": ("now\n", 900), "second": ("then\n", 500)}.items():
        assert place.kubectl("exec", pod, "--", "cat", "/volume/file") == text
        total = place.kubectl("exec", pod, "--", "df", "-m", "/volume").split()[-5]
        assert int(total) > least_mib
