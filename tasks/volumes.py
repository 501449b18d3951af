"""Provisions the volume of a StorageClass, and measures how long that takes."""

import re
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tasks import cluster as k8s
from tasks import fio_job, pods
from tasks.caveats import memory_backed
from tasks.cluster import ClusterError, Items, Obj
from tasks.fio_file import TARGET
from tasks.fio_log import FioLog, rates
from tasks.manifest import render
from tasks.progress import Progress, Report
from tasks.quantity import quantity_bytes
from tasks.run import AS_ROOT, Run


class Volume(NamedTuple):
    """A volume that is bound, laid out and ready; `row` is its line in the table `volumes`."""

    storage_class: str
    position: int
    pvc: str
    node: str
    user: int
    engine: str
    engine_errors: list[str]
    memory_bytes: int | None
    row: dict[str, Any]


class VolumeFailed(ClusterError):
    """A class gave no usable volume; `row` says what was seen and why."""

    def __init__(self, message: str, row: dict[str, Any]) -> None:
        super().__init__(message)
        self.row = row


def object_name(run: Run, position: int, storage_class: str, ending: str) -> str:
    """A name of at most 63 characters, a label's limit, that tells run and class."""
    short = re.sub(r"[^a-z0-9]+", "-", storage_class.lower())[:12].strip("-")
    return f"stormark-{run.run_id}-{position}-{short}-{ending}"


def provision(
    run: Run, owner: list[Obj], storage_class: Obj, position: int, report: Report
) -> Volume:
    """Create the class's PVC and a first pod on it, look at the volume, and lay out its files.

    Raises VolumeFailed, with the row so far, when the PVC is not bound, the pod does not run, or
    the volume is too small.
    """
    name = storage_class["metadata"]["name"]
    row: dict[str, Any] = {
        "storage_class": name,
        "pvc": object_name(run, position, name, "volume"),
        "access_mode": run.plan.access_mode,
        "volume_mode": run.plan.volume_mode,
        "requested_bytes": quantity_bytes(run.plan.volume_size),
        "created_at": datetime.now(UTC),
    }
    waits_for_pod = storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
    try:
        report(Progress(run.run_id, f"{name} · provision and lay out"))
        job = _first_pod(run, owner, position, row, waits_for_pod=waits_for_pod)
        log = _read(run, job, name, report)
        if log.unwritable and AS_ROOT not in run.skips:
            as_root = _create_prepare(run, owner, position, row, fio_job.ROOT)
            job = fio_job.started(run, as_root, run.plan.run_limit_seconds)
            log = _read(run, job, name, report)
        _take_facts(log, row, run.skips.get(AS_ROOT))
    except ClusterError as error:
        row["error"] = str(error)
        raise VolumeFailed(str(error), row) from error
    return Volume(
        storage_class=name,
        position=position,
        pvc=row["pvc"],
        node=job.node,
        user=row["user"],
        engine=log.facts["engine"],
        engine_errors=log.engine_errors,
        memory_bytes=int(log.facts["memory_bytes"]) if "memory_bytes" in log.facts else None,
        row=row,
    )


def _read(run: Run, job: fio_job.FioJob, storage_class: str, report: Report) -> FioLog:
    """The log of a pod that prepares the volume, at its end; fio's rates are told meanwhile."""
    log = FioLog()

    def show(line: str) -> None:
        if (now := rates(line)) is not None:
            step = f"{storage_class} · provision and lay out"
            report(Progress(run.run_id, step, iops=now[0], bytes_per_second=now[1]))

    fio_job.follow(run.cluster, job, log, show)
    return log


def _first_pod(
    run: Run, owner: list[Obj], position: int, row: dict[str, Any], *, waits_for_pod: bool
) -> fio_job.FioJob:
    """Create PVC and Job, and time what happens until the pod runs."""
    began = time.monotonic()
    create_pvc(
        run,
        owner,
        row["pvc"],
        row["storage_class"],
        access_mode=run.plan.access_mode,
        volume_mode=run.plan.volume_mode,
    )
    if not waits_for_pod:
        row |= _bound(run, row["pvc"], began)
    name = _create_prepare(run, owner, position, row, fio_job.NOBODY)
    if waits_for_pod:
        row |= _bound(run, row["pvc"], began, name)
    started = fio_job.started(run, name, run.plan.run_limit_seconds)
    row["first_pod_seconds"] = time.monotonic() - began
    row["node"] = started.node
    row["attach_seconds"] = attach_seconds(
        started.pod, k8s.find(run.cluster, "Event", field=_events_of(started.pod))
    )
    return started


