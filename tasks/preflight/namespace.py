"""Checks of the namespace that a run works in: Pod Security, quotas and limit ranges."""

from math import inf
from typing import NamedTuple

from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan
from tasks.plan.quantity import quantity_bytes, quantity_cpus
from tasks.plan.vocabulary import (
    AS_ROOT,
    CLASSES,
    DEPLOYMENT,
    FOLDER_KINDS,
    SHARED,
    STATEFUL_SET,
    WriterKind,
)
from tasks.results.checks import Check

POD_SECURITY = "pod-security.kubernetes.io/enforce"
# What the pods of `manifests/` request: fio's, and those of scripts and writers.
FIO = {"cpu": 0.1, "memory": 64 * 2**20}
SCRIPT = {"cpu": 0.05, "memory": 16 * 2**20}
# A quota on one of these refuses a pod that does not state it, and those of `manifests/` do not.
UNSTATED = ("limits.cpu", "limits.memory", "requests.ephemeral-storage", "limits.ephemeral-storage")


def requests(own: dict[str, float], plan: Plan) -> dict[str, float]:
    """What a container of `manifests/` requests, with what the plan's `pod` says of it."""
    given = {r: quantity_cpus(q) for r, q in plan.pod.resources.requests.items()}
    return own | given


def stated(plan: Plan) -> dict[str, float]:
    """What the plan's `pod` states of each container, by the resource of a quota."""
    resources = plan.pod.resources
    named = {"requests": resources.requests, "limits": resources.limits}
    return {f"{k}.{r}": quantity_cpus(q) for k, given in named.items() for r, q in given.items()}


class Demand(NamedTuple):
    """What a plan takes of its namespace at its most: PVCs by class, of a size each, and pods.

    Jobs are more than their pods that run at once: those of the checks stay for some minutes.
    `writers` counts those of each kind; `stated` is what the plan itself says of each pod.
    """

    claims: dict[str, int]
    claim_bytes: int
    pods: int
    cpus: float
    memory_bytes: float
    jobs: int
    writers: dict[WriterKind, int]
    stated: dict[str, float] = {}  # noqa: RUF012 - of a tuple, never changed


def claims_of_class(flow: str, plan: Plan) -> int:
    """How many PVCs a flow keeps of each class: fio's, and those of writers."""
    written = sum(kind in plan.storm_volumes for kind in (CLASSES, SHARED)) * len(plan.writers)
    return (flow != "storms" and not plan.pvc) + (flow != "benchmark") * written


def volumes_of_class(flow: str, plan: Plan) -> int:
    """How many PVs a flow takes of each class from its beginning to its end."""
    return claims_of_class(flow, plan) + (flow != "storms" and not plan.pvc) * (plan.rounds - 1)


