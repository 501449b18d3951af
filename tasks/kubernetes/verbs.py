"""Kubernetes' verbs on objects, which are dicts as the API sends them."""

import time
from contextlib import suppress

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.cluster import Cluster, object_of, path_of
from tasks.kubernetes.errors import AlreadyExists, Forbidden, NotFound, Unreachable
from tasks.kubernetes.objects import KINDS, Obj


def version(cluster: Cluster) -> str:
    """The API server's gitVersion, such as v1.34.4."""
    doing = "reading the cluster's version"
    answer = k8s.request(cluster, "GET", "/version", doing=doing)
    return str(object_of(answer, doing, "gitVersion")["gitVersion"])


def groups(cluster: Cluster) -> list[str]:
    """The API groups that the cluster serves, such as storage.k8s.io."""
    doing = "reading the cluster's API groups"
    answer = object_of(k8s.request(cluster, "GET", "/apis", doing=doing), doing, "groups")
    return [str(group["name"]) for group in answer["groups"]]


def allowed(
    cluster: Cluster, verb: str, resource: str, group: str, *, everywhere: bool = False
) -> bool:
    """Whether this account may do that in the namespace, or everywhere: pods/log is a resource."""
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource}
    if not everywhere:
        attributes["namespace"] = cluster.namespace
    if plural == "namespaces":
        attributes["name"] = cluster.namespace
    doing = f"asking whether {verb} of {resource} is allowed"
    answer = k8s.request(
        cluster,
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        doing=doing,
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        },
    )
    return bool(object_of(answer, doing, "status")["status"]["allowed"])


def round_trip_seconds(cluster: Cluster, times: int = 5) -> float:
    """The shortest of a few requests: how late, at least, an event is seen."""
    seconds = []
    for _ in range(times):
        began = time.monotonic()
        version(cluster)
        seconds.append(time.monotonic() - began)
    return min(seconds)


def create(cluster: Cluster, manifest: Obj) -> Obj:
    """Create an object; its `kind` says where. AlreadyExists if there is one by that name.

    A create whose answer was lost is sent again and then meets its own object: the labels tell that
    from somebody else's, and it counts as created.
    """
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    doing = f"creating {kind} {name}"
    try:
        answer = k8s.request(cluster, "POST", path_of(cluster, kind), doing=doing, body=manifest)
        return object_of(answer, doing)
    except AlreadyExists:
        existing = get(cluster, kind, name)
        ours = manifest["metadata"].get("labels")
        theirs = existing["metadata"].get("labels") or {}
        if not ours or not ours.items() <= theirs.items():
            raise
        return existing


def get(cluster: Cluster, kind: str, name: str) -> Obj:
    """One object; NotFound if there is none."""
    doing = f"reading {kind} {name}"
    return object_of(k8s.request(cluster, "GET", path_of(cluster, kind, name), doing=doing), doing)


def find(
    cluster: Cluster,
    kind: str,
    *,
    label: str = "",
    field: str = "",
    every_namespace: bool = False,
) -> list[Obj]:
    """All objects of a kind that match the label and field selectors."""
    return listed(cluster, kind, selected_by(label, field), every_namespace=every_namespace)[0]


def find_allowed(cluster: Cluster, kind: str) -> list[Obj] | None:
    """All objects of a kind; None where this account may not list them."""
    try:
        return find(cluster, kind)
    except Forbidden:
        return None


def selected_by(label: str, field: str = "") -> dict[str, str]:
    """The query parameters of a label and a field selector."""
    return {k: v for k, v in (("labelSelector", label), ("fieldSelector", field)) if v}


def listed(
    cluster: Cluster, kind: str, selection: dict[str, str], *, every_namespace: bool = False
) -> tuple[list[Obj], str]:
    """The objects that match, and the resourceVersion that a watch of them begins at."""
    group, plural, _ = KINDS[kind]
    path = f"/{group}/{plural}" if every_namespace else path_of(cluster, kind)
    doing = f"listing {plural}"
    answer = k8s.request(cluster, "GET", path, doing=doing, query=selection)
    found = object_of(answer, doing, "items", "metadata")
    return found["items"], found["metadata"]["resourceVersion"]


def replace(cluster: Cluster, manifest: Obj) -> Obj:
    """Update an object that was read before; Conflict if it has changed since."""
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    path, doing = path_of(cluster, kind, name), f"updating {kind} {name}"
    return object_of(k8s.request(cluster, "PUT", path, doing=doing, body=manifest), doing)


def patch(cluster: Cluster, kind: str, name: str, change: Obj) -> Obj:
    """Apply a JSON merge patch."""
    doing = f"patching {kind} {name}"
    response = k8s.request(
        cluster,
        "PATCH",
        path_of(cluster, kind, name),
        doing=doing,
        body=change,
        content_type="application/merge-patch+json",
    )
    return object_of(response, doing)


def delete(
    cluster: Cluster,
    kind: str,
    name: str,
    *,
    grace_seconds: int | None = None,
    unchanged: Obj | None = None,
) -> None:
    """Ask for an object's deletion, and in the background of all that it owns; gone is fine too.

    With `unchanged`, the object as it was read: Conflict if it, or its name's owner, is another.
    """
    options: Obj = {"propagationPolicy": "Background"}
    if unchanged is not None:
        meta = unchanged["metadata"]
        options["preconditions"] = {key: meta[key] for key in ("uid", "resourceVersion")}
    if grace_seconds is not None:
        options["gracePeriodSeconds"] = grace_seconds
    path = path_of(cluster, kind, name)
    try:
        k8s.request(cluster, "DELETE", path, doing=f"deleting {kind} {name}", body=options)
    except NotFound:
        return


def evict(cluster: Cluster, pod: str) -> None:
    """Evict a pod, budgets respected: Blocked by one that forbids it; gone is fine too.

    Two budgets on one pod are a 500, and so is no patience with it.
    """
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path, doing = path_of(cluster, "Pod", pod, "eviction"), f"evicting pod {pod}"
    with suppress(NotFound):
        k8s.request(cluster, "POST", path, doing=doing, body=eviction, outlive=(Unreachable,))
