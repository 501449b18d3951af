"""Asks the cluster whether a plan can be carried out there; creates nothing."""

from concurrent.futures import ThreadPoolExecutor

from tasks.kubernetes import objects, verbs
from tasks.kubernetes import storage_classes as classes
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Forbidden, NotFound, Unreachable
from tasks.kubernetes.nodes import usable
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon, lease
from tasks.lifecycle.reap import find_remains
from tasks.plan.plan import Plan
from tasks.preflight import cluster as check_cluster
from tasks.preflight import namespace as check_namespace
from tasks.preflight import nodes as check_nodes
from tasks.preflight import probes
from tasks.preflight.permissions import Permission, needed
from tasks.results.checks import Check, Status

# What a run does without: an account that may not list one of these has that check left out.
OPTIONAL = (
    "APIService",
    "CSIDriver",
    "CSINode",
    "CSIStorageCapacity",
    "LimitRange",
    "ResourceQuota",
    "StorageClass",
    "VolumeSnapshotClass",
)
QUESTIONS_AT_ONCE = 16


def check(
    cluster: Cluster,
    plan: Plan,
    flow: str,
    *,
    chosen: list[Obj],
    every_node: list[Obj] | None,
    version: str,
) -> list[Check]:
    """Every check that needs no pod, for the plan's namespace and its `chosen` classes.

    `every_node` is None where nodes may not be listed.
    """
    namespace = verbs.get(cluster, "Namespace", cluster.namespace)
    found, checks = _fetch(cluster)
    ready = [node["metadata"]["name"] for node in every_node or [] if usable(node, plan)]
    checks += [
        check_cluster.version(version),
        check_cluster.rbac(verbs.groups(cluster)),
        *(check_cluster.aggregation(found["APIService"]) if "APIService" in found else []),
        check_cluster.image(plan.image),
        *permissions(cluster, needed(flow, plan)),
        *(
            [_pvc(cluster, plan)]
            if plan.pvc
            else _new_volumes(cluster, plan, flow, chosen, found, ready=ready)
        ),
        check_namespace.terminating(namespace),
        check_namespace.pod_security(namespace, flow, plan),
        *_limits(plan, flow, chosen, every_node or [], found),
        *_nodes(cluster, plan, flow, every_node),
        *stale(cluster, plan),
    ]
    return checks


def _fetch(cluster: Cluster) -> tuple[dict[str, list[Obj]], list[Check]]:
    """The objects of each optional kind, and a warning for each kind that cannot be listed.

    Such as one whose webhook or whose own API server is down: no run needs it.
    """
    found: dict[str, list[Obj]] = {}
    checks = []
    for kind in OPTIONAL:
        plural = objects.KINDS[kind][1]
        try:
            # a driver publishes its capacities in its own namespace
            everywhere = kind == "CSIStorageCapacity"
            found[kind] = verbs.find(cluster, kind, every_namespace=everywhere)
        except Forbidden:
            advice = f"Grant list on {plural}, or look at them by hand"
            checks.append(Check("lists", plural, "warn", "may not list, so not checked", advice))
        except NotFound:  # the cluster has no such kind, as where nobody installed snapshots
            found[kind] = []
        except Unreachable:
            raise
        except ClusterError as error:
            checks.append(Check("lists", plural, "warn", f"not checked: {error}", ""))
    return found, checks


def permissions(cluster: Cluster, rules: list[Permission]) -> list[Check]:
    """A check for each permission: the verbs that are missing, and what is skipped for them."""
    with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as pool:
        return list(pool.map(lambda rule: _permission(cluster, rule), rules))


def _permission(cluster: Cluster, rule: Permission) -> Check:
    group = f".{rule.group}" if rule.group else ""
    where = "the cluster" if rule.everywhere else f"namespace {cluster.namespace}"
    name = f"{rule.resource}{group} in {where}"
    try:
        missing = [
            verb
            for verb in rule.verbs
            if not verbs.allowed(
                cluster, verb, rule.resource, rule.group, everywhere=rule.everywhere
            )
        ]
    except Forbidden:
        advice = "Grant create on selfsubjectaccessreviews.authorization.k8s.io"
        return Check("permission", name, "warn", "may not ask, so not checked", advice)
    except Unreachable:
        raise
    except ClusterError as error:  # as of an authorizer that is a webhook
        return Check("permission", name, "warn", f"not checked: {error}", "")
    if not missing:
        return Check("permission", name, "pass", f"may {', '.join(rule.verbs)}")
    seen = f"may not {', '.join(missing)} {name}, to {rule.why}"
    status: Status = "warn" if rule.only or rule.spared else "fail"
    return Check("permission", name, status, seen, rule.advice, rule.only)


def _pvc(cluster: Cluster, plan: Plan) -> Check:
    claim = verbs.get(cluster, "PersistentVolumeClaim", plan.pvc)
    seen = f"{claim['status'].get('phase')}: measured in a folder of the run's own, never deleted"
    return Check("pvc", f"PVC {plan.pvc}", "pass", seen)