def demand(flow: str, plan: Plan, storage_classes: list[str], probes: int) -> Demand:
    """What a flow takes; `probes` are the nodes that it looks at. PVCs of no class are under ""."""
    fio, storms = int(flow != "storms"), int(flow != "benchmark")
    claims = dict.fromkeys(storage_classes, claims_of_class(flow, plan))
    control = fio * plan.control
    if storage_classes:
        claims[storage_classes[0]] += control
    written = claims_of_class(flow, plan) - fio * (not plan.pvc)
    kinds = [v for v in plan.storm_volumes if v not in (CLASSES, SHARED)]
    kinds *= storms * len(plan.writers)
    claims[""] = kinds.count("local")
    waiting = fio * plan.measured(
        len(storage_classes)
    )  # a pod of each class, from its volume to its last turn
    writers = written * len(storage_classes) + len(kinds)  # each with a reader beside it
    # pods with fio, and others: at the checks, in the turns of fio, and in the storms just after
    phases = [(fio, probes), (waiting, 0), (waiting, 2 * writers)]
    fios, scripts = requests(FIO, plan), requests(SCRIPT, plan)
    return Demand(
        claims,
        quantity_bytes(plan.volume_size),
        pods=max(a + b for a, b in phases),
        cpus=max(a * fios["cpu"] + b * scripts["cpu"] for a, b in phases),
        memory_bytes=max(a * fios["memory"] + b * scripts["memory"] for a, b in phases),
        jobs=fio + probes + waiting + writers - kinds.count("emptyDir"),  # read in its own pod
        writers={kind: writers // len(plan.writers) for kind in plan.writers},
        stated=stated(plan),
    )


def terminating(namespace: Obj) -> Check:
    """Whether the namespace still takes new objects."""
    name, phase = namespace["metadata"]["name"], namespace["status"].get("phase", "Active")
    if phase == "Active":
        return Check("namespace", name, "pass", phase)
    advice = "Wait until it is gone and make it anew, or name another with --namespace"
    return Check("namespace", name, "fail", f"{phase}: nothing can be created in it", advice)


def pod_security(namespace: Obj, flow: str, plan: Plan) -> Check:
    """Which Pod Security Standard is enforced, and what of the plan it forbids."""
    name = namespace["metadata"]["name"]
    level = (namespace["metadata"].get("labels") or {}).get(POD_SECURITY, "privileged")
    seen = f"enforces the Pod Security Standard {level}"
    planned = plan.storm_volumes if flow != "benchmark" else []
    folders = tuple(kind for kind in FOLDER_KINDS if kind in planned)
    forbidden = []
    if level != "privileged" and folders:
        forbidden.append("hostPath volumes")
    if level == "restricted":
        forbidden.append("pods of user root")
    if not forbidden:
        return Check("pod security", f"namespace {name}", "pass", seen)
    seen += f", which forbids {' and '.join(forbidden)}"
    advice = f"`kubectl label namespace {name} --overwrite {POD_SECURITY}=privileged` allows them"
    without = folders + ((AS_ROOT,) if level == "restricted" else ())
    return Check("pod security", f"namespace {name}", "warn", seen, advice, without)


def quota(obj: Obj, need: Demand, limits: list[Obj]) -> Check:
    """Whether a ResourceQuota leaves what the plan needs; `limits` may give pods their limits."""
    name = f"ResourceQuota {obj['metadata']['name']}"
    spec, status = obj["spec"], obj.get("status", {})
    if spec.get("scopes") or spec.get("scopeSelector"):
        words = "it counts only some pods (scopes), so it is not compared"
        return Check("quota", name, "warn", words, "Compare it by hand")
    hard, used = status.get("hard") or spec.get("hard") or {}, status.get("used") or {}
    given = _given(limits) | need.stated
    short = [
        f"{resource} {limit} with {used.get(resource, '0')} used, {_shown(resource, wanted)} needed"
        for resource, limit in hard.items()
        if (wanted := _wanted(resource, need, given))
        and quantity_cpus(limit) - quantity_cpus(used.get(resource, "0")) < wanted
    ]
    short += [
        f"{r}, which no pod of a run states unless plan field pod.resources does"
        for r in hard
        if r in UNSTATED and r not in given
    ]
    if short:
        advice = "Raise the quota, plan less, state pod.resources, or name another namespace"
        return Check("quota", name, "fail", "; ".join(short), advice)
    return Check("quota", name, "pass", "leaves what the plan needs")


def _wanted(resource: str, need: Demand, given: dict[str, float]) -> float:
    """How much of a quota's resource the plan takes; 0 for what it does not touch."""
    storage_class, _, of_class = resource.partition(".storageclass.storage.k8s.io/")
    if of_class:
        count = need.claims.get(storage_class, 0)
        return count * need.claim_bytes if of_class == "requests.storage" else count
    if resource in UNSTATED:
        return given.get(resource, 0) * need.pods
    count = sum(need.claims.values())
    return {
        "persistentvolumeclaims": count,
        "requests.storage": count * need.claim_bytes,
        "pods": need.pods,
        "cpu": need.cpus,
        "memory": need.memory_bytes,
        "requests.cpu": need.cpus,
        "requests.memory": need.memory_bytes,
        "configmaps": 1,
        "jobs.batch": need.jobs,
        "deployments.apps": need.writers.get(DEPLOYMENT, 0),
        "replicasets.apps": need.writers.get(DEPLOYMENT, 0),
        "statefulsets.apps": need.writers.get(STATEFUL_SET, 0),
        "controllerrevisions.apps": need.writers.get(STATEFUL_SET, 0),
        "leases.coordination.k8s.io": 1,
    }.get(resource.removeprefix("count/"), 0)


def _shown(resource: str, wanted: float) -> str:
    if resource.endswith(("storage", "memory")):
        return f"{wanted / 2**30:,.2f}Gi"
    return f"{wanted:g}"


def _given(limits: list[Obj]) -> dict[str, float]:
    """What LimitRanges give to a container that does not state it, by the resource of a quota."""
    found: dict[str, float] = {}
    for item in (item for limit in limits for item in _items(limit, "Container")):
        most = item.get("max", {}) | item.get("default", {})
        asked = item.get("min", {}) | most | item.get("defaultRequest", {})
        for kind, quantities in (("limits", most), ("requests", asked)):
            for resource, quantity in quantities.items():
                name = f"{kind}.{resource}"  # of several LimitRanges any may be the first
                found[name] = max(found.get(name, 0), quantity_cpus(quantity))
    return found


def _items(limit: Obj, kind: str) -> list[Obj]:
    return [item for item in limit["spec"]["limits"] if item["type"] == kind]


def limit_range(obj: Obj, plan: Plan, limits: list[Obj]) -> list[Check]:
    """Whether a LimitRange refuses the plan's PVCs or pods, or slows fio down.

    `limits` are all of the namespace: any may give pods the limits that this one wants.
    """
    name = f"LimitRange {obj['metadata']['name']}"
    size = quantity_bytes(plan.volume_size)
    refused = []
    for item in _items(obj, "PersistentVolumeClaim"):
        least, most = (item.get(end, {}).get("storage") for end in ("min", "max"))
        if (least and size < quantity_bytes(least)) or (most and size > quantity_bytes(most)):
            refused.append(f"PVCs from {least or 'any'} to {most or 'any'}, not {plan.volume_size}")
    given = _given(limits) | stated(plan)
    fio, script = requests(FIO, plan), requests(SCRIPT, plan)
    for item in _items(obj, "Container") + _items(obj, "Pod"):
        refused += _limits_refused(item, given, script)
        for resource in ("cpu", "memory"):
            least, most = (item.get(end, {}).get(resource) for end in ("min", "max"))
            if f"limits.{resource}" not in stated(plan):
                most = item.get("default", {}).get(resource, most)
            if least and quantity_cpus(least) > script[resource]:
                refused.append(f"{resource} of a {item['type'].lower()} from {least}")
            if most and quantity_cpus(most) < fio[resource]:
                refused.append(f"{resource} of a {item['type'].lower()} up to {most}")
    if refused:
        advice = "Plan fields pod.resources and volume_size may fit it; or name another namespace"
        return [Check("limit range", name, "fail", f"allows {'; '.join(refused)}", advice)]
    slow = [
        f"{resource} {most[resource]}"
        for item in _items(obj, "Container")
        for resource in ("cpu", "memory")
        if resource in (most := item.get("default") or item.get("max") or {})
    ]
    if slow:
        seen = f"limits each container to {', '.join(slow)}: fio may measure that, not the volume"
        return [Check("limit range", name, "warn", seen, "Name a namespace without such limits")]
    return [Check("limit range", name, "pass", "fits the plan's PVCs and pods")]


def _limits_refused(item: Obj, given: dict[str, float], script: dict[str, float]) -> list[str]:
    """What an item of a LimitRange has against the limits that pods are given, or are not."""
    of = item["type"].lower()
    ratios = item.get("maxLimitRequestRatio", {})
    refused = []
    for resource in dict.fromkeys([*item.get("max", {}), *ratios]):
        limit = given.get(f"limits.{resource}", 0)
        # each pod has one container; the least request has the largest ratio
        request = script.get(resource) or given.get(f"requests.{resource}", 0)
        most, ratio = item.get("max", {}).get(resource), ratios.get(resource)
        if not limit:
            seen = "only with a limit, which neither plan field pod.resources nor a default gives"
            refused.append(f"{resource} of a {of} {seen}")
        elif most and limit > quantity_cpus(most):
            refused.append(f"{resource} limits of a {of} up to {most}")
        if limit and ratio and limit > request * quantity_cpus(ratio):
            times = f"{ratio} times its request, not {limit / request if request else inf:,.4g}"
            refused.append(f"{resource} limits of a {of} up to {times}")
    return refused
