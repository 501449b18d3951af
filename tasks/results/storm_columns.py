"""The tables `storms` and `storm_events`: what volumes survived, and moment by moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, get_args

from tasks.plan.plan import Storm
from tasks.plan.vocabulary import WriterKind
from tasks.results.column import Row

Status = Literal["measured", "skipped", "failed", "not offered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StormRow(Row):
    """A cell: a storm on a volume in a round, and what was left of its records."""

    volume: Annotated[
        str,
        "emptyDir, hostPath, hostPath-pinned, local, a class, or a class (RWX); with (StatefulSet) "
        "behind it where one wrote",
    ]
    storage_class: Annotated[str | None, "the class, for a volume of one; else null"] = None
    writer_kind: Annotated[
        WriterKind | None,
        "what ran the pod that wrote: Deployment or StatefulSet; null in old files, which had "
        "Deployments alone",
    ] = None
    storm: Annotated[Storm, "one of: " + ", ".join(get_args(Storm))]
    round: Annotated[int, "1 … rounds of the plan"]
    status: Annotated[Status, "measured, skipped, failed, or not offered (no such volume)"]
    error: Annotated[
        str | None,
        "why it was skipped, not measured or not offered, or why a volume was not read back",
    ] = None
    kept: Annotated[
        bool | None,
        "every acknowledged record and page is there and reads back right, and so is what is cold; "
        "null if not read back",
    ] = None
    acknowledged_records: Annotated[int | None, "records acknowledged before the reading"] = None
    lost_records: Annotated[int | None, "acknowledged, and gone"] = None
    lost_seconds: Annotated[
        float | None,
        "first lost record acknowledged → the fault, or the last lost one where that is later",
    ] = None
    torn_records: Annotated[int | None, "there, but not as they were written"] = None
    unexpected_records: Annotated[int | None, "there, never seen acknowledged: no error"] = None
    pages_written: Annotated[
        int | None,
        "8 KiB pages with an acknowledged version, each overwritten in turn; null in old files",
    ] = None
    pages_lost: Annotated[
        int | None,
        "of those older than acknowledged, or gone: lost writes, reordered ones among them",
    ] = None
    pages_torn: Annotated[
        int | None,
        "pages with sectors of several versions, or without some, also of a write that was never "
        "acknowledged",
    ] = None
    cold_damaged: Annotated[
        bool | None,
        "4 MiB that were made durable once, and not written again, are gone or have another "
        "checksum: silent damage; told once; null where it was not checked, and in old files",
    ] = None
    write_errors: Annotated[
        str | None,
        "what the writer met from the fault on, each once, as EIO, ESTALE, EROFS or ENOSPC; null "
        "if nothing",
    ] = None
    unsynced_records: Annotated[
        int | None,
        "the control: written beside the acknowledged ones, without fsync, by the container that "
        "the fault met; 0 where it could not be",
    ] = None
    unsynced_lost_records: Annotated[
        int | None,
        "of those gone: without any the fault took nothing from a cache, and proves no fsync",
    ] = None
    recovery_seconds: Annotated[
        float | None,
        "fault → first record acknowledged by the next container; null if it never came",
    ] = None
    gap_seconds: Annotated[
        float | None,
        "last record acknowledged before that first one → that one: what a client waited",
    ] = None
    steady_seconds: Annotated[
        float | None,
        "fault → the writer was as fast as before, to 10 %; null if it was not within a minute of"
        " its first record",
    ] = None
    longest_pause_seconds: Annotated[
        float | None,
        "longest time between two records from the first one until it was steady, a minute at most",
    ] = None
    away_seconds: Annotated[
        float | None, "storms on a node: without a writer until it was uncordoned, or `up` ran"
    ] = None
    return_seconds: Annotated[
        float | None, "storms on a node: uncordon or `up` → first record, where it came only then"
    ] = None
    unseen_seconds: Annotated[
        float | None,
        "storms on a node whose writer went on: longest time in which none of its records reached "
        "the client",
    ] = None
    overlap_seconds: Annotated[
        float | None, "old and new writer both acknowledged records for so long"
    ] = None
    came_back: Annotated[
        str | None, "same node, other node, after uncordon, after repair, or never"
    ] = None
    pending_reason: Annotated[
        str | None,
        "why the pod stayed Pending: volume node affinity, unschedulable nodes, node selector, "
        "multi-attach, other; null if it did not",
    ] = None
    pending_message: Annotated[str | None, "the cluster's words on that, as they stand"] = None
    node_before: Annotated[str | None, "the writer's node before the fault"] = None
    node_after: Annotated[str | None, "the writer's node after it"] = None
    image_id: Annotated[str | None, "what node_before ran under the image's name"] = None
    verified_on: Annotated[str | None, "node of the pod that read the volume back"] = None
    read_back: Annotated[
        str | None,
        "direct: past the page cache of that node, but for the control; cached where the volume "
        "does not allow it; null where it held no file, and in old files",
    ] = None
    access_mode: Annotated[str | None, "of the PVC; null without one"] = None
    pv_type: Annotated[str | None, "source of the PV; null without one"] = None
    node_affinity: Annotated[str | None, "the PV's required node affinity; null if none"] = None
    fault_at: Annotated[datetime | None, "when the fault was asked for, by the client's clock"] = (
        None
    )
    hold_seconds: Annotated[
        float | None, "storms on a node: how long it was cordoned or broken"
    ] = None
    writes_per_second: Annotated[float | None, "records a second acknowledged before it"] = None
    out_of_service_seconds: Annotated[
        float | None, "fault → the node has the taint out-of-service; null without it"
    ] = None
    old_pod_gone_seconds: Annotated[float | None, "fault → the old pod is gone from the API"] = None
    new_pod_created_seconds: Annotated[float | None, "fault → a new pod exists"] = None
    scheduled_seconds: Annotated[float | None, "fault → the new pod has a node"] = None
    detached_seconds: Annotated[
        float | None, "fault → the volume is attached to the old node no more; null if not seen"
    ] = None
    attached_seconds: Annotated[
        float | None, "fault → the volume is attached to the new node; null if not seen"
    ] = None
    volume_ready_seconds: Annotated[
        float | None, "fault → its volumes are mounted (condition PodReadyToStartContainers)"
    ] = None
    container_started_seconds: Annotated[float | None, "fault → the writer's container runs"] = None
    multi_attach_seconds: Annotated[
        float | None,
        "first Multi-Attach error of the new pod → attached, or first record, or the last step "
        "seen where neither came; null without such an error",
    ] = None
    clock_error_seconds: Annotated[
        float | None,
        "all times are the client's clock; estimated error of the log times brought to it",
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow(Row):
    """A moment of a storm."""

    volume: Annotated[str, "as in the table storms"]
    storm: Annotated[Storm, "as in the table storms"]
    round: Annotated[int, "as in the table storms"]
    at: Annotated[datetime, "when it was seen, by the client's clock"]
    offset_seconds: Annotated[float, "after the fault; negative before it"]
    event: Annotated[
        str,
        "fault, cordoned, uncordoned, down, out of service, up, last record, old pod gone, new pod "
        "created, scheduled, pending, detached and attached (the volume, from and to a node), "
        "multi-attach error, volume ready, container started, first record; not evicted: another "
        "pod of the node, which its budget kept there",
    ]
    pod: Annotated[str | None, "the pod, where the event is one's"] = None
    node: Annotated[str | None, "the node, where the event has one"] = None
    message: Annotated[str | None, "the cluster's words, where there are any"] = None
