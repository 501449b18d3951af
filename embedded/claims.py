"""The controllers of PersistentVolumeClaims: binding, provisioning, protection, reclaiming."""

import shutil
from pathlib import Path

from .admission import remove_finalizer
from .objects import (
    Object,
    annotations_of,
    claim_names,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    now,
    uid_of,
)
from .quantities import as_bytes
from .recorder import record
from .resources import CLAIMS, NODES, PODS, STORAGE_CLASSES, VOLUMES
from .selectors import selects, volume_fits
from .store import Store

BINDER = "persistentvolume-controller"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
LOCAL_PATH = "rancher.io/local-path"
NFS = "cluster.local/nfs-client"
SHARED = "/mnt/shared"  # below each node's folder: a link to the one folder of the RWX class
PVC_PROTECTION = "kubernetes.io/pvc-protection"
PV_PROTECTION = "kubernetes.io/pv-protection"


async def run(store: Store, node_folders: dict[str, Path]) -> None:
    """Bind, provision, protect and reclaim for ever."""
    with store.watch() as events:
        while True:
            event = await events.get()
            if event.resource in {CLAIMS, VOLUMES, PODS, STORAGE_CLASSES}:
                for claim in store.items(CLAIMS):
                    reconcile(store, claim)
                for volume in store.items(VOLUMES):
                    reconcile_volume(store, volume, node_folders)


def reconcile(store: Store, claim: Object) -> None:
    """Bind a pending claim, or let go of a deleted one that no pod uses."""
    if is_terminating(claim):
        if not _in_use(store, claim):
            store.change(CLAIMS, claim, lambda new: remove_finalizer(new, PVC_PROTECTION))
        return
    if claim["status"]["phase"] != "Pending":
        return
    volume = _matching_volume(store, claim)
    class_name = claim["spec"].get("storageClassName") or ""
    storage_class = store.find(STORAGE_CLASSES, "", class_name)
    if volume:
        if (
            storage_class is None
            or not _waits(storage_class, claim)
            or "claimRef" in volume["spec"]
        ):
            bind(store, claim, volume)
    elif not class_name or claim["spec"].get("volumeName"):
        message = "no persistent volumes available for this claim and no storage class is set"
        _tell(store, claim, "FailedBinding", message)
    elif storage_class is None:
        message = f'storageclass.storage.k8s.io "{class_name}" not found'
        _tell(store, claim, "ProvisioningFailed", message, warning=True)
    elif _waits(storage_class, claim):
        message = "waiting for first consumer to be created before binding"
        _tell(store, claim, "WaitForFirstConsumer", message)
    elif storage_class["provisioner"] != NO_PROVISIONER:
        provision(store, claim, storage_class)


def _in_use(store: Store, claim: Object) -> bool:
    """Whether a scheduled pod names the claim; finished pods count, as in Kubernetes."""
    pods = store.items(PODS, namespace_of(claim))
    return any(name_of(claim) in claim_names(p) and p["spec"].get("nodeName") for p in pods)


def _waits(storage_class: Object, claim: Object) -> bool:
    late = storage_class["volumeBindingMode"] == "WaitForFirstConsumer"
    return late and SELECTED_NODE not in annotations_of(claim)


def _tell(store: Store, claim: Object, reason: str, message: str, *, warning: bool = False) -> None:
    """Record an event unless the claim has it already: nothing retries on a timer here."""
    record(store, CLAIMS, claim, reason, message, component=BINDER, warning=warning, once=True)


def claims_volume(volume: Object, claim: Object) -> bool:
    """Whether the volume's claimRef names this claim."""
    reference = volume["spec"].get("claimRef") or {}
    same = (reference.get("namespace"), reference.get("name")) == (
        namespace_of(claim),
        name_of(claim),
    )
    return same and reference.get("uid") in (None, "", uid_of(claim))


def fits(volume: Object, claim: Object) -> bool:
    """Whether a free volume satisfies the claim's class, modes, size and selector."""
    spec, wanted = volume["spec"], claim["spec"]
    return (
        spec["storageClassName"] == (wanted.get("storageClassName") or "")
        and set(wanted["accessModes"]) <= set(spec["accessModes"])
        and spec["volumeMode"] == wanted["volumeMode"]
        and as_bytes(spec["capacity"]["storage"])
        >= as_bytes(wanted["resources"]["requests"]["storage"])
        and (wanted.get("selector") is None or selects(wanted["selector"], labels_of(volume)))
    )


