"""The tables `runs`, `classes` and `volumes`: a run, what it measured, and on what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NamedTuple

from tasks.results.column import Row


class Node(NamedTuple):
    """What a node says of itself, for provenance."""

    name: str
    kernel: str | None
    os_image: str | None
    kubelet_version: str | None
    container_runtime: str | None
    cpus: float | None
    memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow(Row):
    """A run, and how it stands."""

    flow: Annotated[str, "the flow that ran: benchmark, storms or nightly"]
    started_at: Annotated[datetime, "start, by the client's clock"]
    ended_at: Annotated[datetime, "end, by the client's clock"]
    outcome: Annotated[
        str,
        "running (not ended, or killed), complete, incomplete (a cell failed or is missing), "
        "failed, cancelled",
    ]
    stopped_at: Annotated[str | None, "the step and cell in which it stopped, if it did"] = None
    error: Annotated[str | None, "why it stopped, or what failed, in a sentence"] = None
    cells_planned: Annotated[int, "fio cells planned: class × job × round"] = 0
    cells_measured: Annotated[int, "fio cells that have a figure"] = 0
    cells_failed: Annotated[int, "fio cells that were tried and failed"] = 0
    storms_planned: Annotated[int, "storm cells planned: volume × storm × round"] = 0
    storms_measured: Annotated[int, "storm cells measured, skipped or not offered"] = 0
    storm_volumes: Annotated[tuple[str, ...], "the volumes planned, in order"] = ()
    cluster: Annotated[str, "name of the cluster in the kubeconfig"]
    namespace: Annotated[str, "namespace of all that was created"]
    kubernetes_version: Annotated[str, "gitVersion of the API server"]
    stormark_version: Annotated[str, "version of stormark"]
    fio_version: Annotated[str | None, "what `fio --version` said in the image"] = None
    image: Annotated[str, "container image of the fio pods"]
    image_ids: Annotated[
        tuple[str, ...],
        "what nodes ran under that name, as their runtimes call it: a digest, mostly",
    ] = ()
    nodes: Annotated[tuple[Node, ...], "the cluster's nodes and what each said of itself"] = ()
    warnings: Annotated[
        tuple[str, ...], "what could make a figure of this run wrong, and dead runs not released"
    ] = ()
    plan: Annotated[str, "the whole plan, as JSON: enough to repeat the run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow(Row):
    """A StorageClass, as the cluster described it."""

    storage_class: Annotated[str, "name of the StorageClass"]
    position: Annotated[int, "its place in the plan; 0 is the reference in reports"]
    is_default: Annotated[bool | None, "annotated as the cluster's default class"] = None
    provisioner: Annotated[str | None, "provisioner, or kubernetes.io/no-provisioner"] = None
    volume_binding_mode: Annotated[str | None, "Immediate or WaitForFirstConsumer"] = None
    allow_volume_expansion: Annotated[bool | None, "a PVC of the class can grow"] = None
    reclaim_policy: Annotated[str | None, "Delete or Retain"] = None
    mount_options: Annotated[tuple[str, ...] | None, "mount options of its volumes"] = None
    parameters: Annotated[str | None, "the class's parameters as JSON, secret ones left out"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRow(Row):
    """A PVC of a class in a round, and its first pod."""

    storage_class: Annotated[
        str, "the class that the PVC asked for; NAME (control): the reference, once more"
    ]
    round: Annotated[int | None, "1 … rounds of the plan; null where there was one volume"]
    pvc: Annotated[str, "name of the PVC"]
    access_mode: Annotated[str | None, "ReadWriteOnce, ReadWriteMany or ReadWriteOncePod"] = None
    volume_mode: Annotated[str | None, "Filesystem or Block"] = None
    requested_bytes: Annotated[int | None, "size that the PVC asked for"] = None
    capacity_bytes: Annotated[int | None, "size that the bound PVC reports"] = None
    free_bytes: Annotated[int | None, "free space seen in the pod before fio"] = None
    created_at: Annotated[datetime | None, "when the PVC was created, by the client's clock"] = None
    bind_seconds: Annotated[float | None, "PVC created → Bound seen"] = None
    attach_seconds: Annotated[
        float | None,
        "pod scheduled → its event SuccessfulAttachVolume, by the API's whole seconds; null where"
        " no volume is attached, or the event is missing",
    ] = None
    attached_seconds: Annotated[
        float | None,
        "PVC created → its VolumeAttachment seen attached; null where none is, or none may be "
        "looked at",
    ] = None
    first_pod_seconds: Annotated[float | None, "PVC created → first pod with it running seen"] = (
        None
    )
    delete_seconds: Annotated[
        float | None,
        "PVC deleted → PVC and PV gone; null where either stays, or was not waited for",
    ] = None
    pv: Annotated[str | None, "name of the PV"] = None
    pv_type: Annotated[str | None, "source of the PV: csi (with driver), hostPath, local, nfs"] = (
        None
    )
    node_affinity: Annotated[str | None, "the PV's required node affinity; null if none"] = None
    node: Annotated[str | None, "node of the first pod"] = None
    image_id: Annotated[str | None, "what that node ran under the image's name"] = None
    user: Annotated[int | None, "user of the pods; 0 where a volume lets no other write"] = None
    filesystem: Annotated[str | None, "filesystem type seen in the pod; null for Block"] = None
    memory_backed: Annotated[bool | None, "the filesystem lives in RAM: figures are RAM's"] = None
    error: Annotated[str | None, "why the volume could not be used, if it could not"] = None
