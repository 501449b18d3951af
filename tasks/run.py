"""A run's identity in the cluster: its labels, its owner object, its Lease, and their release.

Everything that a run creates carries its labels and a deadline, and is owned by one ConfigMap: one
delete collects it all. While a run lives, it renews a Lease that keeps a second run out.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tasks import cluster as k8s
from tasks.cluster import Cluster, ClusterError, Obj
from tasks.fio_file import Workload
from tasks.manifest import render, script
from tasks.plan import Plan
from tasks.progress import Progress, Report

MANAGED_BY = "app.kubernetes.io/managed-by"
RUN_LABEL = "stormark/run"
LEASE_SECONDS = 60
GONE_LIMIT_SECONDS = 120.0
# What a run creates itself, in the order of its release; pods go with their Jobs, PVs with PVCs.
CREATED = ("Job", "Pod", "PersistentVolumeClaim", "ConfigMap")


class RunInProgress(Exception):
    """Another run holds the Lease of the namespace."""


class Run(NamedTuple):
    """One run: its plan, its place, and the values that every manifest of it needs."""

    run_id: str
    started_at: datetime
    plan: Plan
    workload: Workload
    cluster: Cluster

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every object of this run."""
        return {MANAGED_BY: "stormark", RUN_LABEL: self.run_id}

    @property
    def deadline(self) -> str:
        """When what this run left may be reaped: ISO 8601, UTC."""
        end = self.started_at + timedelta(seconds=self.plan.run_limit_seconds)
        return end.isoformat(timespec="seconds")


def new_run_id(now: datetime) -> str:
    """Sortable by start, and unique: 20261123-031500-a1b2c3."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _micro_time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@contextmanager
def lease(run: Run) -> Iterator[None]:
    """Hold the namespace's Lease; RunInProgress, naming the first run, if another one lives."""
    _acquire(run)
    ended = threading.Event()
    renewer = threading.Thread(target=_renew, args=(run, ended), name="lease", daemon=True)
    renewer.start()
    try:
        yield
    finally:
        ended.set()
        renewer.join()
        if k8s.get(run.cluster, "Lease", "stormark")["spec"]["holderIdentity"] == run.run_id:
            k8s.delete(run.cluster, "Lease", "stormark")


def _acquire(run: Run) -> None:
    now = _micro_time(datetime.now(UTC))
    manifest = render(
        "lease", run_id=run.run_id, labels=run.labels, duration_seconds=LEASE_SECONDS, now=now
    )
    try:
        k8s.create(run.cluster, manifest)
    except k8s.AlreadyExists:
        held = k8s.get(run.cluster, "Lease", "stormark")
        if _alive(held):
            raise RunInProgress(
                f"run {held['spec']['holderIdentity']} is under way in namespace "
                f"{run.cluster.namespace} of cluster {run.cluster.name}: two runs would measure "
                "each other. Wait for it to end; if it is dead, its Lease `stormark` lapses "
                f"{LEASE_SECONDS} s after its last sign of life."
            ) from None
        manifest["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        k8s.replace(run.cluster, manifest)


def _alive(held: Obj) -> bool:
    renewed = datetime.fromisoformat(held["spec"]["renewTime"])
    return datetime.now(UTC) < renewed + timedelta(seconds=held["spec"]["leaseDurationSeconds"])


def _renew(run: Run, ended: threading.Event) -> None:
    while not ended.wait(LEASE_SECONDS / 4):
        try:
            now = _micro_time(datetime.now(UTC))
            k8s.patch(run.cluster, "Lease", "stormark", {"spec": {"renewTime": now}})
        except ClusterError:
            continue  # three more tries before the Lease lapses; the run itself meets the error


@contextmanager
def owned(run: Run, report: Report) -> Iterator[list[Obj]]:
    """Create the run's owner object, and release all that the run made, however it ends.

    Yields the ownerReferences for everything else.
    """
    try:
        yield [_create_owner(run)]
    finally:
        report(Progress(run.run_id, "clean up the cluster"))
        release(run.cluster, run.run_id)
        report(Progress(run.run_id, "the cluster is clean"))


def _create_owner(run: Run) -> Obj:
    manifest = render(
        "run-configmap",
        run_id=run.run_id,
        labels=run.labels,
        deadline=run.deadline,
        plan=run.plan.model_dump_json(),
        fio_sh=script("fio.sh"),
        fio_file=run.workload.text,
    )
    created = k8s.create(run.cluster, manifest)["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap"}
    return reference | {"name": created["name"], "uid": created["uid"]}


def release(cluster: Cluster, run_id: str) -> None:
    """Delete all that a run created, from its labels alone, and wait until it is gone.

    Safe to call again. Raises ClusterError that says what remains and how to remove it.
    """
    selector = f"{MANAGED_BY}=stormark,{RUN_LABEL}={run_id}"
    volumes = _volumes_of(cluster, selector)
    for kind in CREATED:
        for item in k8s.find(cluster, kind, label=selector):
            k8s.delete(cluster, kind, item["metadata"]["name"])
    for kind in CREATED:
        _wait_gone(cluster, kind, selector)
    for name in volumes:
        _wait_gone(cluster, "PersistentVolume", "", name=name)


def _volumes_of(cluster: Cluster, selector: str) -> list[str]:
    """The PVs that go when their PVCs go."""
    claims = k8s.find(cluster, "PersistentVolumeClaim", label=selector)
    names = {claim["spec"].get("volumeName") for claim in claims}
    return [
        volume["metadata"]["name"]
        for volume in k8s.find(cluster, "PersistentVolume")
        if volume["metadata"]["name"] in names
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    ]


def _wait_gone(cluster: Cluster, kind: str, label: str, name: str = "") -> None:
    def gone(items: dict[str, Any]) -> bool | None:
        return None if items else True

    try:
        k8s.wait(
            cluster,
            kind,
            gone,
            what=f"deletion of every {kind}",
            limit_seconds=GONE_LIMIT_SECONDS,
            label=label,
            name=name,
        )
    except k8s.WaitTimedOut as error:
        plural = k8s.KINDS[kind][1]
        left = ", ".join(sorted(error.items))
        raise ClusterError(
            f"cleaning up: {plural} {left} still there after {GONE_LIMIT_SECONDS:.0f} s. "
            f"See why with `kubectl describe {plural} {left.replace(',', '')}`"
        ) from error
