"""A PVC and its PV: created, waited for, and told in the words of the results."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread
from typing import NamedTuple

from tasks.kubernetes import pods, verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Forbidden, NotFound, WaitTimedOut
from tasks.kubernetes.manifest import render
from tasks.kubernetes.objects import Items, Obj
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan, PlanError
from tasks.plan.quantity import quantity_bytes


class Pv(NamedTuple):
    """What a PV says of where its data lies; nothing where the account may not look at it."""

    pv_type: str | None = None
    node_affinity: str | None = None


class Bound(NamedTuple):
    """What a PVC that is bound says, and its PV."""

    bind_seconds: float
    capacity_bytes: int
    pv: str
    pv_type: str | None
    node_affinity: str | None


def object_name(run: Run, position: int, storage_class: str, ending: str) -> str:
    """A name of at most 63 characters, a label's limit, that tells run and class."""
    short = re.sub(r"[^a-z0-9]+", "-", storage_class.lower())[:12].strip("-")
    return f"stormark-{run.run_id}-{position}-{short}-{ending}"


def create(
    run: Run,
    owner: list[Obj],
    name: str,
    storage_class: str,
    *,
    access_mode: str,
    volume_mode: str = "Filesystem",
    volume_name: str | None = None,
) -> Obj:
    """Create a PVC of a class, or, with class "", for one PV by its name."""
    manifest = render(
        "pvc",
        name=name,
        **run.meta(owner),
        storage_class=storage_class,
        access_mode=access_mode,
        volume_mode=volume_mode,
        volume_name=volume_name,
        size=run.plan.volume_size,
    )
    return verbs.create(run.cluster, manifest)


def existing(cluster: Cluster, plan: Plan) -> Obj:
    """The PVC that a plan names; PlanError where it cannot be measured, or is somebody's now."""
    field, name = "plan field pvc", plan.pvc
    if plan.storage_classes:
        raise PlanError(f"{field}: {name} is measured alone: leave out storage_classes")
    if plan.control:
        raise PlanError(f"{field}: {name} is one volume, a control another: leave out control")
    try:
        claim = verbs.get(cluster, "PersistentVolumeClaim", name)
    except NotFound as error:
        where = f"namespace {cluster.namespace}"
        raise PlanError(f"{field}: {where} has no PersistentVolumeClaim {name}") from error
    if "Block" in (plan.volume_mode, claim["spec"].get("volumeMode")):
        raise PlanError(f"{field}: {name} as a raw device would be overwritten: Filesystem only")
    if "deletionTimestamp" in claim["metadata"]:
        raise PlanError(f"{field}: {name} is being deleted")
    users = [
        pod["metadata"]["name"]
        for pod in verbs.find(cluster, "Pod")
        if not pods.has_ended(pod) and name in claim_names(pod)
    ]
    if users:
        raise PlanError(
            f"{field}: {name} is mounted by pod {', '.join(users)}, whose I/O would be measured "
            "with fio's: end it first"
        )
    return claim


def claim_names(pod: Obj) -> list[str]:
    """The PVCs that a pod mounts."""
    sources = [v.get("persistentVolumeClaim") for v in pod["spec"].get("volumes") or []]
    return [source["claimName"] for source in sources if source]


def bound(run: Run, pvc: str, began: float, job: str | None = None) -> Bound:
    """Wait until the PVC is bound; what it says then."""

    def is_bound(items: Items) -> Obj | None:
        claim = items.get(pvc)
        return claim if claim and claim["status"].get("phase") == "Bound" else None

    try:
        claim = watches.wait(
            run.cluster,
            "PersistentVolumeClaim",
            is_bound,
            what=f"binding of PVC {pvc}",
            limit_seconds=run.plan.bind_limit_seconds,
            name=pvc,
        )
    except WaitTimedOut as error:
        words = pods.last_warnings(run.cluster, pvc)
        if job is not None:
            words.append(pods.why_not(run.cluster, pods.of_job(job), job))
        why = "; ".join(filter(None, words)) or "no event says why"
        raise ClusterError(
            f"{error}: {why}. Where a driver takes longer, raise plan field bind_limit_seconds"
        ) from error
    seconds = time.monotonic() - began
    return Bound(
        seconds,
        quantity_bytes(claim["status"]["capacity"]["storage"]),
        claim["spec"]["volumeName"],
        *pv_of(run.cluster, claim),
    )


@contextmanager
def attachments(cluster: Cluster) -> Iterator[Mapping[str, float]]:
    """By PV, when it was seen attached, on `time.monotonic`: watched in a thread meanwhile.

    It stays empty where the account may not look at VolumeAttachments.
    """
    stop, seen = Event(), dict[str, float]()

    def look() -> None:
        with suppress(Forbidden):
            for kind, one in watches.watch(cluster, "VolumeAttachment", label="", stop=stop):
                volume = one["spec"]["source"].get("persistentVolumeName")
                if kind != "DELETED" and volume and one.get("status", {}).get("attached"):
                    seen.setdefault(volume, time.monotonic())

    # a daemon: its last watch may hang, and nobody waits for it
    Thread(target=look, name="attachments", daemon=True).start()
    try:
        yield seen
    finally:
        stop.set()


def pv_of(cluster: Cluster, claim: Obj) -> Pv:
    """What a bound PVC's PV says."""
    try:
        volume = verbs.get(cluster, "PersistentVolume", claim["spec"]["volumeName"])
    except Forbidden:
        return Pv()
    return Pv(pv_type(volume), node_affinity(volume))


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


def attach_seconds(pod: Obj, events: list[Obj]) -> float | None:
    """Seconds from scheduling to the volume's attachment, by the API's own whole seconds.

    None where nothing is attached, or where its event is missing.
    """
    attached = [e for e in events if e.get("reason") == "SuccessfulAttachVolume"]
    scheduled = [c for c in pod["status"].get("conditions", []) if c["type"] == "PodScheduled"]
    if not attached or not scheduled:
        return None
    end = attached[0].get("lastTimestamp") or attached[0]["eventTime"]
    begin = scheduled[0]["lastTransitionTime"]
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
