"""The tables that a run leaves: every column with its type, its unit and its meaning.

A column is only ever added: an old file lacks it and reads as null. A change of meaning gets a new
name. `SCHEMA_VERSION` counts such changes and stands in each file's metadata.
"""

from typing import NamedTuple, get_args

import pyarrow as pa

from tasks.plan.plan import Storm

SCHEMA_VERSION = "1"

TIME = pa.timestamp("us", tz="UTC")
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


BINS = pa.list_(pa.struct([("ns", pa.int64()), ("count", pa.int64())]))


class Column(NamedTuple):
    """One column: its name ends in its unit, if it has one."""

    name: str
    type: pa.DataType
    unit: str
    text: str


def _latency(direction: str, what: str) -> list[Column]:
    return [
        Column(
            f"{direction}_latency_{statistic}_ns",
            pa.float64(),
            "ns",
            f"{label} of {what}, as fio computed it",
        )
        for statistic, label in (
            ("mean", "mean"),
            ("p50", "median"),
            ("p95", "95th percentile"),
            ("p99", "99th percentile"),
            ("p99_9", "99.9th percentile"),
            ("max", "maximum"),
        )
    ]


RUN_ID = Column("run_id", pa.string(), "", "the run: UTC start time and six random hex digits")

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
    "fio": [
        RUN_ID,
        Column(
            "storage_class", pa.string(), "", "the class under test; NAME (control): measured again"
        ),
        Column("job", pa.string(), "", "name of the job in the fio file"),
        Column(
            "round",
            pa.int64(),
            "",
            "1 … rounds of the plan, each on a new volume; null where one volume had all repeats",
        ),
        Column("repeat", pa.int64(), "", "1 … on the same volume; since rounds are new ones, 1"),
        Column("sequence", pa.int64(), "", "place in the order in which cells ran, from 1"),
        Column("profile", pa.string(), "", "kubestr, standard, quick, wal, or custom"),
        Column("status", pa.string(), "", "measured or failed"),
        Column("error", pa.string(), "", "why there is no figure, in fio's or Kubernetes' words"),
        Column("warnings", pa.list_(pa.string()), "", "what could make this figure wrong"),
        Column("started_at", TIME, "", "when fio started, by the node's clock"),
        Column("node", pa.string(), "", "node on which fio ran"),
        Column("pod", pa.string(), "", "pod in which fio ran"),
        Column("pvc", pa.string(), "", "PVC that fio ran on, as in the table volumes"),
        Column("engine", pa.string(), "", "fio's ioengine that ran: libaio, io_uring, psync, sync"),
        Column("fio_version", pa.string(), "", "version of the fio that ran"),
        Column("rw", pa.string(), "", "fio's rw: randread, write, randrw and so on"),
        Column("block_size_bytes", pa.int64(), "bytes", "size of one I/O"),
        Column("io_depth", pa.int64(), "", "fio's iodepth: I/Os in flight"),
        Column("num_jobs", pa.int64(), "", "fio's numjobs: processes of this job"),
        Column("concurrent_jobs", pa.int64(), "", "jobs that ran at once; 1 is one alone"),
        Column("direct", pa.bool_(), "", "O_DIRECT: past the node's page cache"),
        Column("file_size_bytes", pa.int64(), "bytes", "the working set that fio addressed"),
        Column("node_memory_bytes", pa.int64(), "bytes", "memory of the node"),
        Column("ramp_seconds", pa.float64(), "seconds", "run before the figures count"),
        Column("runtime_seconds", pa.float64(), "seconds", "how long the figures were taken"),
        Column("iops", pa.float64(), "iops", "I/Os a second, reads and writes together"),
        Column(
            "bandwidth_bytes_per_second",
            pa.float64(),
            "bytes_per_second",
            "bytes a second, reads and writes together",
        ),
        Column("read_iops", pa.float64(), "iops", "reads a second; null if the job reads nothing"),
        Column("write_iops", pa.float64(), "iops", "writes a second; null if it writes nothing"),
        Column(
            "read_bandwidth_bytes_per_second",
            pa.float64(),
            "bytes_per_second",
            "bytes read a second; null if the job reads nothing",
        ),
        Column(
            "write_bandwidth_bytes_per_second",
            pa.float64(),
            "bytes_per_second",
            "bytes written a second; null if it writes nothing",
        ),
        *(
            Column(f"{direction}_{column}", kind, unit, text)
            for direction in ("read", "write")
            for column, kind, unit, text in (
                ("ios", pa.int64(), "", f"{direction}s that the figures are of"),
                (
                    "stddev_iops",
                    pa.float64(),
                    "iops",
                    "standard deviation of fio's samples of IOPS, one each half second",
                ),
            )
        ),
        Column("user_cpu_percent", pa.float64(), "percent", "of a CPU that fio spent in itself"),
        Column("system_cpu_percent", pa.float64(), "percent", "of a CPU that its calls took"),
        Column(
            "device_busy_percent",
            pa.float64(),
            "percent",
            "of the time that the device behind the volume had I/O, where fio could tell",
        ),
        *_latency("read", "a read's completion latency"),
        *_latency("write", "a write's completion latency"),
        *_latency("sync", "an fsync's or fdatasync's latency"),
        *(
            Column(f"{name}_{column}", pa.float64(), unit, f"{text}; null if there are none")
            for name, what in (
                ("trim", "trims"),
                ("mixed", "reads and writes under unified_rw_reporting"),
            )
            for column, unit, text in (
                ("iops", "iops", f"{what} a second"),
                (
                    "bandwidth_bytes_per_second",
                    "bytes_per_second",
                    f"bytes a second of {what}",
                ),
            )
        ),
        *_latency("trim", "a trim's completion latency"),
        *_latency("mixed", "an I/O's completion latency under unified_rw_reporting"),
        *(
            Column(
                f"{direction}_latency_bins",
                BINS,
                "",
                f"histogram of the latency of {direction}: how many took up to so many ns",
            )
            for direction in ("read", "write", "sync", "trim", "mixed")
        ),
        Column("latency_kind", pa.string(), "", "clat, or lat where the job asks for that alone"),
        Column("ignored_errors", pa.int64(), "", "I/O errors that continue_on_error went on after"),
    ],
    "storms": [
        RUN_ID,
        Column(
            "volume",
            pa.string(),
            "",
            "emptyDir, hostPath, hostPath-pinned, local, a class, or a class (RWX)",
        ),
        Column("storage_class", pa.string(), "", "the class, for a volume of one; else null"),
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
        Column("torn_records", pa.int64(), "", "there, but not as they were written"),
        Column("unexpected_records", pa.int64(), "", "there, never seen acknowledged: no error"),
        Column(
            "recovery_seconds",
            pa.float64(),
            "seconds",
            "fault → first record acknowledged by the next container; null if it never came",
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
                ("old_pod_gone", "the old pod is gone from the API"),
                ("new_pod_created", "a new pod exists"),
                ("scheduled", "the new pod has a node"),
                ("volume_ready", "its volumes are mounted (condition PodReadyToStartContainers)"),
                ("container_started", "the writer's container runs"),
            )
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
            "fault, cordoned, uncordoned, down, up, last record, old pod gone, new pod created, "
            "scheduled, pending, volume ready, container started, first record; not evicted: "
            "another pod of the node, which its budget kept there",
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
