"""Nodes as the scheduler sees them: whether a plan's pods may run there."""

from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan, Toleration

SYSTEM = "kubernetes.io/os"
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def usable(node: Obj, plan: Plan) -> bool:
    """Whether a pod of the plan can be scheduled on the node."""
    cordoned = bool(spec_of(node).get("unschedulable"))
    return is_ready(node) and not cordoned and not pressures(node) and unused(node, plan) is None


def is_ready(node: Obj) -> bool:
    """Whether its kubelet says so, and has been heard of lately."""
    return bool(condition(node, "Ready").get("status") == "True")


def spec_of(node: Obj) -> Obj:
    """What is wanted of the node; a virtual kubelet's may say nothing."""
    return node.get("spec") or {}


def status_of(node: Obj) -> Obj:
    """What the node says of itself; nothing where it has registered and not reported yet."""
    return node.get("status") or {}


def condition(node: Obj, kind: str) -> Obj:
    """A condition of the node; empty where it says nothing of it."""
    conditions: dict[str, Obj] = {
        one["type"]: one for one in status_of(node).get("conditions") or []
    }
    return conditions.get(kind, {})


def pressures(node: Obj) -> list[str]:
    """What the node is short of, in Kubernetes' words."""
    return [kind for kind in PRESSURES if condition(node, kind).get("status") == "True"]


def unused(node: Obj, plan: Plan) -> str | None:
    """Why the plan's pods never run on a node that is ready; None if they do."""
    labels = node["metadata"].get("labels") or {}
    if not plan.node_selector.items() <= labels.items():
        return "node_selector is another"
    if (system := labels.get(SYSTEM, "linux")) != "linux":
        return f"it runs {system}"
    for taint in spec_of(node).get("taints") or []:
        keeps_off = taint["effect"] in ("NoSchedule", "NoExecute")
        if keeps_off and not any(_tolerates(t, taint) for t in plan.tolerations):
            return f"taint {taint['key']}:{taint['effect']}"
    return None


def _tolerates(toleration: Toleration, taint: Obj) -> bool:
    return (
        toleration.effect in ("", taint["effect"])
        and (toleration.key == taint["key"] or (not toleration.key))
        and (toleration.operator == "Exists" or toleration.value == taint.get("value", ""))
    )


def hostname(node: Obj) -> str:
    """The label by which pods and PVs are tied to a node."""
    meta = node["metadata"]  # a virtual node may lack it: then the kubelet's own default
    return str((meta.get("labels") or {}).get("kubernetes.io/hostname", meta["name"]))
