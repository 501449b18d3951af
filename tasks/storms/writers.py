"""The writers of a storm: a workload on each kind of volume, and what each needs beside it."""

import re
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from tasks.kubernetes import pods, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.manifest import render
from tasks.kubernetes.nodes import hostname
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pod_template import render_workload
from tasks.kubernetes.pods import NOBODY, ROOT
from tasks.kubernetes.script_job import tolerations
from tasks.lifecycle.cleanup import HOST_ROOT, host_folder
from tasks.lifecycle.run import Run
from tasks.plan.vocabulary import (
    AS_ROOT,
    CLASSES,
    DEPLOYMENT,
    FOLDER_KINDS,
    SHARED,
    STATEFUL_SET,
    WriterKind,
)
from tasks.provision import claims
from tasks.storms.ledger import Page
from tasks.storms.observer import Observer

NO_PV = claims.Pv()
RWX = " (RWX)"  # ends the name of a class's second row
# End the names of workloads: a StatefulSet's stands, with a hash of 10, in a label of at most 63.
ENDINGS: dict[WriterKind, str] = {DEPLOYMENT: "storm", STATEFUL_SET: "s"}
# How provisioners say that they have no such volume; each in its own words.
OTHER_MODE = re.compile(r"access ?modes?|ReadWrite|multi.?(node|writer)|capabilit", re.I)


class Target(NamedTuple):
    """A row of the storm matrix: `volume` is its name there."""

    volume: str
    storage_class: str | None = None
    access_mode: str | None = None
    writer_kind: WriterKind = DEPLOYMENT

    @property
    def bare(self) -> str:
        """Its name without what tells whose it is: a Deployment's has no such ending."""
        return self.volume.removesuffix(_ending(self.writer_kind))

    @property
    def kind(self) -> str:
        """What the plan's `storm_volumes` calls it."""
        if self.storage_class is None:
            return self.bare
        return SHARED if self.bare.endswith(RWX) else CLASSES

    @property
    def folder(self) -> str:
        """Its folder on a node, as `manifests/host-folder.sh` makes it."""
        return self.bare if self.writer_kind == DEPLOYMENT else f"{self.bare}-{self.writer_kind}"


class NotOffered(ClusterError):
    """The class has no volume of that access mode, its provisioner says."""


class NoNode(ClusterError):
    """The volume is a folder of a node, and the cluster has none that a storm may touch."""


class NoRoot(ClusterError):
    """Only root may write to the volume, and no pod here may be root."""


@dataclass(eq=False)
class Writer:
    """A writer on one volume, and what its PV says."""

    target: Target
    name: str
    source: Obj
    observer: Observer
    user: int = NOBODY
    nodes: list[str] = field(default_factory=list)
    pv: claims.Pv = NO_PV
    lost: set[tuple[str, int]] = field(default_factory=set)
    unsynced_lost: set[tuple[str, int]] = field(default_factory=set)
    lost_pages: set[Page] = field(default_factory=set)
    torn_pages: set[Page] = field(default_factory=set)
    cold_damaged: set[str] = field(default_factory=set)

    @property
    def volume(self) -> str:
        """The volume's name in the matrix."""
        return self.target.volume

    def running_pod(self) -> str | None:
        """Its pod that runs and stays, as far as the API knows: on a lost node it still does."""
        for pod in self.observer.pods().values():
            running = "running" in pods.container_state(pod)
            if running and "deletionTimestamp" not in pod["metadata"]:
                return str(pod["metadata"]["name"])
        return None


def targets_of(run: Run, storage_classes: list[Obj]) -> list[Target]:
    """The rows of the storm matrix: kinds of volume as the plan names them, then its classes.

    Each for every kind of writer, on a volume of its own: the names of a StatefulSet's say so.
    """
    return [
        target._replace(volume=f"{target.volume}{_ending(kind)}", writer_kind=kind)
        for target in _volumes_of(run, storage_classes)
        for kind in run.plan.writers
    ]


def _ending(kind: str) -> str:
    return "" if kind == DEPLOYMENT else f" ({kind})"


def _volumes_of(run: Run, storage_classes: list[Obj]) -> list[Target]:
    plan = run.plan
    kinds = [v for v in plan.storm_volumes if v not in (CLASSES, SHARED)]
    targets = [Target(kind, None, "ReadWriteOnce" if kind == "local" else None) for kind in kinds]
    for storage_class in (c["metadata"]["name"] for c in storage_classes):
        name = f"{storage_class} (class)" if storage_class in kinds else storage_class
        if CLASSES in plan.storm_volumes:
            targets.append(Target(name, storage_class, plan.access_mode))
        if SHARED in plan.storm_volumes and plan.access_mode != "ReadWriteMany":
            targets.append(Target(f"{name}{RWX}", storage_class, "ReadWriteMany"))
    return targets


def create(run: Run, owner: list[Obj], target: Target, position: int, nodes: list[Obj]) -> Writer:
    """Create a volume and its writer; `nodes` are those a storm may touch, the first preferred."""
    name = claims.object_name(run, position, target.volume, ENDINGS[target.writer_kind])
    source = _volume(run, owner, target, name, nodes)
    writer = Writer(target, name, source, _observe(run, name), nodes=_allowed(target, nodes))
    try:
        _create_writer(run, owner, writer, nodes)
    except BaseException:
        writer.observer.close()  # nobody else knows of it
        raise
    return writer


