"""The controllers of PersistentVolumeClaims: binding, resizing, protection, reclaiming."""

import shutil
from pathlib import Path

from embedded.admission.admission import remove_finalizer
from embedded.controllers.provisioners import (
    PV_PROTECTION,
    SELECTED_NODE,
    folder_of,
    provision,
    tell,
)
from embedded.store import errors
from embedded.store.objects import (
    Object,
    annotate,
    annotations_of,
    as_bytes,
    claim_names,
    is_terminating,
    labels_of,
    name_of,
    namespace_of,
    now,
    size_of,
    uid_of,
)
from embedded.store.resources import CLAIMS, NODES, PODS, STORAGE_CLASSES, VOLUMES
from embedded.store.selectors import selects, volume_fits
from embedded.store.store import Store

NO_PROVISIONER = "kubernetes.io/no-provisioner"
BY_CONTROLLER = "bound-by-controller"
PVC_PROTECTION = "kubernetes.io/pvc-protection"


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
    waits = storage_class is not None and _waits(storage_class, claim)
    if volume:
        if not waits or "claimRef" in volume["spec"]:
            bind(store, claim, volume)
    elif not class_name or claim["spec"].get("volumeName"):
        message = "no persistent volumes available for this claim and no storage class is set"
        tell(store, claim, "FailedBinding", message)
    elif storage_class is None:
        message = f'storageclass.storage.k8s.io "{class_name}" not found'
        tell(store, claim, "ProvisioningFailed", message, warning=True)
    elif waits:
        message = "waiting for first consumer to be created before binding"
        tell(store, claim, "WaitForFirstConsumer", message)
    elif storage_class["provisioner"] != NO_PROVISIONER:
        volume = provision(store, claim, storage_class)
        if volume:
            bind(store, claim, volume)


def _in_use(store: Store, claim: Object) -> bool:
    """Whether a scheduled pod names the claim; finished pods count, as in Kubernetes."""
    pods = store.items(PODS, namespace_of(claim))
    return any(name_of(claim) in claim_names(p) and p["spec"].get("nodeName") for p in pods)


def _waits(storage_class: Object, claim: Object) -> bool:
    late = storage_class["volumeBindingMode"] == "WaitForFirstConsumer"
    return late and SELECTED_NODE not in annotations_of(claim)


def claims_volume(volume: Object, claim: Object) -> bool:
    """Whether the volume's claimRef names this claim."""
    of = volume["spec"].get("claimRef") or {}
    named = (of.get("namespace"), of.get("name")) == (namespace_of(claim), name_of(claim))
    return named and of.get("uid") in (None, "", uid_of(claim))


def fits(volume: Object, claim: Object) -> bool:
    """Whether a free volume satisfies the claim's class, modes, size and selector."""
    spec, wanted = volume["spec"], claim["spec"]
    return (
        spec["storageClassName"] == (wanted.get("storageClassName") or "")
        and set(wanted["accessModes"]) <= set(spec["accessModes"])
        and spec["volumeMode"] == wanted["volumeMode"]
        and as_bytes(spec["capacity"]["storage"]) >= as_bytes(size_of(claim))
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
    if node := store.find(NODES, "", annotations_of(claim).get(SELECTED_NODE, "")):
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
        annotate(new, {f"pv.kubernetes.io/{m}": "yes" for m in ("bind-completed", BY_CONTROLLER)})
        new["spec"]["volumeName"] = name_of(volume)
        new["status"] = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        }

    store.change(VOLUMES, volume, bind_volume)
    store.change(CLAIMS, claim, bind_claim)


def check_size(old: Object, new: Object) -> None:
    """Refuse another size: no class here allows expansion."""
    if size_of(new) != size_of(old):
        why = (
            "only dynamically provisioned pvc can be resized and the storageclass that "
            "provisions the pvc must support resize"
        )
        raise errors.forbidden(CLAIMS, name_of(new), why, [])


def reconcile_volume(store: Store, volume: Object, node_folders: dict[str, Path]) -> None:
    """Set the phase of a volume, and delete it with its folder when its claim is gone."""
    reference = volume["spec"].get("claimRef")
    claim = reference and store.find(CLAIMS, reference["namespace"], reference["name"])
    bound = bool(reference and reference.get("uid"))
    lost = bound and not (claim and uid_of(claim) == reference["uid"])
    if is_terminating(volume) and (lost or not bound):
        store.change(VOLUMES, volume, lambda new: remove_finalizer(new, PV_PROTECTION))
    elif lost and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
        if "pv.kubernetes.io/provisioned-by" in annotations_of(volume):
            shutil.rmtree(folder_of(volume, node_folders), ignore_errors=True)
        store.delete(VOLUMES, volume)
    else:
        phase = "Released" if lost else "Bound" if bound else "Available"
        if volume["status"].get("phase") != phase:
            status = {"phase": phase, "lastPhaseTransitionTime": now()}
            store.change(VOLUMES, volume, lambda new: new.update(status=status))