def _new_volumes(
    cluster: Cluster,
    plan: Plan,
    flow: str,
    chosen: list[Obj],
    found: dict[str, list[Obj]],
    *,
    ready: list[str],
) -> list[Check]:
    """What is said of the classes that a run makes volumes of; `ready` nodes take its pods."""
    each = check_namespace.claims_of_class(flow, plan)
    return [
        *_classes(plan, chosen, found),
        *check_cluster.attach_limits(chosen, found.get("CSINode", []), ready, each),
        *_left_out(cluster, plan, flow, chosen, found.get("StorageClass", [])),
        *retained(cluster, chosen),
    ]


def _classes(plan: Plan, chosen: list[Obj], found: dict[str, list[Obj]]) -> list[Check]:
    drivers, snapshots = found.get("CSIDriver"), found.get("VolumeSnapshotClass")
    return [
        *([check_cluster.default_class(found["StorageClass"])] if "StorageClass" in found else []),
        *(
            check_cluster.storage_class(one, plan, drivers, snapshots)
            for one in chosen
            if not classes.is_unknown(one)
        ),
        *(
            row
            for one in chosen
            for row in check_cluster.capacity(one, plan, found.get("CSIStorageCapacity", []))
        ),
    ]


def _left_out(
    cluster: Cluster, plan: Plan, flow: str, chosen: list[Obj], every: list[Obj]
) -> list[Check]:
    """What is said of classes that no run can measure, or not without a PV that somebody made."""
    volumes = classes.static_volumes(cluster, [*chosen, *every])
    needed = check_namespace.volumes_of_class(flow, plan)
    control = plan.rounds * plan.control * (flow != "storms")  # of the reference alone
    rows = [
        check_cluster.static(one, volumes, needed + control * (one is chosen[0]))
        for one in chosen
        if classes.is_static(one)
    ]
    return rows + ([] if plan.storage_classes else check_cluster.without(every, volumes))


def retained(cluster: Cluster, chosen: list[Obj]) -> list[Check]:
    """Whether the volumes of classes with reclaimPolicy Retain can be deleted after a run."""
    kept = [one["metadata"]["name"] for one in chosen if one.get("reclaimPolicy") == "Retain"]
    if not kept:
        return []
    patch = Permission(
        "", "persistentvolumes", ("patch",), "delete what they keep", everywhere=True
    )
    may = _permission(cluster, patch).status == "pass"
    seen = "reclaimPolicy Retain: its volumes are told to go when the run ends"
    if may:
        return [Check("reclaim", f"class {name}", "pass", seen) for name in kept]
    seen = "reclaimPolicy Retain, and no right to patch persistentvolumes: each run leaves volumes"
    advice = "manifests/rbac/retain.yaml grants it; else delete them by hand: a run names them"
    return [Check("reclaim", f"class {name}", "warn", seen, advice) for name in kept]


def _limits(
    plan: Plan, flow: str, chosen: list[Obj], every_node: list[Obj], found: dict[str, list[Obj]]
) -> list[Check]:
    names = [storage_class["metadata"]["name"] for storage_class in chosen]
    looked_at = len(probes.nodes_to_probe(every_node, plan))
    need = check_namespace.demand(flow, plan, names, looked_at)
    limits = found.get("LimitRange", [])
    return [
        *(check_namespace.quota(one, need, limits) for one in found.get("ResourceQuota", [])),
        *(row for one in limits for row in check_namespace.limit_range(one, plan, limits)),
    ]


def _nodes(cluster: Cluster, plan: Plan, flow: str, every_node: list[Obj] | None) -> list[Check]:
    if every_node is None:
        seen = "may not list nodes, so none is looked at, and no storm touches one"
        return [Check("nodes", "all nodes", "warn", seen)]
    ready = [n["metadata"]["name"] for n in every_node if usable(n, plan)]
    drainable = [n["metadata"]["name"] for n in cordon.eligible(cluster, plan)]
    return [
        *(check_nodes.node(one, plan) for one in every_node),
        *check_nodes.enough(ready, drainable, flow, plan),
        *(marks(every_node) if flow != "benchmark" else []),
    ]


def marks(every_node: list[Obj]) -> list[Check]:
    """A warning for each node that a storm of any run holds: no other node is touched meanwhile."""
    found = cordon.undoings(every_node)
    if not found:
        return [Check("storms under way", "all nodes", "pass", "none")]
    return [
        Check("storms under way", f"node {name}", "warn", cordon.holder(name, by))
        for name, by in found
    ]


def stale(cluster: Cluster, plan: Plan) -> list[Check]:
    """A warning for each earlier run that has left something behind.

    Whether the holder of the Lease lives takes its 120 s to see: that is left to `stormark reap`.
    """
    name = "earlier runs"
    try:
        remains, held = (
            find_remains(cluster, allowed_only=bool(plan.storage_classes)),
            lease.read(cluster),
        )
    except Unreachable:
        raise
    except ClusterError as error:
        return [Check(name, "objects", "warn", f"not checked: {error}", "")]
    if not remains:
        return [Check(name, "objects", "pass", "nothing is left of any")]
    command, checks = f"`stormark reap {cluster.options}`", []
    for run_id, left in remains.items():
        why, advice = "dead: it does not hold the Lease", f"{command} releases it"
        if held is not None and lease.holder(held) == run_id:
            why = "under way, or dead: it holds the Lease"
            advice = f"{command} watches whether it lives, and releases it if not"
        checks.append(Check(name, f"run {run_id}", "warn", f"{why}: {', '.join(left)}", advice))
    return checks
