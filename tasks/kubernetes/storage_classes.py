"""StorageClasses: which ones a plan means, and what each says of itself."""

import json
import re
from typing import Any

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import PlanError

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
# Such parameters and mount options may hold secrets; a class should not have any, and some do.
SECRET = re.compile(r"secret|passw|passphrase|\bpass\b|token|key|credential", re.IGNORECASE)


def chosen(cluster: Cluster, names: list[str]) -> list[Obj]:
    """The classes of a plan in its order, or every class of the cluster, its default class first.

    Raises PlanError that names the classes that exist.
    """
    existing = {o["metadata"]["name"]: o for o in verbs.find(cluster, "StorageClass")}
    if missing := [name for name in names if name not in existing]:
        raise PlanError(
            f"plan field storage_classes: cluster {cluster.name} has no class "
            f"{', '.join(missing)}; it has {', '.join(sorted(existing)) or 'none'}"
        )
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise PlanError(f"plan field storage_classes: {', '.join(doubled)} is named twice")
    if not existing:
        raise PlanError(f"cluster {cluster.name} has no StorageClass to measure")
    every = sorted(existing, key=lambda name: (not is_default(existing[name]), name))
    return [existing[name] for name in names or every]


def is_default(storage_class: Obj) -> bool:
    """Whether PVCs that name no class get this one."""
    annotations = storage_class["metadata"].get("annotations") or {}
    return annotations.get(DEFAULT_CLASS) == "true"


def row(storage_class: Obj, position: int) -> dict[str, Any]:
    """The class's row of the table `classes`."""
    parameters = {
        name: value
        for name, value in (storage_class.get("parameters") or {}).items()
        if not SECRET.search(name)
    }
    return {
        "storage_class": storage_class["metadata"]["name"],
        "position": position,
        "is_default": is_default(storage_class),
        "provisioner": storage_class["provisioner"],
        "volume_binding_mode": storage_class.get("volumeBindingMode", "Immediate"),
        "allow_volume_expansion": bool(storage_class.get("allowVolumeExpansion", False)),
        "reclaim_policy": storage_class.get("reclaimPolicy", "Delete"),
        "mount_options": [
            option
            for option in storage_class.get("mountOptions") or []
            if not SECRET.search(option)
        ],
        "parameters": json.dumps(parameters, sort_keys=True),
    }
