"""StorageClasses: which ones a plan means, and what each says of itself."""

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import Forbidden
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import PlanError

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
# As Rook's and NooBaa's provisioners of ObjectBucketClaims end.
BUCKETS = ("/bucket", "/obc")
# An older name of the same, which API servers still heed.
BETA_DEFAULT_CLASS = "storageclass.beta.kubernetes.io/is-default-class"


def unknown(name: str) -> Obj:
    """A class that may not be looked at: its pod comes first, which suits either way of binding."""
    return {
        "metadata": {"name": name},
        "provisioner": "",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def is_unknown(storage_class: Obj) -> bool:
    """Whether nothing but its name is known of a class."""
    return not storage_class["provisioner"]


def makes_buckets(storage_class: Obj) -> bool:
    """Whether a class is for ObjectBucketClaims: no PVC of it is ever bound."""
    return str(storage_class["provisioner"]).endswith(BUCKETS)


def is_static(storage_class: Obj) -> bool:
    """Whether somebody has to make each of its volumes."""
    return bool(storage_class["provisioner"] == NO_PROVISIONER)


def of_class(name: str, volumes: list[Obj], phase: str) -> list[str]:
    """The PVs of a class that are in a phase, by name: Available, or Released."""
    return [
        str(volume["metadata"]["name"])
        for volume in volumes
        if volume["spec"].get("storageClassName") == name
        and (volume.get("status") or {}).get("phase") == phase
    ]


def left_out(storage_classes: list[Obj], volumes: list[Obj]) -> dict[str, str]:
    """The classes that no run can measure, by name, and why: it takes them where a plan says so."""
    found = {}
    for one in storage_classes:
        name = one["metadata"]["name"]
        if makes_buckets(one):
            found[name] = f"provisioner {one['provisioner']} makes buckets, not volumes"
        elif is_static(one) and not of_class(name, volumes, "Available"):
            released = of_class(name, volumes, "Released")
            found[name] = f"nothing provisions it, and no PV of it is Available{_clear(released)}"
    return found


def _clear(released: list[str]) -> str:
    """How Released PVs are made Available again, where there are any."""
    if not released:
        return ""
    change = '{"spec":{"claimRef":null}}'
    return (
        f": {', '.join(released)} {'is' if len(released) == 1 else 'are'} Released. Once its data "
        f"is cleared, `kubectl patch pv {' '.join(released)} -p '{change}'` makes it Available"
    )


def static_volumes(cluster: Cluster, storage_classes: list[Obj]) -> list[Obj]:
    """The cluster's PVs, where any class has only those that somebody made."""
    if not any(map(is_static, storage_classes)):
        return []
    return verbs.find(cluster, "PersistentVolume")


def chosen(cluster: Cluster, names: list[str]) -> list[Obj]:
    """The classes of a plan in its order, or every class of the cluster, its default class first.

    Of every class, those that no run can measure are left out; of named ones no more than the name
    has to be known. Raises PlanError that names the classes that exist, Forbidden where none is
    named and none may be listed.
    """
    try:
        existing = {o["metadata"]["name"]: o for o in verbs.find(cluster, "StorageClass")}
    except Forbidden:
        if not names:
            raise
        existing = {name: unknown(name) for name in names}
    if missing := [name for name in names if name not in existing]:
        raise PlanError(
            f"plan field storage_classes: cluster {cluster.name} has no class "
            f"{', '.join(missing)}; it has {', '.join(sorted(existing)) or 'none'}"
        )
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise PlanError(f"plan field storage_classes: {', '.join(doubled)} is named twice")
    if buckets := [name for name in names if makes_buckets(existing[name])]:
        raise PlanError(
            f"plan field storage_classes: {', '.join(buckets)} makes buckets, not volumes: leave "
            "it out"
        )
    if not existing:
        raise PlanError(f"cluster {cluster.name} has no StorageClass to measure")
    if not names:
        every_class = list(existing.values())
        without = left_out(every_class, static_volumes(cluster, every_class))
        existing = {name: one for name, one in existing.items() if name not in without}
        if not existing:
            why = "; ".join(f"{name}: {reason}" for name, reason in without.items())
            raise PlanError(f"cluster {cluster.name} has no StorageClass to measure: {why}")
    every = sorted(existing, key=lambda name: (not is_default(existing[name]), name))
    return [existing[name] for name in names or every]


def is_default(storage_class: Obj) -> bool:
    """Whether PVCs that name no class get this one."""
    annotations = storage_class["metadata"].get("annotations") or {}
    return "true" in (annotations.get(DEFAULT_CLASS), annotations.get(BETA_DEFAULT_CLASS))
