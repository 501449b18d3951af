"""The scheduler: which node a pod goes to, and why it cannot go to the others.

It considers nodeName, nodeSelector, node affinity, cordons, taints, the node affinity of volumes,
and claims that one pod at a time may use. It does not count CPU and memory, and it never preempts.
"""

from collections import Counter

from embedded.controllers.claims import NO_PROVISIONER, free_volumes
from embedded.controllers.provisioners import SELECTED_NODE
from embedded.node.recorder import record
from embedded.store.objects import (
    Object,
    annotate,
    annotations_of,
    claim_names,
    is_finished,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    set_condition,
)
from embedded.store.resources import CLAIMS, NODES, PODS, STORAGE_CLASSES, VOLUMES
from embedded.store.selectors import terms_match, volume_fits
from embedded.store.store import Store

NAME = "default-scheduler"
WATCHED = frozenset({PODS, NODES, CLAIMS, VOLUMES, STORAGE_CLASSES})
IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already "
    "in-use by another pod"
)
# What it says of preemption, where a pod that is gone would help; and where it would not.
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"


class UnschedulableError(Exception):
    """No node fits; the message is the one of the pod's condition and event."""


async def run(store: Store) -> None:
    """Schedule for ever: every pending pod again whenever something it waits for changes.

    A pod's own status is no news for scheduling; its creation and its end are.
    """
    with store.watch() as events:
        while True:
            event = await events.get()
            news = (event.resource, event.type) != (PODS, "MODIFIED") or is_finished(event.object)
            if event.resource in WATCHED and news:
                for pod in store.items(PODS):
                    if not pod["spec"].get("nodeName") and not is_terminating(pod):
                        schedule(store, pod)


def schedule(store: Store, pod: Object) -> None:
    """Assign a pod to a node, or tell why not."""
    try:
        node = choose(store, pod)
    except UnschedulableError as error:
        _refuse(store, pod, str(error))
        return
    if not select_node(store, pod, node):
        assign(store, pod, name_of(node))
    # Else its claims are provisioned on that node first, and their binding comes back here.


def assign(store: Store, pod: Object, node: str) -> None:
    """Bind the pod to the node."""

    def bind(new: Object) -> None:
        new["spec"]["nodeName"] = node
        set_condition(new["status"], {"type": "PodScheduled", "status": "True"})

    store.change(PODS, pod, bind)
    message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {node}"
    record(store, PODS, pod, "Scheduled", message, component=NAME)


