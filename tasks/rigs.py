"""The writers of a storm: one Deployment on each kind of volume, and what each needs beside it."""

import time
from dataclasses import dataclass, field
from typing import Any

from tasks import cluster as k8s
from tasks import pods, volumes
from tasks.cluster import ClusterError, Obj
from tasks.fio_job import NOBODY, ROOT
from tasks.manifest import render
from tasks.observer import Observer
from tasks.release import HOST_ROOT, host_folder
from tasks.run import Run
from tasks.script_job import tolerations

FOLDER_KINDS = ("hostPath", "hostPath-pinned", "local")


@dataclass
class Rig:
    """A writer on one volume. `row` holds the columns that all its cells share."""

    volume: str
    name: str
    source: Obj
    row: dict[str, Any]
    observer: Observer
    user: int = NOBODY
    nodes: list[str] = field(default_factory=list)
    lost: set[tuple[str, int]] = field(default_factory=set)


def volumes_of(run: Run, storage_classes: list[Obj]) -> list[str]:
    """The rows of the storm matrix: kinds of volume as the plan names them, then its classes."""
    kinds: list[str] = [v for v in run.plan.storm_volumes if v != "storage-classes"]
    if "storage-classes" in run.plan.storm_volumes:
        kinds += [c["metadata"]["name"] for c in storage_classes]
    return kinds


def start(run: Run, owner: list[Obj], volume: str, position: int, nodes: list[Obj]) -> Rig:
    """Create a volume and its writer, and wait for the first acknowledged record.

    `nodes` are those that a storm may touch, the first is preferred. Raises ClusterError with the
    reason when no record comes within the plan's limits.
    """
    name = volumes.object_name(run, position, volume, "storm")
    source, row = _volume(run, owner, volume, name, nodes)
    for user in (NOBODY, ROOT):
        deployment = name if user == NOBODY else f"{name}-root"
        observer = Observer(run.cluster, f"stormark/writer={deployment}")
        rig = Rig(volume, deployment, source, row, observer, user, _allowed(volume, nodes))
        _create_writer(run, owner, rig, nodes)
        if _first_record(run, rig):
            row |= _pv_columns(run, source)
            return rig
        observer.close()
        k8s.delete(run.cluster, "Deployment", deployment)
    raise ClusterError(f"neither user {NOBODY} nor root may write to the volume {volume}")


def hostname(node: Obj) -> str:
    """The label by which pods and PVs are tied to a node."""
    return str(node["metadata"]["labels"]["kubernetes.io/hostname"])


def _allowed(volume: str, nodes: list[Obj]) -> list[str]:
    """Hostnames where a writer may run: hostPath where its folder is, else anywhere."""
    names = [hostname(node) for node in nodes]
    return {"hostPath": names, "hostPath-pinned": names[:1]}.get(volume, [])


def _volume(
    run: Run, owner: list[Obj], volume: str, name: str, nodes: list[Obj]
) -> tuple[Obj, dict[str, Any]]:
    """Create what the volume needs; its source as a pod names it, and the columns that it fills."""
    folder = f"{HOST_ROOT}/{host_folder(run.run_id)}/{volume}"
    match volume:
        case "emptyDir":
            return {"emptyDir": {}}, {}
        case "hostPath" | "hostPath-pinned":
            return {"hostPath": {"path": folder, "type": "Directory"}}, {}
        case "local":
            volumes.create_pvc(run, owner, name, "", access_mode="ReadWriteOnce", volume_name=name)
            _create_local_pv(run, name, folder, nodes[0])
            row = {"access_mode": "ReadWriteOnce"}
        case _:
            volumes.create_pvc(run, owner, name, volume, access_mode=run.plan.access_mode)
            row = {"storage_class": volume, "access_mode": run.plan.access_mode}
    return {"persistentVolumeClaim": {"claimName": name}}, row


def _create_local_pv(run: Run, name: str, path: str, node: Obj) -> None:
    manifest = render(
        "local-pv",
        name=name,
        labels=run.labels,
        deadline=run.deadline,
        namespace=run.cluster.namespace,
        plan=run.plan,
        path=path,
        hostname=hostname(node),
    )
    k8s.create(run.cluster, manifest)


def _create_writer(run: Run, owner: list[Obj], rig: Rig, nodes: list[Obj]) -> None:
    manifest = render(
        "writer-deployment",
        name=rig.name,
        run_id=run.run_id,
        labels=run.labels,
        deadline=run.deadline,
        owner=owner,
        plan=run.plan,
        tolerations=tolerations(run.plan),
        nodes=rig.nodes,
        first_node=hostname(nodes[0]) if nodes else "",
        user=rig.user,
        interval=f"{1 / run.plan.writes_per_second:.3f}",
        source=rig.source,
    )
    k8s.create(run.cluster, manifest)


def _first_record(run: Run, rig: Rig) -> bool:
    """Wait for the first record; False when this user may not write to the volume."""
    limit = run.plan.bind_limit_seconds + run.plan.start_limit_seconds
    deadline = time.monotonic() + limit
    while not rig.observer.acks:
        if rig.observer.unwritable:
            return False
        for why in filter(None, map(pods.cannot_start, rig.observer.pods().values())):
            raise ClusterError(why)
        if time.monotonic() > deadline:
            raise ClusterError(
                f"no record within {limit} s: {why_pending(run, rig) or 'no reason'}"
            )
        rig.observer.wait(1.0, f"starting the writer on {rig.volume}")
    return True


def why_pending(run: Run, rig: Rig) -> str | None:
    """What the cluster says of a writer's pod that does not run: its condition, then events."""
    return pods.why_not(run.cluster, f"stormark/writer={rig.name}", rig.name) or None


def _pv_columns(run: Run, source: Obj) -> dict[str, Any]:
    claim = source.get("persistentVolumeClaim")
    if claim is None:
        return {}
    pvc = k8s.get(run.cluster, "PersistentVolumeClaim", claim["claimName"])
    volume = k8s.get(run.cluster, "PersistentVolume", pvc["spec"]["volumeName"])
    return {"pv_type": volumes.pv_type(volume), "node_affinity": volumes.node_affinity(volume)}