def wait_writing(run: Run, owner: list[Obj], writer: Writer, nodes: list[Obj]) -> None:
    """Wait for the first acknowledged record.

    A volume that user 65534 may not write to gets a writer that is root. Raises ClusterError with
    the reason when no record comes within the plan's limits, NotOffered for a class without such
    volumes.
    """
    if not _first_record(run, writer):
        if why := run.skips.get(AS_ROOT):
            who = run.plan.pod.who(NOBODY)
            raise NoRoot(f"{who} may not write to {writer.volume}: {why}")
        writer.observer.close()
        verbs.delete(run.cluster, writer.target.writer_kind, writer.name)
        writer.name, writer.user = f"{writer.name}-r", ROOT
        writer.observer = _observe(run, writer.name)
        _create_writer(run, owner, writer, nodes)
        if not _first_record(run, writer):
            why = "; ".join(writer.observer.unwritable.values())
            raise ClusterError(
                f"neither user {NOBODY} nor root can write to {writer.volume}: its writer says "
                f"{why}"
            )
    writer.pv = _pv_of(run, writer.source)


def _observe(run: Run, workload: str) -> Observer:
    return Observer(run.cluster, f"stormark/writer={workload}")


def _allowed(target: Target, nodes: list[Obj]) -> list[str]:
    """Nodes where a writer may run: hostPath where its folder is, else anywhere."""
    names = [node["metadata"]["name"] for node in nodes]
    return {"hostPath": names, "hostPath-pinned": names[:1]}.get(target.kind, [])


def _volume(run: Run, owner: list[Obj], target: Target, name: str, nodes: list[Obj]) -> Obj:
    """Create what the volume needs; returns its source as a pod names it."""
    volume, storage_class, access_mode = target.bare, target.storage_class, target.access_mode
    folder = f"{HOST_ROOT}/{host_folder(run.cluster.namespace, run.run_id)}/{target.folder}"
    if target.kind in FOLDER_KINDS and not nodes:
        raise NoNode(
            f"{volume} needs a node that a storm may touch: Linux, Ready, not cordoned, "
            "without a taint that the plan does not tolerate, of the plan's storm_nodes and "
            "node_selector, and no control plane unless storm_nodes names it by "
            "kubernetes.io/hostname; the cluster has none"
        )
    if access_mode is None:
        if volume == "emptyDir":
            return {"emptyDir": {}}
        return {"hostPath": {"path": folder, "type": "Directory"}}
    if storage_class is None:
        claims.create(run, owner, name, "", access_mode=access_mode, volume_name=name)
        _create_local_pv(run, name, folder, nodes[0])
    else:
        claims.create(run, owner, name, storage_class, access_mode=access_mode)
    return {"persistentVolumeClaim": {"claimName": name}}


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
    verbs.create(run.cluster, manifest)


def _create_writer(run: Run, owner: list[Obj], writer: Writer, nodes: list[Obj]) -> None:
    manifest = render_workload(
        "writer",
        run.plan,
        kind=writer.target.writer_kind,
        name=writer.name,
        **run.meta(owner),
        tolerations=tolerations(run.plan),
        nodes=writer.nodes,
        avoid=run.avoid,
        first_node=nodes[0]["metadata"]["name"] if nodes else "",
        user=writer.user,
        interval=f"{1 / run.plan.writes_per_second:.3f}",
        source=writer.source,
    )
    verbs.create(run.cluster, manifest)


def _first_record(run: Run, writer: Writer) -> bool:
    """Wait for the first record; False when this user may not write to the volume."""
    limit = run.plan.bind_limit_seconds + run.plan.start_limit_seconds
    deadline = time.monotonic() + limit
    while not writer.observer.acks:
        if writer.observer.unwritable:
            return False
        for pod in writer.observer.pods().values():
            if why := pods.cannot_start(run.cluster, pod):
                raise ClusterError(why)
        if refusal := _not_offered(run, writer):
            raise NotOffered(refusal)
        if time.monotonic() > deadline:
            raise ClusterError(
                f"no record within {limit} s: {why_silent(run, writer) or 'no reason'}. Where a "
                "driver takes longer, raise plan fields bind_limit_seconds or start_limit_seconds"
            )
        writer.observer.wait(1.0, f"starting the writer on {writer.volume}")
    return True


def _not_offered(run: Run, writer: Writer) -> str | None:
    """The provisioner's words, where they refuse the access mode of a shared volume."""
    if writer.target.access_mode != "ReadWriteMany":
        return None
    claim = writer.source["persistentVolumeClaim"]["claimName"]
    words = next(filter(OTHER_MODE.search, pods.last_warnings(run.cluster, claim)), None)
    return words and f"{writer.target.storage_class} has no ReadWriteMany volumes: {words}"


def why_silent(run: Run, writer: Writer) -> str | None:
    """Why no record comes: the words of a writer that runs and cannot write, else the cluster's."""
    said = [
        words
        for pod, words in list(writer.observer.refused.items())
        if pod in writer.observer.pods()
    ]
    return f"its writer says: {said[-1]}" if said else why_pending(run, writer)


def why_pending(run: Run, writer: Writer) -> str | None:
    """What the cluster says of a writer's pod that does not run: its condition, then events."""
    return pods.why_not(run.cluster, f"stormark/writer={writer.name}", writer.name) or None


def _pv_of(run: Run, source: Obj) -> claims.Pv:
    claim = source.get("persistentVolumeClaim")
    if claim is None:
        return NO_PV
    bound = verbs.get(run.cluster, "PersistentVolumeClaim", claim["claimName"])
    return claims.pv_of(run.cluster, bound)
