"""Finds what dead runs have left behind, from labels and annotations alone, and releases it."""

from collections.abc import Mapping
from typing import NamedTuple

from tasks.kubernetes import labels, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError
from tasks.lifecycle import cordon, lease, out_of_service
from tasks.lifecycle.cleanup import CREATED, find_made, is_of, release, retained_by
from tasks.plan.plan import Plan

DEAD = "dead: it no longer renews its Lease"
OF_NAMESPACE = (*CREATED, "ConfigMap")
# What a night says of each dead run, before it creates anything.
RELEASED = "released run"


class NotReleased(ClusterError):
    """Some runs could not be released: the message has a line for each run that was found.

    `failures` has a sentence for each of those that are still there.
    """

    def __init__(self, found: list["Remains"], errors: Mapping[str, Exception]) -> None:
        self.failures = [
            f"run {run_id}, {why}: not released: {errors[run_id]}"
            for run_id, why, *_ in found
            if run_id in errors
        ]
        done = [
            f"run {one.run_id}, {one.why}: released" for one in found if one.run_id not in errors
        ]
        super().__init__("\n".join(self.failures + done))


class Remains(NamedTuple):
    """What one dead run has left: `objects` as kind/name, cordoned nodes included.

    `notes` has a sentence for each of them that stays for now although the run is released. Without
    objects there is nothing to release, but for a person to look at.
    """

    run_id: str
    why: str
    objects: list[str]
    notes: tuple[str, ...] = ()


def find_remains(cluster: Cluster, *, allowed_only: bool = False) -> dict[str, list[str]]:
    """What is there of each run, dead or alive: objects as kind/name, cordoned nodes included.

    With `allowed_only`, PVs and nodes count only where the account may list them.

    Looks into the cluster's one namespace, at PVs and at nodes; what lacks stormark's label or
    annotation is never considered.
    """
    left: dict[str, list[str]] = {}
    look = verbs.find_allowed if allowed_only else verbs.find
    volumes = look(cluster, "PersistentVolume") or []
    made = {kind: find_made(cluster, kind, labels.selector()) for kind in OF_NAMESPACE}
    made["PersistentVolume"] = [volume for volume in volumes if labels.is_ours(volume)]
    for kind, items in made.items():
        for item in items:
            if not is_of(cluster, item):
                continue
            run_id = item["metadata"]["labels"].get(labels.RUN, "")
            left.setdefault(run_id, []).append(f"{kind}/{item['metadata']['name']}")
    for volume in volumes:
        if run_id := retained_by(cluster, volume):
            left.setdefault(run_id, []).append(
                f"PersistentVolume/{volume['metadata']['name']} (Released, with its data)"
            )
    for node, undoing in cordon.undoings(look(cluster, "Node") or []):
        if undoing["namespace"] == cluster.namespace:
            state = f"{undoing['fault']}, may be down" if "fault" in undoing else "cordoned"
            state += ", out of service" if undoing.get(out_of_service.MARKED) else ""
            left.setdefault(str(undoing["run"]), []).append(f"Node/{node} ({state})")
    return {run_id: objects for run_id, objects in sorted(left.items()) if run_id}


def reap(
    cluster: Cluster,
    *,
    dry_run: bool,
    plan: Plan = Plan(),  # noqa: B008 - never changed
    own: str = "",
) -> list[Remains]:
    """Release every dead run, or with `dry_run` only say which; returns what was found.

    A run lives while it renews the namespace's Lease: where there is something to judge, that is
    watched for as long as `lease.judge` says; `own` is the run that asks, if one does. One that
    lives is left alone, whatever its deadline says. One that cannot be released keeps no other from
    it; at the end NotReleased says which and why. `plan` has the commands that mend a node, and the
    image whose pods remove folders on nodes: they are never read from the cluster, where whoever
    may write a ConfigMap could have them run.
    """
    left = find_remains(
        cluster, allowed_only=bool(own and plan.storage_classes)
    )  # before the Lease: a run that begins later is not in it
    if not left and lease.read(cluster) is None:
        return []
    held, lives = lease.judge(cluster, own)
    living = lease.holder(held) if held is not None and lives else None
    found = [_remains(cluster, run_id, left[run_id]) for run_id in left if run_id != living]
    if dry_run:
        return found
    if held is not None and not lives and not lease.free(cluster, held):
        # it gave a sign of life at the last moment, or another run took it over
        return reap(cluster, dry_run=dry_run, plan=plan, own=own)
    errors: dict[str, Exception] = {}
    for position, remains in enumerate(found):
        try:
            notes = release(cluster, remains.run_id, plan, nodes=not remains.notes)
            found[position] = remains._replace(notes=(*remains.notes, *notes))
        except (ClusterError, LookupError, ValueError) as error:
            errors[remains.run_id] = error
    if errors:
        raise NotReleased(found, errors)
    return found


def _remains(cluster: Cluster, run_id: str, left: list[str]) -> Remains:
    """What is left of a dead run; nodes only where the run has its ConfigMap still.

    That goes last, after every node was given back. Of a run that has none, anybody who may write
    on a node may have made the mark: to uncordon somebody's node by it, or have each `reap` fail.
    """
    marked = [one for one in left if one.startswith("Node/")]
    if any(one.startswith("ConfigMap/") for one in left):
        return Remains(run_id, DEAD, left)
    return Remains(
        run_id,
        DEAD,
        [one for one in left if one not in marked],
        tuple(
            f"{one} is left alone: the annotation on it names run {run_id}, which has no ConfigMap "
            f"in namespace {cluster.namespace}. Look at that node; `kubectl uncordon` it if it is "
            f"to take pods, and then `{cordon.unmark(one.split()[0].removeprefix('Node/'))}`"
            for one in marked
        ),
    )


def runs_of(cluster: Cluster, flow_run: str) -> list[str]:
    """The ids of the runs in the cluster that a flow run of Prefect's has begun."""
    owners = verbs.find(cluster, "ConfigMap", label=f"{labels.FLOW_RUN}={flow_run}")
    return [str(owner["metadata"]["labels"][labels.RUN]) for owner in owners]


def release_flow_run(cluster: Cluster, flow_run: str, plan: Plan) -> list[str]:
    """Release what a flow run of Prefect's has left that is known to be dead; the run ids.

    Its Lease may not have lapsed yet, so a flow run that lives would be cut off.
    """
    run_ids = runs_of(cluster, flow_run)
    for run_id in run_ids:
        release(cluster, run_id, plan)
    held = lease.read(cluster)
    if held is not None and lease.holder(held) in run_ids:
        lease.free(cluster, held)  # where it has changed since, another run holds it
    return run_ids


def lives(cluster: Cluster, flow_run: str) -> bool:
    """Whether a run of that flow run holds the namespace's Lease and renews it.

    Takes as long as `lease.judge`, but no time where another run holds it, or nothing was begun.
    """
    run_ids = runs_of(cluster, flow_run)
    held = lease.read(cluster)
    if not run_ids or (held is not None and lease.holder(held) not in run_ids):
        return False
    held, renewed = lease.judge(cluster)
    return held is not None and renewed and lease.holder(held) in run_ids