def _refuse(store: Store, pod: Object, message: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    condition["message"] = message
    before = store.find(PODS, namespace_of(pod), name_of(pod))
    after = store.change(PODS, pod, lambda new: set_condition(new["status"], condition))
    if after is not before:
        record(store, PODS, pod, "FailedScheduling", message, component=NAME, warning=True)


def choose(store: Store, pod: Object) -> Object:
    """The most preferred of the fitting nodes, with the fewest pods of those.

    UnschedulableError when no node fits.
    """
    nodes = store.items(NODES)
    prefix = f"0/{len(nodes)} nodes are available: "
    claims = pod_claims(store, pod, prefix)
    refusals = {name_of(node): refusal(store, pod, claims, node) for node in nodes}
    fitting = [node for node in nodes if refusals[name_of(node)] is None]
    if not fitting:
        reasons = [reason for reason in refusals.values() if reason]
        helps = [NO_VICTIMS if reason == IN_USE else NOT_HELPFUL for reason in reasons]
        preemption = f"preemption: {prefix}{_counted(helps)}."
        raise UnschedulableError(f"{prefix}{_counted(reasons)}. {preemption}")
    busy = Counter(p["spec"].get("nodeName") for p in store.items(PODS) if not is_finished(p))

    def rank(node: Object) -> tuple[int, int, str]:
        return -preference(pod, node), busy[name_of(node)], name_of(node)

    return min(fitting, key=rank)


def _counted(words: list[str]) -> str:
    return ", ".join(sorted(f"{count} {word}" for word, count in Counter(words).items()))


def preference(pod: Object, node: Object) -> int:
    """The sum of the weights of the preferred node affinities that the node satisfies."""
    terms = _node_affinity(pod).get("preferredDuringSchedulingIgnoredDuringExecution") or []
    return sum(int(t["weight"]) for t in terms if terms_match([t["preference"]], node))


def _node_affinity(pod: Object) -> Object:
    return (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}


def pod_claims(store: Store, pod: Object, prefix: str) -> list[Object]:
    """The pod's claims; UnschedulableError when one is missing, deleted or not bound in time."""
    claims = []
    for name in claim_names(pod):
        claim = store.find(CLAIMS, namespace_of(pod), name)
        if claim is None:  # "not found" twice is what Kubernetes 1.37 writes
            raise UnschedulableError(f'{prefix}persistentvolumeclaim "{name}" not found. not found')
        if is_terminating(claim):
            what = f'persistentvolumeclaim "{name}" is being deleted'
            raise UnschedulableError(f"{prefix}{what}. not found")
        if claim["status"]["phase"] != "Bound" and not _waits_for_pod(store, claim):
            what = "pod has unbound immediate PersistentVolumeClaims"
            raise UnschedulableError(f"{prefix}{what}. not found")
        claims.append(claim)
    return claims


def _waits_for_pod(store: Store, claim: Object) -> bool:
    found = store.find(STORAGE_CLASSES, "", claim["spec"].get("storageClassName") or "")
    return found is not None and found["volumeBindingMode"] == "WaitForFirstConsumer"


def refusal(store: Store, pod: Object, claims: list[Object], node: Object) -> str | None:
    """Why the pod cannot go to the node, in the words of the first plugin that objects."""
    spec = node.get("spec") or {}
    tolerations = pod["spec"].get("tolerations") or []
    if spec.get("unschedulable") and not tolerated(UNSCHEDULABLE_TAINT, tolerations):
        return "node(s) were unschedulable"
    for taint in spec.get("taints") or []:
        if taint["effect"] != "PreferNoSchedule" and not tolerated(taint, tolerations):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not node_fits(pod, node):
        return "node(s) didn't match Pod's node affinity/selector"
    if any(_in_use(store, claim) for claim in claims):
        return IN_USE
    for claim in claims:
        if reason := _volume_refusal(store, claim, node):
            return reason
    return None


UNSCHEDULABLE_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def tolerated(taint: Object, tolerations: list[Object]) -> bool:
    """Whether one of the tolerations is for this taint."""
    return any(
        t.get("effect") in (None, "", taint["effect"])
        and t.get("key") in (None, "", taint["key"])
        and (t.get("operator") == "Exists" or t.get("value", "") == taint.get("value", ""))
        for t in tolerations
    )


def node_fits(pod: Object, node: Object) -> bool:
    """Whether the node satisfies the pod's nodeSelector and required node affinity."""
    wanted = pod["spec"].get("nodeSelector") or {}
    if not wanted.items() <= labels_of(node).items():
        return False
    required = _node_affinity(pod).get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or terms_match(required["nodeSelectorTerms"], node)


def _in_use(store: Store, claim: Object) -> bool:
    """Whether the claim is for one pod at a time, and a pod on some node has it."""
    return "ReadWriteOncePod" in claim["spec"]["accessModes"] and any(
        name_of(claim) in claim_names(pod) and pod["spec"].get("nodeName") and not is_finished(pod)
        for pod in store.items(PODS, namespace_of(claim))
    )


def _volume_refusal(store: Store, claim: Object, node: Object) -> str | None:
    if claim["status"]["phase"] == "Bound":
        volume = store.find(VOLUMES, "", claim["spec"]["volumeName"])
        if volume is None:
            return "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
        fits = volume_fits(volume, node)
        return None if fits else "node(s) didn't match PersistentVolume's node affinity"
    selected = annotations_of(claim).get(SELECTED_NODE)
    if selected is not None:
        here = selected == name_of(node)
        return None if here else "node(s) didn't match Pod's node affinity/selector"
    storage_class = store.get(STORAGE_CLASSES, "", claim["spec"]["storageClassName"])
    if storage_class["provisioner"] != NO_PROVISIONER or any(
        volume_fits(volume, node) for volume in free_volumes(store, claim)
    ):
        return None
    return "node(s) didn't find available persistent volumes to bind"


def select_node(store: Store, pod: Object, node: Object) -> bool:
    """Give the node to the pod's claims that wait for one; whether any is still unbound."""
    waiting = False
    for name in claim_names(pod):
        claim = store.get(CLAIMS, namespace_of(pod), name)
        if claim["status"]["phase"] == "Bound":
            continue
        waiting = True
        if SELECTED_NODE not in annotations_of(claim):
            store.change(CLAIMS, claim, lambda new: annotate(new, {SELECTED_NODE: name_of(node)}))
    return waiting
