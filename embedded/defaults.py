"""What the API server fills in when an object is created."""

from uuid import uuid4

from .objects import Object, annotations_of, name_of, uid_of
from .resources import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    STORAGE_CLASSES,
    VOLUMES,
    Resource,
)
from .store import Store

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def fill(store: Store, resource: Resource, obj: Object) -> None:
    """Set the defaults of a new object, in place; it has passed validation."""
    obj["metadata"]["uid"] = str(uuid4())
    if resource in FILLERS:
        FILLERS[resource](obj)
    if resource is CLAIMS:
        _set_default_class(store, obj)


def _pod(obj: Object) -> None:
    pod_spec(obj["spec"])
    spec = obj["spec"]
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec |= {"enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority", "priority": 0}
    obj["status"] = {"phase": "Pending", "qosClass": quality(spec)}


def pod_spec(spec: Object) -> None:
    """The defaults of a pod's spec, also within a template."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    for container in spec["containers"]:
        latest = ":" not in container["image"].rpartition("/")[2]
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
    for volume in spec.get("volumes") or []:
        if "configMap" in volume:
            volume["configMap"].setdefault("defaultMode", 0o644)


def quality(spec: Object) -> str:
    """The pod's QoS class."""
    resources = [container["resources"] for container in spec["containers"]]
    if not any(entry.get("requests") or entry.get("limits") for entry in resources):
        return "BestEffort"
    limits = [entry.get("limits") or {} for entry in resources]
    requests = [entry.get("requests") or entry.get("limits") for entry in resources]
    guaranteed = limits == requests and all({"cpu", "memory"} <= set(limit) for limit in limits)
    return "Guaranteed" if guaranteed else "Burstable"


def _job(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completions", 1)
    spec.setdefault("parallelism", 1)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec |= {"manualSelector": False, "podReplacementPolicy": "TerminatingOrFailed"}
    pod_spec(spec["template"]["spec"])
    obj["status"] = {}
    _label_job(obj)


def _label_job(obj: Object) -> None:
    name, uid = name_of(obj), uid_of(obj)
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    obj["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    template = obj["spec"]["template"].setdefault("metadata", {})
    template["labels"] = (template.get("labels") or {}) | labels
    metadata = obj["metadata"]
    metadata["labels"] = (metadata.get("labels") or {}) | template["labels"]


def _deployment(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    pod_spec(spec["template"]["spec"])
    obj["status"] = {}


def _replica_set(obj: Object) -> None:
    obj["spec"].setdefault("replicas", 1)
    pod_spec(obj["spec"]["template"]["spec"])
    obj["status"] = {"replicas": 0}


def _claim(obj: Object) -> None:
    obj["spec"].setdefault("volumeMode", "Filesystem")
    obj["metadata"].setdefault("finalizers", []).append("kubernetes.io/pvc-protection")
    obj["status"] = {"phase": "Pending"}


def _volume(obj: Object) -> None:
    obj["spec"].setdefault("volumeMode", "Filesystem")
    obj["spec"].setdefault("persistentVolumeReclaimPolicy", "Retain")
    obj["spec"].setdefault("storageClassName", "")
    obj["metadata"].setdefault("finalizers", []).append("kubernetes.io/pv-protection")
    obj["status"] = {"phase": "Pending"}


def _storage_class(obj: Object) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def _namespace(obj: Object) -> None:
    labels = obj["metadata"].get("labels") or {}
    obj["metadata"]["labels"] = labels | {"kubernetes.io/metadata.name": name_of(obj)}
    obj["spec"] = {"finalizers": ["kubernetes"]}
    obj["status"] = {"phase": "Active"}


def _budget(obj: Object) -> None:
    obj["status"] = {}


def _set_default_class(store: Store, claim: Object) -> None:
    if claim["spec"].get("storageClassName") is not None:
        return
    for candidate in store.items(STORAGE_CLASSES):
        if annotations_of(candidate).get(DEFAULT_CLASS) == "true":
            claim["spec"]["storageClassName"] = name_of(candidate)


FILLERS = {
    PODS: _pod,
    JOBS: _job,
    DEPLOYMENTS: _deployment,
    REPLICA_SETS: _replica_set,
    CLAIMS: _claim,
    VOLUMES: _volume,
    STORAGE_CLASSES: _storage_class,
    NAMESPACES: _namespace,
    BUDGETS: _budget,
}
