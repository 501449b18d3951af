"""Finds what dead runs have left behind, from labels and annotations alone, and releases it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from tasks import cluster as k8s
from tasks import labels, nodes
from tasks.cluster import Cluster, ClusterError, NotFound, Obj
from tasks.plan import NodeFault
from tasks.release import CREATED, release
from tasks.run import LEASE, alive

# What a night says of each dead run, before it creates anything.
RELEASED = "released run"


class NotReleased(ClusterError):
    """Some runs could not be released: the message has a line for each run that was found.

    `failures` has a sentence for each of those that are still there.
    """

    def __init__(self, found: list["Remains"], errors: Mapping[str, Exception]) -> None:
        self.failures = [
            f"run {run_id}, {why}: not released: {errors[run_id]}"
            for run_id, why, _ in found
            if run_id in errors
        ]
        done = [
            f"run {one.run_id}, {one.why}: released" for one in found if one.run_id not in errors
        ]
        super().__init__("\n".join(self.failures + done))


class Remains(NamedTuple):
    """What one dead run has left: `objects` as kind/name, cordoned nodes included."""

    run_id: str
    why: str
    objects: list[str]


def find_remains(cluster: Cluster) -> list[Remains]:
    """The runs that are dead or past their deadline, and what is left of each.

    A run lives while it holds the namespace's Lease and renews it. Looks into the cluster's one
    namespace, at PVs and at nodes; what lacks stormark's label or annotation is never considered.
    """
    left: dict[str, list[str]] = {}
    deadlines: dict[str, str] = {}
    for kind in (*CREATED, "ConfigMap", "PersistentVolume"):
        for item in k8s.find(cluster, kind, label=labels.selector()):
            if not _is_of(cluster, item):
                continue
            run_id = item["metadata"]["labels"].get(labels.RUN, "")
            left.setdefault(run_id, []).append(f"{kind}/{item['metadata']['name']}")
            deadline = (item["metadata"].get("annotations") or {}).get(labels.DEADLINE)
            deadlines.setdefault(run_id, deadline or "")
    for node in k8s.find(cluster, "Node"):
        undoing = nodes.undoing_of(node)
        if undoing is not None and undoing["namespace"] == cluster.namespace:
            run_id = str(undoing["run"])
            state = f"{undoing['fault']}, may be down" if "fault" in undoing else "cordoned"
            left.setdefault(run_id, []).append(f"Node/{node['metadata']['name']} ({state})")
            deadlines.setdefault(run_id, str(undoing["deadline"]))
    holder = _living_run(cluster)
    remains = []
    for run_id, objects in sorted(left.items()):
        past = _past(deadlines.get(run_id, ""))
        if run_id and (past or run_id != holder):
            why = "past its deadline" if past else "dead: it no longer renews its Lease"
            remains.append(Remains(run_id, why, objects))
    return remains


def _is_of(cluster: Cluster, item: Obj) -> bool:
    """Whether the run that made an object works in the cluster's one namespace.

    A PV has no namespace, and its run may live in another one.
    """
    home = (item["metadata"].get("annotations") or {}).get(labels.NAMESPACE)
    return home in (None, cluster.namespace)


def _living_run(cluster: Cluster) -> str | None:
    lease = _lease(cluster)
    return str(lease["spec"]["holderIdentity"]) if lease and alive(lease) else None


def _lease(cluster: Cluster) -> Obj | None:
    try:
        return k8s.get(cluster, "Lease", LEASE)
    except NotFound:
        return None


def _past(deadline: str) -> bool:
    return bool(deadline) and datetime.now(UTC) > datetime.fromisoformat(deadline)


def reap(
    cluster: Cluster, *, dry_run: bool, faults: Mapping[str, NodeFault] | None = None
) -> list[Remains]:
    """Release every dead run, or with `dry_run` only say which; returns what was found.

    One that cannot be released keeps no other from it; at the end NotReleased says which and why.
    `faults` has, by their storm, the commands that mend a node: they are never read from the
    cluster, where whoever may write a ConfigMap could have them run here.
    """
    found = find_remains(cluster)
    if dry_run:
        return found
    errors: dict[str, Exception] = {}
    for remains in found:
        try:
            release(cluster, remains.run_id, faults or {})
        except (ClusterError, LookupError, ValueError) as error:  # also a plan that cannot be read
            errors[remains.run_id] = error
    lease = _lease(cluster)
    if lease is not None and not alive(lease):
        k8s.delete(cluster, "Lease", LEASE)
    if errors:
        raise NotReleased(found, errors)
    return found


def runs_of(cluster: Cluster, flow_run: str) -> list[str]:
    """The ids of the runs in the cluster that a flow run of Prefect's has begun."""
    owners = k8s.find(cluster, "ConfigMap", label=f"{labels.FLOW_RUN}={flow_run}")
    return [str(owner["metadata"]["labels"][labels.RUN]) for owner in owners]


def release_flow_run(cluster: Cluster, flow_run: str, faults: Mapping[str, NodeFault]) -> list[str]:
    """Release what a flow run of Prefect's has left that is known to be dead; the run ids.

    Its Lease may not have lapsed yet, so a flow run that lives would be cut off.
    """
    run_ids = runs_of(cluster, flow_run)
    for run_id in run_ids:
        release(cluster, run_id, faults)
    lease = _lease(cluster)
    if lease is not None and lease["spec"]["holderIdentity"] in run_ids:
        k8s.delete(cluster, "Lease", LEASE)
    return run_ids


def lives(cluster: Cluster, flow_run: str) -> bool:
    """Whether a run of that flow run holds the namespace's Lease and renews it."""
    return _living_run(cluster) in runs_of(cluster, flow_run)
