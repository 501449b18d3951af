"""Provisions the volume of each StorageClass, and measures how long that takes.

While one class's files are laid out, the next one's volume is made and its pod started: what is
measured later waits for neither, and no pod starts beside a measurement.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from tasks.kubernetes import pods, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import NOBODY, ROOT
from tasks.kubernetes.script_job import run_script
from tasks.lifecycle.run import Run
from tasks.plan.quantity import quantity_bytes
from tasks.plan.vocabulary import AS_ROOT
from tasks.provision import bench_pod, claims
from tasks.provision.bench_log import FioLog
from tasks.provision.bench_pod import FioJob
from tasks.provision.filesystems import memory_backed
from tasks.provision.volumes import Volume, VolumeFailed, check_finished, create_job, look


@contextmanager
def provisioned(
    run: Run, owner: list[Obj], storage_classes: list[Obj]
) -> Iterator[Iterator[Volume | VolumeFailed]]:
    """Provision one class after the other, in a thread; yields them as they come.

    Their pods end with the block.
    """
    ended = Event()
    come: SimpleQueue[Volume | BaseException] = SimpleQueue()
    volumes: list[Volume] = []

    def provision_all() -> None:
        for position, storage_class in enumerate(storage_classes):
            try:
                come.put(provision(run, owner, storage_class, position, ended))
            except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
                come.put(error)

    def each() -> Iterator[Volume | VolumeFailed]:
        for _ in storage_classes:
            volume = come.get()
            if isinstance(volume, Volume):
                volumes.append(volume)
            elif not isinstance(volume, VolumeFailed):
                raise volume
            yield volume

    # a daemon: what it waits for may not come before its limit, and the run may end before that
    Thread(target=provision_all, name="provision", daemon=True).start()
    try:
        yield each()
        for volume in volumes:
            verbs.delete(run.cluster, "Job", volume.job.name)
        if run.plan.pvc:
            _remove_folder(run, owner, [volume.node for volume in volumes])
    finally:
        ended.set()


def provision(
    run: Run, owner: list[Obj], storage_class: Obj, position: int, ended: Event
) -> Volume:
    """Create the class's PVC and a first pod on it, and look at the volume.

    Nothing more is created once the run has `ended`. Raises VolumeFailed, with the row so far, when
    the PVC is not bound, the pod does not run, or the volume is too small.
    """
    name = storage_class["metadata"]["name"]
    row: dict[str, Any] = {
        "storage_class": name,
        "pvc": run.plan.pvc or claims.object_name(run, position, name, "volume"),
        "access_mode": run.plan.access_mode,
        "volume_mode": run.plan.volume_mode,
        "requested_bytes": quantity_bytes(run.plan.volume_size),
        "created_at": datetime.now(UTC),
        "user": run.plan.pod.user(NOBODY),
    }
    try:
        job = _first_pod(run, owner, storage_class, row, ended)
        log = look(run, job)
        if log.unwritable is not None and AS_ROOT not in run.skips:
            row["user"] = ROOT
            _unless(ended)
            job = bench_pod.started(run, create_job(run, owner, row, "root"))
            log = look(run, job)
        _take_facts(log, row, run.plan.pod.who(NOBODY), run.skips.get(AS_ROOT))
    except ClusterError as error:
        row["error"] = str(error)
        raise VolumeFailed(str(error), row) from error
    return Volume(
        storage_class=name,
        position=position,
        pvc=row["pvc"],
        job=job,
        user=row["user"],
        engine=log.facts["engine"],
        engine_errors=log.engine_errors,
        memory_bytes=int(log.facts["memory_bytes"]) if "memory_bytes" in log.facts else None,
        row=row,
    )


def _first_pod(
    run: Run, owner: list[Obj], storage_class: Obj, row: dict[str, Any], ended: Event
) -> FioJob:
    """Create PVC and Job, and time what happens until the pod runs."""
    waits_for_pod = storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
    _unless(ended)
    began = time.monotonic()
    if run.plan.pvc:
        row |= _as_it_is(run)
        waits_for_pod = True  # it may be bound, or wait for its first pod
    else:
        claims.create(
            run,
            owner,
            row["pvc"],
            row["storage_class"],
            access_mode=run.plan.access_mode,
            volume_mode=run.plan.volume_mode,
        )
    if not waits_for_pod:
        row |= claims.bound(run, row["pvc"], began)
    _unless(ended)
    job = create_job(run, owner, row, "1")
    if waits_for_pod:
        row |= claims.bound(run, row["pvc"], began, job)
    if run.plan.pvc:
        row["bind_seconds"] = None  # it was there
    started = bench_pod.started(run, job)
    row["first_pod_seconds"] = time.monotonic() - began
    row["node"] = started.node
    row["image_id"] = pods.image_id(started.pod)
    events = verbs.find(run.cluster, "Event", field=f"involvedObject.name={started.pod_name}")
    row["attach_seconds"] = claims.attach_seconds(started.pod, events)
    return started


def _as_it_is(run: Run) -> dict[str, Any]:
    """The columns that a PVC of somebody's says itself."""
    spec = verbs.get(run.cluster, "PersistentVolumeClaim", run.plan.pvc)["spec"]
    return {
        "access_mode": ", ".join(spec["accessModes"]),
        "requested_bytes": quantity_bytes(spec["resources"]["requests"]["storage"]),
        "created_at": None,
    }


def _remove_folder(run: Run, owner: list[Obj], nodes: list[str]) -> None:
    """Remove the run's folder from a PVC that stays; ClusterError that says what remains."""
    folder = f"stormark-{run.run_id}"
    try:
        run_script(
            run.cluster,
            run.plan,
            run.meta(owner),
            name=f"{folder}-remove",
            file="host-folder.sh",
            arguments=("remove",),
            source={"persistentVolumeClaim": {"claimName": run.plan.pvc}},
            mount_path="/host",
            nodes=nodes,
            user=ROOT,
            env={"STORMARK_FOLDER": folder},
        )
    except ClusterError as error:
        raise ClusterError(
            f"folder {folder} of PVC {run.plan.pvc} remains: {error}. Remove it in a pod that "
            "mounts the PVC"
        ) from error


def _unless(ended: Event) -> None:
    if ended.is_set():
        raise ClusterError("the run has ended")


def _take_facts(log: FioLog, row: dict[str, Any], user: str, no_root: str | None) -> None:
    """Fill in what the pod saw of the volume; ClusterError if it cannot be used.

    `user` is who it ran as, and `no_root` why no pod was tried as root, if none was.
    """
    filesystem = log.facts.get("filesystem")
    row["filesystem"] = filesystem
    row["memory_backed"] = memory_backed(filesystem)
    row["free_bytes"] = int(log.facts["free_bytes"]) if "free_bytes" in log.facts else None
    if log.refused is not None:
        free, needed = log.refused
        raise ClusterError(
            f"volume too small: {free:,} bytes are free on {row['node']}, the plan's files need "
            f"{needed:,}. Ask for a smaller volume_size, or make room"
        )
    if log.unwritable is not None:
        who = f"neither {user} nor root may"
        if no_root:
            who = f"{user} may not (root was not tried: {no_root})"
        raise ClusterError(f"{who} write to the volume: {log.unwritable}")
    check_finished(log, row["storage_class"])
