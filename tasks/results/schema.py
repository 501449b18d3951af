"""The tables that a run leaves: every column with its type, its unit and its meaning.

A column is only ever added: an old file lacks it and reads as null. A change of meaning gets a new
name. `SCHEMA_VERSION` counts such changes and stands in each file's metadata.
"""

from typing import get_args

import pyarrow as pa

from tasks.plan.plan import Storm
from tasks.results.column import RUN_ID, TIME, Column
from tasks.results.fio_columns import FIO
from tasks.results.node_columns import NODE_SECONDS
from tasks.results.second_columns import FIO_SECONDS

SCHEMA_VERSION = "1"

NODE = pa.struct(
    [
        ("name", pa.string()),
        ("kernel", pa.string()),
        ("os_image", pa.string()),
        ("kubelet_version", pa.string()),
        ("container_runtime", pa.string()),
        ("cpus", pa.float64()),
        ("memory_bytes", pa.int64()),
    ]
)

TABLES: dict[str, list[Column]] = {
    "runs": [
        RUN_ID,
        Column("flow", pa.string(), "", "the flow that ran: benchmark, storms or nightly"),
        Column("started_at", TIME, "", "start, by the client's clock"),
        Column("ended_at", TIME, "", "end, by the client's clock"),
        Column(
            "outcome",
            pa.string(),
            "",
            "running (not ended, or killed), complete, incomplete (a cell failed or is missing), "
            "failed, cancelled",
        ),
        Column("stopped_at", pa.string(), "", "the step and cell in which it stopped, if it did"),
        Column("error", pa.string(), "", "why it stopped, or what failed, in a sentence"),
        Column("cells_planned", pa.int64(), "", "fio cells planned: class × job × round"),
        Column("cells_measured", pa.int64(), "", "fio cells that have a figure"),
        Column("cells_failed", pa.int64(), "", "fio cells that were tried and failed"),
        Column("storms_planned", pa.int64(), "", "storm cells planned: volume × storm × round"),
        Column("storms_measured", pa.int64(), "", "storm cells measured, skipped or not offered"),
        Column("storm_volumes", pa.list_(pa.string()), "", "the volumes planned, in order"),
        Column("cluster", pa.string(), "", "name of the cluster in the kubeconfig"),
        Column("namespace", pa.string(), "", "namespace of all that was created"),
        Column("kubernetes_version", pa.string(), "", "gitVersion of the API server"),
        Column("stormark_version", pa.string(), "", "version of stormark"),
        Column("fio_version", pa.string(), "", "what `fio --version` said in the image"),
        Column("image", pa.string(), "", "container image of the fio pods"),
        Column(
            "image_ids",
            pa.list_(pa.string()),
            "",
            "what nodes ran under that name, as their runtimes call it: a digest, mostly",
        ),
        Column("nodes", pa.list_(NODE), "", "the cluster's nodes and what each said of itself"),
        Column(
            "warnings",
            pa.list_(pa.string()),
            "",
            "what could make a figure of this run wrong, and dead runs not released",
        ),
        Column("plan", pa.string(), "", "the whole plan, as JSON: enough to repeat the run"),
    ],
    "checks": [
        RUN_ID,
        Column("check", pa.string(), "", "what was checked, such as permission or quota"),
        Column("object", pa.string(), "", "on what: a node, a class, a resource"),
        Column("status", pa.string(), "", "pass, warn or fail; a run with a fail does not begin"),
        Column("seen", pa.string(), "", "what was seen"),
        Column("advice", pa.string(), "", "what to do about it; empty where nothing is to be done"),
    ],
    "classes": [
        RUN_ID,
        Column("storage_class", pa.string(), "", "name of the StorageClass"),
        Column("position", pa.int64(), "", "its place in the plan; 0 is the reference in reports"),
        Column("is_default", pa.bool_(), "", "annotated as the cluster's default class"),
        Column("provisioner", pa.string(), "", "provisioner, or kubernetes.io/no-provisioner"),
        Column("volume_binding_mode", pa.string(), "", "Immediate or WaitForFirstConsumer"),
        Column("allow_volume_expansion", pa.bool_(), "", "a PVC of the class can grow"),
        Column("reclaim_policy", pa.string(), "", "Delete or Retain"),
        Column("mount_options", pa.list_(pa.string()), "", "mount options of its volumes"),
        Column(
            "parameters", pa.string(), "", "the class's parameters as JSON, secret ones left out"
        ),
    ],
    "volumes": [
        RUN_ID,
        Column(
            "storage_class",
            pa.string(),
            "",
            "the class that the PVC asked for; NAME (control): the reference, once more",
        ),
        Column("round", pa.int64(), "", "1 … rounds of the plan; null where there was one volume"),
        Column("pvc", pa.string(), "", "name of the PVC"),
        Column("access_mode", pa.string(), "", "ReadWriteOnce, ReadWriteMany or ReadWriteOncePod"),
        Column("volume_mode", pa.string(), "", "Filesystem or Block"),
        Column("requested_bytes", pa.int64(), "bytes", "size that the PVC asked for"),
        Column("capacity_bytes", pa.int64(), "bytes", "size that the bound PVC reports"),
        Column("free_bytes", pa.int64(), "bytes", "free space seen in the pod before fio"),
        Column("created_at", TIME, "", "when the PVC was created, by the client's clock"),
        Column("bind_seconds", pa.float64(), "seconds", "PVC created → Bound seen"),
        Column(
            "attach_seconds",
            pa.float64(),
            "seconds",
            "pod scheduled → its event SuccessfulAttachVolume, by the API's whole seconds; null "
            "where no volume is attached, or the event is missing",
        ),
        Column(
            "attached_seconds",
            pa.float64(),
            "seconds",
            "PVC created → its VolumeAttachment seen attached; null where none is, or none may be "
            "looked at",
        ),
        Column(
            "first_pod_seconds",
            pa.float64(),
            "seconds",
            "PVC created → first pod with it running seen",
        ),
        Column(
            "delete_seconds",
            pa.float64(),
            "seconds",
            "PVC deleted → PVC and PV gone; null where either stays, or was not waited for",
        ),
        Column("pv", pa.string(), "", "name of the PV"),
        Column(
            "pv_type", pa.string(), "", "source of the PV: csi (with driver), hostPath, local, nfs"
        ),
        Column("node_affinity", pa.string(), "", "the PV's required node affinity; null if none"),
        Column("node", pa.string(), "", "node of the first pod"),
        Column("image_id", pa.string(), "", "what that node ran under the image's name"),
        Column("user", pa.int64(), "", "user of the pods; 0 where a volume lets no other write"),
        Column("filesystem", pa.string(), "", "filesystem type seen in the pod; null for Block"),
        Column("memory_backed", pa.bool_(), "", "the filesystem lives in RAM: figures are RAM's"),
        Column("error", pa.string(), "", "why the volume could not be used, if it could not"),
    ],
    "fio": FIO,
    "fio_seconds": FIO_SECONDS,
    "node_seconds": NODE_SECONDS,
    "storms": [
        RUN_ID,
        Column(
            "volume",
            pa.string(),
            "",
            "emptyDir, hostPath, hostPath-pinned, local, a class, or a class (RWX); with "
            "(StatefulSet) behind it where one wrote",
        ),
        Column("storage_class", pa.string(), "", "the class, for a volume of one; else null"),
        Column(
            "writer_kind",
            pa.string(),
            "",
            "what ran the pod that wrote: Deployment or StatefulSet; null in old files, which had "
            "Deployments alone",
        ),
        Column("storm", pa.string(), "", "one of: " + ", ".join(get_args(Storm))),
        Column("round", pa.int64(), "", "1 … rounds of the plan"),
        Column(
            "status", pa.string(), "", "measured, skipped, failed, or not offered (no such volume)"
        ),
        Column(
            "error",
            pa.string(),
            "",
            "why it was skipped, not measured or not offered, or why a volume was not read back",
        ),
        Column(
            "kept",
            pa.bool_(),
            "",
            "every acknowledged record is there and reads back right; null if not read back",
        ),
        Column("acknowledged_records", pa.int64(), "", "records acknowledged before the reading"),
        Column("lost_records", pa.int64(), "", "acknowledged, and gone"),
        Column(
            "lost_seconds",
            pa.float64(),
            "seconds",
            "first lost record acknowledged → the fault, or the last lost one where that is later",
        ),
        Column("torn_records", pa.int64(), "", "there, but not as they were written"),
        Column("unexpected_records", pa.int64(), "", "there, never seen acknowledged: no error"),
        Column(
            "write_errors",
            pa.string(),
            "",
            "what the writer met from the fault on, each once, as EIO, ESTALE, EROFS or ENOSPC; "
            "null if nothing",
        ),
        Column(
            "unsynced_records",
            pa.int64(),
            "",
            "the control: written beside the acknowledged ones, without fsync, by the container "
            "that the fault met; 0 where it could not be",
        ),
        Column(
            "unsynced_lost_records",
            pa.int64(),
            "",
            "of those gone: without any the fault took nothing from a cache, and proves no fsync",
        ),
        Column(
            "recovery_seconds",
            pa.float64(),
            "seconds",
            "fault → first record acknowledged by the next container; null if it never came",
        ),
        Column(
            "gap_seconds",
            pa.float64(),
            "seconds",
            "last record acknowledged before that first one → that one: what a client waited",
        ),
        Column(
            "steady_seconds",
            pa.float64(),
            "seconds",
            "fault → the writer was as fast as before, to 10 %; null if it was not within a minute "
            "of its first record",
        ),
        Column(
            "longest_pause_seconds",
            pa.float64(),
            "seconds",
            "longest time between two records from the first one until it was steady, a minute at "
            "most",
        ),
        Column(
            "away_seconds",
            pa.float64(),
            "seconds",
            "storms on a node: without a writer until it was uncordoned, or `up` ran",
        ),
        Column(
            "return_seconds",
            pa.float64(),
            "seconds",
            "storms on a node: uncordon or `up` → first record, where it came only then",
        ),
        Column(
            "overlap_seconds",
            pa.float64(),
            "seconds",
            "old and new writer both acknowledged records for so long",
        ),
        Column(
            "came_back",
            pa.string(),
            "",
            "same node, other node, after uncordon, after repair, or never",
        ),
        Column(
            "pending_reason",
            pa.string(),
            "",
            "why the pod stayed Pending: volume node affinity, unschedulable nodes, node selector, "
            "multi-attach, other; null if it did not",
        ),
        Column("pending_message", pa.string(), "", "the cluster's words on that, as they stand"),
        Column("node_before", pa.string(), "", "the writer's node before the fault"),
        Column("node_after", pa.string(), "", "the writer's node after it"),
        Column("image_id", pa.string(), "", "what node_before ran under the image's name"),
        Column("verified_on", pa.string(), "", "node of the pod that read the volume back"),
        Column("access_mode", pa.string(), "", "of the PVC; null without one"),
        Column("pv_type", pa.string(), "", "source of the PV; null without one"),
        Column("node_affinity", pa.string(), "", "the PV's required node affinity; null if none"),
        Column("fault_at", TIME, "", "when the fault was asked for, by the client's clock"),
        Column(
            "hold_seconds",
            pa.float64(),
            "seconds",
            "storms on a node: how long it was cordoned or broken",
        ),
        Column("writes_per_second", pa.float64(), "", "records a second acknowledged before it"),
        *(
            Column(f"{step}_seconds", pa.float64(), "seconds", f"fault → {text}")
            for step, text in (
                ("out_of_service", "the node has the taint out-of-service; null without it"),
                ("old_pod_gone", "the old pod is gone from the API"),
                ("new_pod_created", "a new pod exists"),
                ("scheduled", "the new pod has a node"),
                ("detached", "the volume is attached to the old node no more; null if not seen"),
                ("attached", "the volume is attached to the new node; null if not seen"),
                ("volume_ready", "its volumes are mounted (condition PodReadyToStartContainers)"),
                ("container_started", "the writer's container runs"),
            )
        ),
        Column(
            "multi_attach_seconds",
            pa.float64(),
            "seconds",
            "first Multi-Attach error of the new pod → attached, or first record, or the last step "
            "seen where neither came; null without such an error",
        ),
        Column(
            "clock_error_seconds",
            pa.float64(),
            "seconds",
            "all times are the client's clock; estimated error of the log times brought to it",
        ),
    ],
    "storm_events": [
        RUN_ID,
        Column("volume", pa.string(), "", "as in the table storms"),
        Column("storm", pa.string(), "", "as in the table storms"),
        Column("round", pa.int64(), "", "as in the table storms"),
        Column("at", TIME, "", "when it was seen, by the client's clock"),
        Column("offset_seconds", pa.float64(), "seconds", "after the fault; negative before it"),
        Column(
            "event",
            pa.string(),
            "",
            "fault, cordoned, uncordoned, down, out of service, up, last record, old pod gone, "
            "new pod created, scheduled, pending, detached and attached (the volume, from and to "
            "a node), multi-attach error, volume ready, container started, first record; "
            "not evicted: another pod of the node, which its budget kept there",
        ),
        Column("pod", pa.string(), "", "the pod, where the event is one's"),
        Column("node", pa.string(), "", "the node, where the event has one"),
        Column("message", pa.string(), "", "the cluster's words, where there are any"),
    ],
}


def schema(table: str) -> pa.Schema:
    """The table's schema; unit and description are in each field's metadata."""
    fields = [
        pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.text})
        for c in TABLES[table]
    ]
    return pa.schema(fields, metadata={"stormark.schema_version": SCHEMA_VERSION})
