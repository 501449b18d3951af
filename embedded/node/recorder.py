"""Events, as Kubernetes' components write them."""

from embedded.store.objects import (
    Object,
    is_terminating,
    name_of,
    namespace_of,
    now,
    now_micro,
    random_suffix,
    uid_of,
)
from embedded.store.resources import EVENTS, NAMESPACES, Resource
from embedded.store.store import Store


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
    about = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "name": name_of(obj),
        "uid": uid_of(obj),
        "resourceVersion": obj["metadata"]["resourceVersion"],
        **({"namespace": namespace_of(obj)} if namespace_of(obj) else {}),
        **({"fieldPath": field} if field else {}),
    }
    namespace = namespace_of(obj) or "default"
    if old := _same(store, namespace, uid_of(obj), reason, message):
        if not once:
            store.change(EVENTS, old, _count)
        return
    home = store.find(NAMESPACES, "", namespace)
    if home is None or is_terminating(home):
        return
    suffix = random_suffix() + random_suffix()
    older = {"eventTime": None, "firstTimestamp": now(), "lastTimestamp": now(), "count": 1}
    newer = {"eventTime": now_micro(), "firstTimestamp": None, "lastTimestamp": None}
    event = {
        "metadata": {"name": f"{name_of(obj)}.{suffix}", "namespace": namespace},
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "source": {"component": component, **({"host": node} if node else {})},
        "reportingComponent": component,
        "reportingInstance": node,
        **(newer if component == "default-scheduler" else older),
    }
    store.create(EVENTS, event)


def _same(store: Store, namespace: str, uid: str, reason: str, message: str) -> Object | None:
    for event in store.items(EVENTS, namespace):
        seen = (event["involvedObject"].get("uid"), event["reason"], event["message"])
        if seen == (uid, reason, message):
            return event
    return None


def _count(event: Object) -> None:
    if "count" in event:
        event |= {"count": event["count"] + 1, "lastTimestamp": now()}
    else:
        count = event.get("series", {}).get("count", 1) + 1
        event["series"] = {"count": count, "lastObservedTime": now_micro()}
