"""Undoes a run: cordons, objects, PVs and folders on nodes, from labels and annotations alone."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tasks.kubernetes import labels, objects, verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Forbidden, NotFound, WaitTimedOut
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.script_job import run_script
from tasks.lifecycle import cordon, node_commands
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import Plan, Toleration
from tasks.plan.vocabulary import STATEFUL_SET

# What a run creates itself, in the order of its release; pods go with their owners, PVs with PVCs.
CREATED = ("Deployment", "StatefulSet", "Job", "Pod", "PersistentVolumeClaim")
PROVISIONED = "pv.kubernetes.io/provisioned-by"
# A PVC of a run, by its name.
OF_RUN = re.compile(rf"stormark-({labels.RUN_ID.pattern})-")
HOST_ROOT = "/var/tmp"  # noqa: S108 - on the nodes, where every distribution has it


def release(cluster: Cluster, run_id: str, plan: Plan, *, nodes: bool = True) -> list[str]:
    """Undo all that a run did, from labels and annotations alone, and wait until it is gone.

    Nodes first, since others wait for them: cordons, then what the plan's commands have broken;
    then what is in the namespace and its PVs; then folders on nodes; last the ConfigMap that says
    which. Commands, image and limits are those of `plan`, the caller's own: what a ConfigMap of the
    cluster says is never run. Safe to call again. Without `nodes`, what is written on them is left.

    Returns a sentence for each thing that stays for now: what is still being deleted after the
    plan's limit, and PVs that the account may not have deleted. Raises ClusterError that says what
    remains and how to remove it.
    """
    selector, notes = labels.selector(run_id), list[str]()
    with _or_note(plan, notes, f"no node was looked at for what run {run_id} may have done to it"):
        if nodes:
            _restore_nodes(cluster, run_id, plan.node_faults)
    volumes: list[str] = []
    with _or_note(plan, notes, f"whether volumes of run {run_id} stay is not known"):
        volumes += _reclaim(cluster, run_id, selector, notes)
    limit = plan.delete_limit_seconds
    attached = _attached(cluster, selector)
    made = [kind for kind in CREATED if _delete_all(cluster, kind, selector)]
    for kind in made:
        notes += _wait_gone(cluster, kind, selector, limit)
    own: list[Obj] = []
    with _or_note(plan, notes, f"whether local PVs of run {run_id} stay is not known"):
        own += verbs.find(cluster, "PersistentVolume", label=selector)
    for volume in own:
        if not is_of(cluster, volume):
            continue
        verbs.delete(cluster, "PersistentVolume", volume["metadata"]["name"])
        volumes.append(volume["metadata"]["name"])
    for name in volumes:
        notes += _wait_gone(cluster, "PersistentVolume", "", limit, name=name)
    for item in attached:
        notes += _still_attached(cluster, item, limit)
    for owner in verbs.find(cluster, "ConfigMap", label=selector):
        _remove_host_folders(cluster, plan, owner)
        verbs.delete(cluster, "ConfigMap", owner["metadata"]["name"])
    for kind in ("Job", "Pod", "ConfigMap"):  # those that removed folders too
        notes += _wait_gone(cluster, kind, selector, limit)
    return list(dict.fromkeys(notes))


def _delete_all(cluster: Cluster, kind: str, selector: str) -> bool:
    """Delete a run's objects of a kind; whether their end has to be waited for."""
    found = find_made(cluster, kind, selector)
    for item in found:
        verbs.delete(cluster, kind, item["metadata"]["name"])
    return bool(found) or kind != STATEFUL_SET


def find_made(cluster: Cluster, kind: str, selector: str) -> list[Obj]:
    """What runs have made of a kind.

    Who may not look for StatefulSets, which only some plans need, has made none.
    """
    try:
        return verbs.find(cluster, kind, label=selector)
    except Forbidden:
        if kind != STATEFUL_SET:
            raise
        return []


@contextmanager
def _or_note(plan: Plan, notes: list[str], what: str) -> Iterator[None]:
    """Note what an account may not look at, where a plan does with rights in its namespace."""
    try:
        yield
    except Forbidden as error:
        if not plan.storage_classes:
            raise
        notes.append(f"{what}: {error}")


def _restore_nodes(cluster: Cluster, run_id: str, faults: Mapping[str, NodeFault]) -> None:
    """Uncordon, and mend what was broken: one node that stays down keeps no other from it.

    Then the rest is not tried: what was on that node would not go.
    """
    broken, errors = cordon.uncordon_all(cluster, run_id)
    for node, storm in broken:
        try:
            node_commands.mend(cluster, node, storm, faults)
        except ClusterError as error:
            errors.append(str(error))
    if errors:
        again = f"`stormark reap {cluster.options} --plan PLAN`"
        errors.append(f"What run {run_id} made is still there until {again} has mended the nodes")
        raise ClusterError("; ".join(errors))


