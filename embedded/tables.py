"""Tables as `kubectl get` asks for: the columns of the kinds that people look at."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from .objects import Object, condition_of, is_terminating, name_of, seconds_since
from .resources import (
    CLAIMS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NODES,
    PODS,
    STORAGE_CLASSES,
    VOLUMES,
    Resource,
)

Columns = dict[str, Callable[[Object], Any]]
MODES = {"ReadWriteOnce": "RWO", "ReadWriteMany": "RWX", "ReadOnlyMany": "ROX"}


def wanted(request: Request) -> bool:
    """Whether the client asks for a Table."""
    return "as=Table" in request.headers.get("accept", "")


def age(obj: Object) -> str:
    """How old the object is, in its two-letter form: 45s, 12m, 3h."""
    return short(seconds_since(obj["metadata"]["creationTimestamp"]))


def short(seconds: float) -> str:
    """Seconds in one unit, as duration.HumanDuration roughly does."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0, seconds))}s"


def pod_state(pod: Object) -> str:
    """What kubectl prints as a pod's status: the most telling of its reasons."""
    if is_terminating(pod):
        return "Terminating"
    for status in pod["status"].get("containerStatuses", []):
        state = status["state"].get("waiting") or status["state"].get("terminated") or {}
        if "reason" in state:
            return str(state["reason"])
    return str(pod["status"]["phase"])


def _statuses(pod: Object) -> list[Object]:
    return list(pod["status"].get("containerStatuses", []))


def _ready(pod: Object) -> str:
    ready = sum(bool(status["ready"]) for status in _statuses(pod))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _node_state(node: Object) -> str:
    cordoned = ",SchedulingDisabled" if node["spec"].get("unschedulable") else ""
    return f"Ready{cordoned}"


def _job_state(job: Object) -> str:
    for kind in ("Complete", "Failed"):
        if condition_of(job, kind):
            return kind
    return "Running"


def _modes(obj: Object) -> str:
    return ",".join(MODES.get(mode, mode) for mode in obj["spec"]["accessModes"])


def _claim_state(claim: Object) -> str:
    return "Terminating" if is_terminating(claim) else str(claim["status"]["phase"])


COLUMNS: dict[Resource, Columns] = {
    PODS: {
        "Ready": _ready,
        "Status": pod_state,
        "Restarts": lambda o: sum(s["restartCount"] for s in _statuses(o)),
        "Node": lambda o: o["spec"].get("nodeName", "<none>"),
    },
    NODES: {"Status": _node_state, "Version": lambda o: o["status"]["nodeInfo"]["kubeletVersion"]},
    CLAIMS: {
        "Status": _claim_state,
        "Volume": lambda o: o["spec"].get("volumeName", ""),
        "Capacity": lambda o: o["status"].get("capacity", {}).get("storage", ""),
        "Access Modes": _modes,
        "StorageClass": lambda o: o["spec"].get("storageClassName", ""),
    },
    VOLUMES: {
        "Capacity": lambda o: o["spec"]["capacity"]["storage"],
        "Access Modes": _modes,
        "Reclaim Policy": lambda o: o["spec"]["persistentVolumeReclaimPolicy"],
        "Status": _claim_state,
        "Claim": lambda o: "/".join(
            (o["spec"].get("claimRef") or {}).get(key, "") for key in ("namespace", "name")
        ),
        "StorageClass": lambda o: o["spec"]["storageClassName"],
    },
    STORAGE_CLASSES: {
        "Provisioner": lambda o: o["provisioner"],
        "ReclaimPolicy": lambda o: o["reclaimPolicy"],
        "VolumeBindingMode": lambda o: o["volumeBindingMode"],
    },
    DEPLOYMENTS: {
        "Ready": lambda o: f"{o['status'].get('readyReplicas', 0)}/{o['spec']['replicas']}",
        "Up-to-date": lambda o: o["status"].get("updatedReplicas", 0),
        "Available": lambda o: o["status"].get("availableReplicas", 0),
    },
    JOBS: {
        "Status": _job_state,
        "Completions": lambda o: f"{o['status'].get('succeeded', 0)}/1",
    },
    EVENTS: {
        "Type": lambda o: o["type"],
        "Reason": lambda o: o["reason"],
        "Object": lambda o: f"{o['involvedObject']['kind'].lower()}/{o['involvedObject']['name']}",
        "Message": lambda o: o["message"],
    },
}


def table(resource: Resource, objects: list[Object], metadata: Object) -> Object:
    """A meta.k8s.io/v1 Table of the objects."""
    columns = COLUMNS.get(resource, {})
    head = [{"name": "Name", "type": "string", "format": "name", "description": ""}]
    head += [{"name": n, "type": "string", "format": "", "description": ""} for n in columns]
    head += [{"name": "Age", "type": "string", "format": "", "description": ""}]
    for column in head:
        column["priority"] = 0  # type: ignore[assignment]
    rows = [
        {
            "cells": [name_of(obj), *(cell(obj) for cell in columns.values()), age(obj)],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": obj["metadata"],
            },
        }
        for obj in objects
    ]
    kind = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return kind | {"columnDefinitions": head, "rows": rows}


def row_event(resource: Resource, obj: Object) -> Object:
    """The Table of one row that a watch sends for a change."""
    return table(resource, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]})
