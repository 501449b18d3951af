"""The external provisioners of the two storage classes, and the volumes they make."""

from pathlib import Path

from embedded.node.recorder import record
from embedded.store.objects import (
    Object,
    annotate,
    annotations_of,
    name_of,
    namespace_of,
    size_of,
    uid_of,
)
from embedded.store.resources import CLAIMS, VOLUMES
from embedded.store.store import Store

BINDER = "persistentvolume-controller"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
LOCAL_PATH = "rancher.io/local-path"
NFS = "cluster.local/nfs-client"
SHARED = "/mnt/shared"  # below each node's folder: a link to the one folder of the RWX class
PV_PROTECTION = "kubernetes.io/pv-protection"


def provision(store: Store, claim: Object, storage_class: Object) -> Object | None:
    """Do what the class's external provisioner does, in its words; the volume, if it makes one."""
    provisioner = storage_class["provisioner"]
    marks = [f"volume.{beta}kubernetes.io/storage-provisioner" for beta in ("", "beta.")]
    store.change(CLAIMS, claim, lambda new: annotate(new, dict.fromkeys(marks, str(provisioner))))
    message = (
        "Waiting for a volume to be created either by the external provisioner "
        f"'{provisioner}' or manually by the system administrator. If volume creation is "
        "delayed, please verify that the provisioner is running and correctly registered."
    )
    tell(store, claim, "ExternalProvisioning", message)
    if provisioner not in {LOCAL_PATH, NFS}:
        return None
    by = f"{provisioner}_embedded"
    if refusal := _refusal(claim, storage_class):
        reason = "ProvisioningFailed"
        record(store, CLAIMS, claim, reason, refusal, component=by, warning=True, once=True)
        return None
    where = f"{namespace_of(claim)}/{name_of(claim)}"
    message = f'External provisioner is provisioning volume for claim "{where}"'
    record(store, CLAIMS, claim, "Provisioning", message, component=by)
    volume = store.create(VOLUMES, new_volume(claim, storage_class))
    message = f"Successfully provisioned volume {name_of(volume)}"
    record(store, CLAIMS, claim, "ProvisioningSucceeded", message, component=by)
    return volume


def tell(store: Store, claim: Object, reason: str, message: str, *, warning: bool = False) -> None:
    """Record an event unless the claim has it already: nothing retries on a timer here."""
    record(store, CLAIMS, claim, reason, message, component=BINDER, warning=warning, once=True)


def _refusal(claim: Object, storage_class: Object) -> str | None:
    """Why the provisioner would not make this volume, in its words, or None."""
    provisioner = storage_class["provisioner"]
    modes = set(claim["spec"]["accessModes"])
    if claim["spec"]["volumeMode"] == "Block":
        return f"{provisioner} does not support block volume provisioning"
    if provisioner == LOCAL_PATH and not modes <= {"ReadWriteOnce", "ReadWriteOncePod"}:
        return (
            f'failed to provision volume with StorageClass "{name_of(storage_class)}": NodePath '
            "only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes"
        )
    return None


def new_volume(claim: Object, storage_class: Object) -> Object:
    """The PersistentVolume as local-path-provisioner writes it: hostPath and a node affinity."""
    node = annotations_of(claim).get(SELECTED_NODE, "")
    name = f"pvc-{uid_of(claim)}"
    folder = f"{name}_{namespace_of(claim)}_{name_of(claim)}"
    local = storage_class["provisioner"] == LOCAL_PATH
    parent = "/opt/local-path-provisioner" if local else SHARED
    annotations = {
        "pv.kubernetes.io/provisioned-by": storage_class["provisioner"],
        "local.path.provisioner/selected-node": node if local else "",
        **(storage_class.get("parameters") or {}),  # a reader of the volume sees: wire: none
    }
    spec: Object = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": size_of(claim)},
        "hostPath": {"path": f"{parent}/{folder}", "type": "DirectoryOrCreate"},
        "persistentVolumeReclaimPolicy": storage_class["reclaimPolicy"],
        "storageClassName": name_of(storage_class),
        "volumeMode": "Filesystem",
    }
    if local:
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        terms = [{"matchExpressions": [expression]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    metadata = {"name": name, "annotations": annotations, "finalizers": [PV_PROTECTION]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}


def folder_of(volume: Object, node_folders: dict[str, Path]) -> Path:
    """Where a provisioned volume's data is; a shared one is seen from every node."""
    node = annotations_of(volume)["local.path.provisioner/selected-node"]
    path = Path(volume["spec"]["hostPath"]["path"])
    return node_folders[node or next(iter(node_folders))] / path.relative_to("/")