def host_folder(namespace: str, run_id: str) -> str:
    """The name of a run's folder on a node, below HOST_ROOT; no other namespace can name it."""
    return f"stormark-{namespace}-{run_id}"


def make_host_folders(
    cluster: Cluster, plan: Plan, meta: dict[str, Any], names: list[str]
) -> dict[str, ClusterError]:
    """Make the run's folder on each node, once the run's ConfigMap says that it will be there.

    Returns why it could not be made, by node; on the others it is there.
    """
    change = {"metadata": {"annotations": {labels.HOST_FOLDERS: ",".join(names)}}}
    try:
        verbs.patch(cluster, "ConfigMap", meta["owner"][0]["name"], change)
    except ClusterError as error:
        return dict.fromkeys(names, error)
    path, refused = f"{HOST_ROOT}/{host_folder(cluster.namespace, meta['run_id'])}", {}
    for name in names:
        try:
            _host_folder(cluster, plan, meta, "make", name)
        except ClusterError as error:
            refused[name] = ClusterError(f"making folder {path} on node {name}: {error}")
    return refused


def _remove_host_folders(cluster: Cluster, plan: Plan, configmap: Obj) -> None:
    """Remove a run's folders: one that remains keeps no other from it.

    The ConfigMap says on which nodes, and nothing else: anybody may have written it. The pod is
    tied to its node, whatever its taints are by now.
    """
    annotations = configmap["metadata"].get("annotations") or {}
    folders = set(filter(None, annotations.get(labels.HOST_FOLDERS, "").split(",")))
    if not folders:
        return
    plan = plan.model_copy(update={"tolerations": [Toleration(operator="Exists")]})
    run_id = configmap["metadata"]["labels"][labels.RUN]
    if not labels.RUN_ID.fullmatch(run_id):
        raise ClusterError(
            f"cleaning up: ConfigMap {configmap['metadata']['name']} names folders on nodes, and "
            f"its run {run_id!r} is none of stormark's. Look at it, then delete it"
        )
    meta = {
        "run_id": run_id,
        "labels": labels.of_run(run_id),
        "deadline": annotations.get(labels.DEADLINE, ""),
        "owner": [labels.reference(configmap)],
    }
    path, errors = f"{HOST_ROOT}/{host_folder(cluster.namespace, run_id)}", []
    there = {node["metadata"]["name"] for node in verbs.find(cluster, "Node")}
    for name in sorted(folders):
        if name not in there:  # it has left the cluster, and its folder with it
            continue
        try:
            _host_folder(cluster, plan, meta, "remove", name)
        except ClusterError as error:
            errors.append(f"cleaning up: folder {path} on node {name} remains: {error}")
    if errors:
        errors.append(
            f"Remove it there with `rm -rf {path}`, then delete ConfigMap "
            f"{configmap['metadata']['name']}"
        )
        raise ClusterError("; ".join(errors))


def _host_folder(
    cluster: Cluster, plan: Plan, meta: dict[str, Any], action: str, node: str
) -> None:
    run_script(
        cluster,
        plan,
        meta,
        name=f"stormark-{meta['run_id']}-{action}-{secrets.token_hex(3)}",
        file="host-folder.sh",
        arguments=(action,),
        source={"hostPath": {"path": HOST_ROOT, "type": "DirectoryOrCreate"}},
        mount_path="/host",
        nodes=[node],
        user=0,
        env={"STORMARK_FOLDER": host_folder(cluster.namespace, meta["run_id"])},
    )


def is_of(cluster: Cluster, item: Obj) -> bool:
    """Whether the run that made an object works in the cluster's one namespace.

    A PV has no namespace, so its run writes its own there, which may be another one.
    """
    meta = item["metadata"]
    home = meta.get("namespace") or (meta.get("annotations") or {}).get(labels.NAMESPACE)
    return bool(home == cluster.namespace)


def _reclaim(cluster: Cluster, run_id: str, selector: str, notes: list[str]) -> list[str]:
    """The run's own PVs that go with their PVCs; `notes` has why others stay.

    One that was provisioned for a class with reclaimPolicy Retain is told to go as well; those of
    PVCs that are gone already are known by the name of their PVC.
    """
    claims = verbs.find(cluster, "PersistentVolumeClaim", label=selector)
    names = {claim["spec"].get("volumeName") for claim in claims}
    going = []
    for volume in verbs.find(cluster, "PersistentVolume"):
        name = volume["metadata"]["name"]
        if name not in names and retained_by(cluster, volume) != run_id:
            continue
        if volume["spec"]["persistentVolumeReclaimPolicy"] != "Delete":
            if not _provisioned(volume):
                continue
            if why := _stays(cluster, name):
                notes.append(why)
                continue
        going.append(name)
    return going


