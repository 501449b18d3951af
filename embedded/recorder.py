"""Events, as Kubernetes' components write them."""

from .objects import (
    Object,
    is_terminating,
    name_of,
    namespace_of,
    now,
    now_micro,
    random_suffix,
    uid_of,
)
from .resources import EVENTS, NAMESPACES, Resource
from .store import Store


def record(
    store: Store,
    resource: Resource,
    obj: Object,
    reason: str,
    message: str,
    *,
    component: str,
    warning: bool = False,
    field: str = "",
    node: str = "",
    once: bool = False,
) -> None:
    """Write an event about an object, or count up the same one written before unless `once`.

    The scheduler writes the newer kind (eventTime and series), everyone else counts.
    """
    kind = "Warning" if warning else "Normal"
    about = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "name": name_of(obj),
        "uid": uid_of(obj),
        "resourceVersion": obj["metadata"]["resourceVersion"],
        **({"namespace": namespace_of(obj)} if namespace_of(obj) else {}),
        **({"fieldPath": field} if field else {}),
    }
    newer = component == "default-scheduler"
    old = _same(store, uid_of(obj), reason, message, component)
    if old and once:
        return
    if old:
        store.change(EVENTS, old, _count_series if newer else _count)
        return
    namespace = namespace_of(obj) or "default"
    home = store.find(NAMESPACES, "", namespace)
    if home is None or is_terminating(home):
        return
    store.create(
        EVENTS,
        {
            "metadata": {
                "name": f"{name_of(obj)}.{random_suffix()}{random_suffix()}",
                "namespace": namespace,
            },
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": kind,
            "reportingComponent": component,
            "reportingInstance": node,
            **(_new_style() if newer else _old_style(component, node)),
        },
    )


def _new_style() -> Object:
    times = {"eventTime": now_micro(), "firstTimestamp": None, "lastTimestamp": None}
    return times | {"source": {}, "action": "Scheduling"}


def _old_style(component: str, node: str) -> Object:
    source = {"component": component, **({"host": node} if node else {})}
    times = {"eventTime": None, "firstTimestamp": now(), "lastTimestamp": now()}
    return times | {"source": source, "count": 1}


def _same(store: Store, uid: str, reason: str, message: str, component: str) -> Object | None:
    wanted = (uid, reason, message, component)
    for event in store.items(EVENTS):
        about = event["involvedObject"].get("uid")
        seen = (about, event["reason"], event["message"], event.get("reportingComponent"))
        if seen == wanted:
            return event
    return None


def _count(event: Object) -> None:
    event["count"] += 1
    event["lastTimestamp"] = now()


def _count_series(event: Object) -> None:
    count = event.get("series", {}).get("count", 1) + 1
    event["series"] = {"count": count, "lastObservedTime": now_micro()}
