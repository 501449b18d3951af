"""What the API server fills in when an object is created."""

import copy
from uuid import uuid4

from embedded.store.objects import Object, annotations_of, name_of, uid_of
from embedded.store.resources import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUMES,
    Resource,
)
from embedded.store.store import Store

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
TEMPLATED = frozenset({JOBS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS})

POD_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
}
CONTAINER = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
SPECS: dict[Resource, Object] = {
    PODS: {"serviceAccountName": "default", "enableServiceLinks": True, "priority": 0},
    JOBS: {
        "backoffLimit": 6,
        "completions": 1,
        "parallelism": 1,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    },
    DEPLOYMENTS: {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate"},
    },
    REPLICA_SETS: {"replicas": 1},
    STATEFUL_SETS: {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    },
    CLAIMS: {"volumeMode": "Filesystem"},
    VOLUMES: {
        "volumeMode": "Filesystem",
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
    },
    NAMESPACES: {"finalizers": ["kubernetes"]},
}
STATUSES: dict[Resource, Object] = {
    PODS: {"phase": "Pending"},
    JOBS: {},
    DEPLOYMENTS: {},
    REPLICA_SETS: {"replicas": 0},
    STATEFUL_SETS: {"replicas": 0},
    CLAIMS: {"phase": "Pending"},
    VOLUMES: {"phase": "Pending"},
    NAMESPACES: {"phase": "Active"},
    BUDGETS: {},
}
PROTECTION = {CLAIMS: "kubernetes.io/pvc-protection", VOLUMES: "kubernetes.io/pv-protection"}


def fill(store: Store, resource: Resource, obj: Object) -> None:
    """Set the defaults of a new object, in place; it has passed validation."""
    obj["metadata"]["uid"] = str(uuid4())
    if resource in SPECS:
        obj["spec"] = copy.deepcopy(SPECS[resource]) | (obj.get("spec") or {})
    if resource in STATUSES:
        obj["status"] = copy.deepcopy(STATUSES[resource])
    if resource in PROTECTION:
        obj["metadata"].setdefault("finalizers", []).append(PROTECTION[resource])
    if resource is PODS:
        pod_spec(obj["spec"])
    elif resource in TEMPLATED:
        pod_spec(obj["spec"]["template"]["spec"])
    if resource is JOBS:
        _label_job(obj)
    elif resource is CLAIMS:
        _set_default_class(store, obj)
    elif resource is NAMESPACES:
        labels = obj["metadata"].get("labels") or {}
        obj["metadata"]["labels"] = labels | {"kubernetes.io/metadata.name": name_of(obj)}
    elif resource is STORAGE_CLASSES:
        obj |= {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"} | obj


def pod_spec(spec: Object) -> None:
    """The defaults of a pod's spec, also within a template."""
    spec |= copy.deepcopy(POD_SPEC) | spec
    for container in spec["containers"]:
        latest = ":" not in container["image"].rpartition("/")[2]
        policy = {"imagePullPolicy": "Always" if latest else "IfNotPresent"}
        container.update(policy | copy.deepcopy(CONTAINER) | container)
    for volume in spec.get("volumes") or []:
        if "configMap" in volume:
            volume["configMap"].setdefault("defaultMode", 0o644)


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
    obj["metadata"]["labels"] = (obj["metadata"].get("labels") or {}) | template["labels"]


def _set_default_class(store: Store, claim: Object) -> None:
    if claim["spec"].get("storageClassName") is None:
        for candidate in store.items(STORAGE_CLASSES):
            if annotations_of(candidate).get(DEFAULT_CLASS) == "true":
                claim["spec"]["storageClassName"] = name_of(candidate)