def _attached(cluster: Cluster, selector: str) -> list[Obj]:
    """The VolumeAttachments of a run's PVs; none where the account may not list them."""
    claims = verbs.find(cluster, "PersistentVolumeClaim", label=selector)
    volumes = {claim["spec"].get("volumeName") for claim in claims} - {None}
    if not volumes:
        return []
    every = verbs.find_allowed(cluster, "VolumeAttachment") or []
    return [one for one in every if one["spec"]["source"].get("persistentVolumeName") in volumes]


def _still_attached(cluster: Cluster, attachment: Obj, limit_seconds: int) -> list[str]:
    """Wait until a volume is detached; a note where a node has it still, as one that is lost."""
    name, spec = attachment["metadata"]["name"], attachment["spec"]
    try:
        watches.wait_gone(
            cluster,
            "VolumeAttachment",
            what=f"detachment by {name}",
            limit_seconds=limit_seconds,
            name=name,
        )
    except WaitTimedOut:
        return [
            f"volumeattachments {name}: volume {spec['source']['persistentVolumeName']} is still "
            f"attached to node {spec['nodeName']} after {limit_seconds} s. See why with "
            f"`kubectl describe volumeattachments {name}`"
        ]
    return []


def let_go(cluster: Cluster, volume: str | None) -> str | None:
    """Have a PV go with its PVC, also where its class says Retain; its name, if it will.

    None where it stays, or where the account may not know.
    """
    if volume is None:
        return None
    try:
        found = verbs.get(cluster, "PersistentVolume", volume)
    except (Forbidden, NotFound):
        return None
    if found["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
        return volume
    return volume if _provisioned(found) and _stays(cluster, volume) is None else None


def retained_by(cluster: Cluster, volume: Obj) -> str | None:
    """The run of the namespace that a PV was provisioned for, where its PVC is gone; else None."""
    reference = volume["spec"].get("claimRef") or {}
    named = OF_RUN.match(str(reference.get("name")))
    if named is None or reference.get("namespace") != cluster.namespace:
        return None
    released = volume["status"].get("phase") == "Released"
    return named[1] if released and _provisioned(volume) else None


def _provisioned(volume: Obj) -> bool:
    """Whether a PV was made for its PVC; any other somebody made, and keeps."""
    return PROVISIONED in (volume["metadata"].get("annotations") or {})


def _stays(cluster: Cluster, volume: str) -> str | None:
    """Let a PV go with its PVC; why it stays, where this account may not."""
    change = {"spec": {"persistentVolumeReclaimPolicy": "Delete"}}
    try:
        verbs.patch(cluster, "PersistentVolume", volume, change)
    except Forbidden as error:
        return (
            f"PersistentVolume {volume} and its data stay, since its class says Retain: {error} "
            f"`kubectl patch pv {volume} -p '{json.dumps(change)}'` deletes both"
        )
    return None


def _wait_gone(
    cluster: Cluster, kind: str, label: str, limit_seconds: int, name: str = ""
) -> list[str]:
    """Wait until nothing is there any more; a note where deletion is only slow.

    Raises ClusterError where it was not even begun.
    """
    try:
        watches.wait_gone(
            cluster,
            kind,
            what=f"deletion of every {kind}",
            limit_seconds=limit_seconds,
            label=label,
            name=name,
        )
    except WaitTimedOut as error:
        if not error.items:  # what is left is not known: the server has been away
            raise
        plural = objects.KINDS[kind][1]
        left = " ".join(sorted(error.items))
        look = f"See why with `kubectl -n {cluster.namespace} describe {plural} {left}`"
        if all(map(_is_going, error.items.values())):
            return [f"{plural} {left} still being deleted after {limit_seconds} s. {look}"]
        raise ClusterError(
            f"cleaning up: {plural} {left} still there after {limit_seconds} s. {look}"
        ) from error
    return []


def _is_going(item: Obj) -> bool:
    """Whether the cluster has begun to delete an object; of a PV, its volume."""
    policy = item.get("spec", {}).get("persistentVolumeReclaimPolicy")
    released = item.get("status", {}).get("phase") in ("Released", "Failed")
    return "deletionTimestamp" in item["metadata"] or (policy == "Delete" and released)
