"""Provisions the volume of a class in a round, and measures how long that takes.

One after the other, while nothing else of the run goes on: lay-outs come later.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from tasks.kubernetes import pods, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import NOBODY, ROOT
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan
from tasks.plan.quantity import quantity_bytes
from tasks.plan.vocabulary import AS_ROOT
from tasks.provision import bench_pod, claims
from tasks.provision.bench_log import FioLog
from tasks.provision.bench_pod import FioJob
from tasks.provision.filesystems import memory_backed
from tasks.provision.volumes import Volume, VolumeFailed, check_finished, create_job, look
from tasks.results.column import CONTROL
from tasks.results.run_columns import VolumeRow


class Subject(NamedTuple):
    """What is measured under a name: a StorageClass, at its place among all that are."""

    name: str
    position: int
    storage_class: Obj


def subjects(plan: Plan, storage_classes: list[Obj]) -> list[Subject]:
    """Every class under its own name, and the reference once more where the plan has a control."""
    names = [storage_class["metadata"]["name"] for storage_class in storage_classes]
    found = [Subject(name, i, storage_classes[i]) for i, name in enumerate(names)]
    if plan.control:
        found.append(Subject(names[0] + CONTROL, len(names), storage_classes[0]))
    return found


def tied_first(found: list[Subject]) -> list[Subject]:
    """Those first whose volume is made before its pod, so that the pod follows it."""
    return sorted(found, key=lambda one: _waits_for_pod(one.storage_class))


def provision(
    run: Run, owner: list[Obj], subject: Subject, number: int, node: str | None
) -> Volume:
    """Create the PVC of a round and a first pod on it, and look at the volume.

    The pod runs on `node` where its volume can be there. Raises VolumeFailed, with the row so far,
    when the PVC is not bound, the pod does not run, or the volume is too small.
    """
    seen = _Seen(
        VolumeRow(
            storage_class=subject.name,
            round=None if run.plan.pvc else number,
            pvc=run.plan.pvc
            or claims.object_name(run, subject.position, subject.name, f"r{number}-volume"),
            access_mode=run.plan.access_mode,
            volume_mode=run.plan.volume_mode,
            requested_bytes=quantity_bytes(run.plan.volume_size),
            created_at=datetime.now(UTC),
            user=run.plan.pod.user(NOBODY),
        )
    )
    try:
        job = _first_pod(run, owner, subject.storage_class, seen, node)
        log = look(run, job)
        if log.unwritable is not None and AS_ROOT not in run.skips:
            seen.row = replace(seen.row, user=ROOT)
            job = bench_pod.started(run, create_job(run, owner, seen.row, "root", node=job.node))
            log = look(run, job)
        _take_facts(log, seen, run.plan.pod.who(NOBODY), run.skips.get(AS_ROOT))
    except ClusterError as error:
        raise VolumeFailed(str(error), replace(seen.row, error=str(error))) from error
    return Volume(
        storage_class=subject.name,
        pvc=seen.row.pvc,
        job=job,
        user=seen.row.user,
        engine=log.facts["engine"],
        engine_errors=log.engine_errors,
        memory_bytes=int(log.facts["memory_bytes"]) if "memory_bytes" in log.facts else None,
        row=seen.row,
    )


@dataclass
class _Seen:
    """The row of a volume that is being made, with what is known by now."""

    row: VolumeRow


def _first_pod(
    run: Run, owner: list[Obj], storage_class: Obj, seen: _Seen, node: str | None
) -> FioJob:
    """Create PVC and Job, and time what happens until the pod runs."""
    waits_for_pod, pvc = _waits_for_pod(storage_class), seen.row.pvc
    with claims.attachments(run.cluster) as attached:
        began = time.monotonic()
        if run.plan.pvc:
            seen.row = _as_it_is(run, seen.row)
            waits_for_pod = True  # it may be bound, or wait for its first pod
        else:
            claims.create(
                run,
                owner,
                pvc,
                storage_class["metadata"]["name"],
                access_mode=run.plan.access_mode,
                volume_mode=run.plan.volume_mode,
            )
        if not waits_for_pod:
            bound = claims.bound(run, pvc, began)
            seen.row = replace(seen.row, **bound._asdict())
        job = create_job(run, owner, seen.row, "1", prefer=node)
        if waits_for_pod:
            bound = claims.bound(run, pvc, began, job)
            seen.row = replace(seen.row, **bound._asdict())
        started = bench_pod.started(run, job)
        at = attached.get(bound.pv)
        seen.row = replace(
            seen.row,
            first_pod_seconds=time.monotonic() - began,
            attached_seconds=None if at is None else at - began,
        )
    if run.plan.pvc:
        seen.row = replace(seen.row, bind_seconds=None)  # it was there
    seen.row = replace(seen.row, node=started.node, image_id=pods.image_id(started.pod))
    events = verbs.find(run.cluster, "Event", field=f"involvedObject.name={started.pod_name}")
    seen.row = replace(seen.row, attach_seconds=claims.attach_seconds(started.pod, events))
    return started


def _waits_for_pod(storage_class: Obj) -> bool:
    return bool(storage_class.get("volumeBindingMode") == "WaitForFirstConsumer")


def _as_it_is(run: Run, row: VolumeRow) -> VolumeRow:
    """The row with what a PVC of somebody's says itself."""
    spec = verbs.get(run.cluster, "PersistentVolumeClaim", run.plan.pvc)["spec"]
    return replace(
        row,
        access_mode=", ".join(spec["accessModes"]),
        requested_bytes=quantity_bytes(spec["resources"]["requests"]["storage"]),
        created_at=None,
    )


def _take_facts(log: FioLog, seen: _Seen, user: str, no_root: str | None) -> None:
    """Fill in what the pod saw of the volume; ClusterError if it cannot be used.

    `user` is who it ran as, and `no_root` why no pod was tried as root, if none was.
    """
    filesystem = log.facts.get("filesystem")
    seen.row = replace(
        seen.row,
        filesystem=filesystem,
        memory_backed=memory_backed(filesystem),
        free_bytes=int(log.facts["free_bytes"]) if "free_bytes" in log.facts else None,
    )
    if log.refused is not None:
        free, needed = log.refused
        raise ClusterError(
            f"volume too small: {free:,} bytes are free on {seen.row.node}, the plan's files need "
            f"{needed:,}. Ask for a smaller volume_size, or make room"
        )
    if log.unwritable is not None:
        who = f"neither {user} nor root may"
        if no_root:
            who = f"{user} may not (root was not tried: {no_root})"
        raise ClusterError(f"{who} write to the volume: {log.unwritable}")
    check_finished(log, seen.row.storage_class)
