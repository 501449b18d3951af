"""What a cluster's classes and nodes say of themselves, as a run records it."""

import json
import re

from tasks.kubernetes.nodes import status_of
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.storage_classes import is_default, is_unknown
from tasks.plan.quantity import quantity_bytes, quantity_cpus
from tasks.results.run_columns import ClassRow, Node

# Such parameters and mount options may hold secrets; a class should not have any, and some do.
SECRET = re.compile(r"secret|passw|passphrase|\bpass\b|token|key|credential", re.IGNORECASE)


def class_row(storage_class: Obj, position: int) -> ClassRow:
    """The class's row of the table `classes`."""
    name = storage_class["metadata"]["name"]
    if is_unknown(storage_class):
        return ClassRow(storage_class=name, position=position)
    parameters = {
        name: value
        for name, value in (storage_class.get("parameters") or {}).items()
        if not SECRET.search(name)
    }
    options = storage_class.get("mountOptions") or []
    return ClassRow(
        storage_class=name,
        position=position,
        is_default=is_default(storage_class),
        provisioner=storage_class["provisioner"],
        volume_binding_mode=storage_class.get("volumeBindingMode", "Immediate"),
        allow_volume_expansion=bool(storage_class.get("allowVolumeExpansion", False)),
        reclaim_policy=storage_class.get("reclaimPolicy", "Delete"),
        mount_options=tuple(option for option in options if not SECRET.search(option)),
        parameters=json.dumps(parameters, sort_keys=True),
    )


def node(obj: Obj) -> Node:
    """What a node says of itself."""
    status = status_of(obj)
    info, capacity = status.get("nodeInfo", {}), status.get("capacity", {})
    return Node(
        name=obj["metadata"]["name"],
        kernel=info.get("kernelVersion"),
        os_image=info.get("osImage"),
        kubelet_version=info.get("kubeletVersion"),
        container_runtime=info.get("containerRuntimeVersion"),
        cpus=quantity_cpus(capacity["cpu"]) if "cpu" in capacity else None,
        memory_bytes=quantity_bytes(capacity["memory"]) if "memory" in capacity else None,
    )
