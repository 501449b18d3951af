"""Tables as `kubectl get` asks for: the columns of the kinds that people look at most."""

from collections.abc import Callable

from starlette.requests import Request

from embedded.store.objects import Object, is_terminating, name_of, seconds_since
from embedded.store.resources import CLAIMS, EVENTS, NODES, PODS, Resource

Columns = dict[str, Callable[[Object], object]]


def wanted(request: Request) -> bool:
    """Whether the client asks for a Table."""
    return "as=Table" in request.headers.get("accept", "")


def age(obj: Object) -> str:
    """How old the object is, in one unit: 45s, 12m, 3h."""
    seconds = seconds_since(obj["metadata"]["creationTimestamp"])
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0, seconds))}s"


def state(obj: Object) -> str:
    """The most telling of a pod's reasons, or the phase of another object."""
    if is_terminating(obj):
        return "Terminating"
    for status in _containers(obj):
        found = status["state"].get("waiting") or status["state"].get("terminated") or {}
        if "reason" in found:
            return str(found["reason"])
    return str(obj["status"]["phase"])


def _containers(pod: Object) -> list[Object]:
    return list(pod["status"].get("containerStatuses", []))


def _node_state(node: Object) -> str:
    return "Ready,SchedulingDisabled" if node["spec"].get("unschedulable") else "Ready"


COLUMNS: dict[Resource, Columns] = {
    PODS: {
        "Ready": lambda o: f"{sum(s['ready'] for s in _containers(o))}/{len(_containers(o))}",
        "Status": state,
        "Restarts": lambda o: sum(s["restartCount"] for s in _containers(o)),
        "Node": lambda o: o["spec"].get("nodeName", "<none>"),
    },
    NODES: {"Status": _node_state},
    CLAIMS: {
        "Status": state,
        "Volume": lambda o: o["spec"].get("volumeName", ""),
        "StorageClass": lambda o: o["spec"].get("storageClassName", ""),
    },
    EVENTS: {
        "Reason": lambda o: o["reason"],
        "Object": lambda o: f"{o['involvedObject']['kind'].lower()}/{o['involvedObject']['name']}",
        "Message": lambda o: o["message"],
    },
}


def table(resource: Resource, objects: list[Object], metadata: Object) -> Object:
    """A meta.k8s.io/v1 Table of the objects."""
    columns = COLUMNS.get(resource, {})
    kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    rows = [
        {
            "cells": [name_of(obj), *(cell(obj) for cell in columns.values()), age(obj)],
            "object": kind | {"metadata": obj["metadata"]},
        }
        for obj in objects
    ]
    head = [{"name": name, "type": "string", "priority": 0} for name in ("Name", *columns, "Age")]
    whole = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return whole | {"columnDefinitions": head, "rows": rows}


def row_event(resource: Resource, obj: Object) -> Object:
    """The Table of one row that a watch sends for a change."""
    return table(resource, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]})