def _matching_volume(store: Store, claim: Object) -> Object | None:
    """The volume this claim is for: named by either side, else the smallest free one."""
    volumes = [v for v in store.items(VOLUMES) if not is_terminating(v)]
    named = claim["spec"].get("volumeName")
    for volume in volumes:
        if claims_volume(volume, claim) and named in (None, "", name_of(volume)):
            return volume
    free = [v for v in volumes if not v["spec"].get("claimRef") and fits(v, claim)]
    if named:
        free = [volume for volume in free if name_of(volume) == named]
    node = store.find(NODES, "", annotations_of(claim).get(SELECTED_NODE, ""))
    if node:
        free = [volume for volume in free if volume_fits(volume, node)]
    return min(free, key=lambda v: as_bytes(v["spec"]["capacity"]["storage"]), default=None)


def free_volumes(store: Store, claim: Object) -> list[Object]:
    """The volumes that a waiting claim could be bound to."""
    volumes = store.items(VOLUMES)
    return [v for v in volumes if not v["spec"].get("claimRef") and fits(v, claim)]


def bind(store: Store, claim: Object, volume: Object) -> None:
    """Bind a claim and a volume to each other."""
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": namespace_of(claim),
        "name": name_of(claim),
        "uid": uid_of(claim),
        "resourceVersion": claim["metadata"]["resourceVersion"],
    }

    def bind_volume(new: Object) -> None:
        new["spec"].setdefault("claimRef", {}).update(reference)
        new["status"] = {"phase": "Bound", "lastPhaseTransitionTime": now()}

    def bind_claim(new: Object) -> None:
        marks = new["metadata"].setdefault("annotations", {})
        marks["pv.kubernetes.io/bind-completed"] = "yes"
        marks["pv.kubernetes.io/bound-by-controller"] = "yes"
        new["spec"]["volumeName"] = name_of(volume)
        new["status"] = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }

    store.change(VOLUMES, volume, bind_volume)
    store.change(CLAIMS, claim, bind_claim)


def provision(store: Store, claim: Object, storage_class: Object) -> None:
    """Do what the class's external provisioner does, in its words; unknown ones never answer."""
    provisioner = storage_class["provisioner"]
    _mark_provisioner(store, claim, provisioner)
    message = (
        "Waiting for a volume to be created either by the external provisioner "
        f"'{provisioner}' or manually by the system administrator. If volume creation is "
        "delayed, please verify that the provisioner is running and correctly registered."
    )
    _tell(store, claim, "ExternalProvisioning", message)
    if provisioner not in {LOCAL_PATH, NFS}:
        return
    by = f"{provisioner}_embedded"
    if refusal := _refusal(claim, storage_class):
        reason = "ProvisioningFailed"
        record(store, CLAIMS, claim, reason, refusal, component=by, warning=True, once=True)
        return
    where = f"{namespace_of(claim)}/{name_of(claim)}"
    message = f'External provisioner is provisioning volume for claim "{where}"'
    record(store, CLAIMS, claim, "Provisioning", message, component=by)
    volume = store.create(VOLUMES, new_volume(claim, storage_class))
    message = f"Successfully provisioned volume {name_of(volume)}"
    record(store, CLAIMS, claim, "ProvisioningSucceeded", message, component=by)
    bind(store, claim, volume)


def _mark_provisioner(store: Store, claim: Object, provisioner: str) -> None:
    def mark(new: Object) -> None:
        marks = new["metadata"].setdefault("annotations", {})
        marks["volume.beta.kubernetes.io/storage-provisioner"] = provisioner
        marks["volume.kubernetes.io/storage-provisioner"] = provisioner

    store.change(CLAIMS, claim, mark)


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
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
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


def reconcile_volume(store: Store, volume: Object, node_folders: dict[str, Path]) -> None:
    """Set the phase of a volume, and delete it with its folder when its claim is gone."""
    reference = volume["spec"].get("claimRef")
    claim = reference and store.find(CLAIMS, reference["namespace"], reference["name"])
    lost = bool(
        reference and reference.get("uid") and not (claim and uid_of(claim) == reference["uid"])
    )
    if is_terminating(volume) and (lost or not reference):
        store.change(VOLUMES, volume, lambda new: remove_finalizer(new, PV_PROTECTION))
    elif lost and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
        if "pv.kubernetes.io/provisioned-by" in annotations_of(volume):
            shutil.rmtree(_folder(volume, node_folders), ignore_errors=True)
        store.delete(VOLUMES, volume)
    else:
        phase = (
            "Released" if lost else "Bound" if reference and reference.get("uid") else "Available"
        )
        if volume["status"].get("phase") != phase:
            status = {"phase": phase, "lastPhaseTransitionTime": now()}
            store.change(VOLUMES, volume, lambda new: new.update(status=status))


def _folder(volume: Object, node_folders: dict[str, Path]) -> Path:
    """Where a provisioned volume's data is; a shared one is seen from every node."""
    node = annotations_of(volume)["local.path.provisioner/selected-node"]
    path = Path(volume["spec"]["hostPath"]["path"])
    return node_folders[node or next(iter(node_folders))] / path.relative_to("/")