def _create_prepare(
    run: Run, owner: list[Obj], position: int, row: dict[str, Any], user: int
) -> str:
    """Create the Job that looks at the volume and lays out its files, and return its name."""
    plan, workload = run.plan, run.workload
    row["user"] = user
    ending = "prepare" if user == fio_job.NOBODY else "prepare-root"
    name = object_name(run, position, row["storage_class"], ending)
    env = {
        "STORMARK_TARGET": TARGET[plan.volume_mode],
        "STORMARK_LAYOUT": " ".join(f"{f}:{size}" for f, size in workload.layout.items()),
        "STORMARK_NEEDED": str(workload.needed_bytes),
    }
    fio_job.create(
        run,
        owner,
        name=name,
        action="prepare",
        env=env,
        pvc=row["pvc"],
        user=user,
        limit_seconds=plan.run_limit_seconds,
    )
    return name


def create_pvc(
    run: Run,
    owner: list[Obj],
    name: str,
    storage_class: str,
    *,
    access_mode: str,
    volume_mode: str = "Filesystem",
    volume_name: str | None = None,
) -> None:
    """Create a PVC of a class, or, with class "", for one PV by its name."""
    manifest = render(
        "pvc",
        name=name,
        labels=run.labels,
        deadline=run.deadline,
        owner=owner,
        storage_class=storage_class,
        access_mode=access_mode,
        volume_mode=volume_mode,
        volume_name=volume_name,
        size=run.plan.volume_size,
    )
    k8s.create(run.cluster, manifest)


def _bound(run: Run, pvc: str, began: float, job: str | None = None) -> dict[str, Any]:
    """Wait until the PVC is bound; the columns that its PV fills in."""

    def bound(items: Items) -> Obj | None:
        claim = items.get(pvc)
        return claim if claim and claim["status"].get("phase") == "Bound" else None

    try:
        claim = k8s.wait(
            run.cluster,
            "PersistentVolumeClaim",
            bound,
            what=f"binding of PVC {pvc}",
            limit_seconds=run.plan.bind_limit_seconds,
            name=pvc,
        )
    except k8s.WaitTimedOut as error:
        words = pods.last_warnings(run.cluster, pvc)
        if job is not None:
            words.append(pods.why_not(run.cluster, pods.of_job(job), job))
        why = "; ".join(filter(None, words)) or "no event says why"
        raise ClusterError(f"{error}: {why}") from error
    seconds = time.monotonic() - began
    volume = k8s.get(run.cluster, "PersistentVolume", claim["spec"]["volumeName"])
    return {
        "bind_seconds": seconds,
        "capacity_bytes": quantity_bytes(claim["status"]["capacity"]["storage"]),
        "pv": volume["metadata"]["name"],
        "pv_type": pv_type(volume),
        "node_affinity": node_affinity(volume),
    }


def pv_type(volume: Obj) -> str:
    """Where a PV's data lies: hostPath, local, nfs, or csi with its driver's name."""
    sources = [key for key in volume["spec"] if isinstance(volume["spec"][key], dict)]
    others = ("capacity", "claimRef", "nodeAffinity")
    source = next((key for key in sources if key not in others), "unknown")
    return f"csi ({volume['spec']['csi']['driver']})" if source == "csi" else source


def node_affinity(volume: Obj) -> str | None:
    """The PV's required node affinity as a sentence's part; None when any node will do."""
    terms = volume["spec"].get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms")
    if not terms:
        return None
    return " or ".join(
        " and ".join(
            f"{rule['key']} {rule['operator']} {', '.join(rule.get('values', []))}".strip()
            for rule in [*term.get("matchExpressions", []), *term.get("matchFields", [])]
        )
        for term in terms
    )


def _events_of(pod: Obj) -> str:
    return f"involvedObject.name={pod['metadata']['name']}"


def attach_seconds(pod: Obj, events: list[Obj]) -> float | None:
    """Seconds from scheduling to the volume's attachment; None where nothing is attached.

    From the API's own timestamps, which are whole seconds.
    """
    attached = [e for e in events if e.get("reason") == "SuccessfulAttachVolume"]
    scheduled = [c for c in pod["status"].get("conditions", []) if c["type"] == "PodScheduled"]
    if not attached or not scheduled:
        return None
    end = attached[0].get("lastTimestamp") or attached[0]["eventTime"]
    begin = scheduled[0]["lastTransitionTime"]
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _take_facts(log: FioLog, row: dict[str, Any], no_root: str | None) -> None:
    """Fill in what the pod saw of the volume; ClusterError if it could not be made ready.

    `no_root` is why no pod was tried as root, if none was.
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
    if log.unwritable and no_root:
        raise ClusterError(f"user {fio_job.NOBODY} may not write to the volume: {no_root}")
    if log.unwritable:
        raise ClusterError(f"neither user {fio_job.NOBODY} nor root may write to the volume")
    if not log.finished:
        words = "; ".join(log.errors + log.engine_errors) or "its log ends early"
        raise ClusterError(f"preparing the volume of {row['storage_class']}: {words}")
