"""Small helpers on Kubernetes objects, which are plain JSON dictionaries here."""

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]

SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # as apimachinery's rand.String: no vowels
UNITS: dict[str, float] = {"": 1, "k": 10**3, "m": 10**-3} | {
    letter + i: (1024 if i else 1000) ** power
    for power, letter in enumerate("KMGTPE", start=1)
    for i in ("", "i")
}


def now(later_seconds: float = 0) -> str:
    """The time, or a later one, as metav1.Time writes it: RFC 3339, UTC, whole seconds."""
    moment = datetime.now(UTC) + timedelta(seconds=later_seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    """The time as metav1.MicroTime writes it: RFC 3339, UTC, microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_since(timestamp: str) -> float:
    """Seconds since an RFC 3339 timestamp."""
    return (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()


def random_suffix() -> str:
    """Five letters, as the API server appends to generateName."""
    return "".join(random.choices(SUFFIX_LETTERS, k=5))  # noqa: S311 - a name, not a secret


def as_bytes(quantity: str | int) -> float:
    """The number that a quantity such as 64Mi means; ValueError when it is none."""
    found = re.fullmatch(r"([+-]?[0-9.]+)([a-zA-Z]*)", str(quantity))
    if not found or found[2] not in UNITS:
        raise ValueError(f"not a quantity with a unit of {', '.join(UNITS)}: {quantity!r}")
    return float(found[1]) * UNITS[found[2]]


def name_of(obj: Object) -> str:
    """metadata.name."""
    return str(obj["metadata"]["name"])


def namespace_of(obj: Object) -> str:
    """metadata.namespace, or "" for a cluster-scoped object."""
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Object) -> str:
    """metadata.uid."""
    return str(obj["metadata"]["uid"])


def labels_of(obj: Object) -> dict[str, str]:
    """metadata.labels, empty when there are none."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> dict[str, str]:
    """metadata.annotations, empty when there are none."""
    return obj["metadata"].get("annotations") or {}


def annotate(obj: Object, annotations: dict[str, str]) -> None:
    """Add to metadata.annotations, in place."""
    obj["metadata"]["annotations"] = annotations_of(obj) | annotations


def owner_uids(obj: Object) -> set[str]:
    """The uids of all owners."""
    return {str(owner["uid"]) for owner in obj["metadata"].get("ownerReferences") or []}


def is_terminating(obj: Object) -> bool:
    """Whether the object's deletion has been asked for."""
    return "deletionTimestamp" in obj["metadata"]


def is_finished(pod: Object) -> bool:
    """Whether the pod's containers have ended for good."""
    return pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    ready = condition_of(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def claim_names(pod: Object) -> list[str]:
    """The names of the PersistentVolumeClaims which the pod's volumes use."""
    kind = "persistentVolumeClaim"
    return [v[kind]["claimName"] for v in pod["spec"].get("volumes") or [] if kind in v]


def size_of(claim: Object) -> str:
    """The size that a claim asks for."""
    return str(claim["spec"]["resources"]["requests"]["storage"])


def condition_of(obj: Object, kind: str) -> Object | None:
    """The condition of a type in the object's status, or None."""
    conditions = obj.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), None)


def set_condition(status: Object, condition: Object) -> None:
    """Put a condition into status, keeping lastTransitionTime when its status did not change."""
    conditions = status.setdefault("conditions", [])
    old = next((c for c in conditions if c["type"] == condition["type"]), None)
    since = old["lastTransitionTime"] if old and old["status"] == condition["status"] else now()
    new = {"lastProbeTime": None, "lastTransitionTime": since} | condition
    if old:
        conditions[conditions.index(old)] = new
    else:
        conditions.append(new)
