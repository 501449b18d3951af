"""Checks of a cluster as a whole: its version, its API, its StorageClasses and their drivers."""

import re
from collections import Counter, defaultdict
from operator import itemgetter

from tasks.kubernetes import storage_classes as classes
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan
from tasks.plan.quantity import quantity_bytes
from tasks.results.checks import Check

# Jobs label their pods batch.kubernetes.io/job-name since 1.27: by it they are found.
OLDEST = (1, 27)
# The condition PodReadyToStartContainers, by which a volume's mount is timed, is on since 1.29.
OLDEST_COMPLETE = (1, 29)
# The plugins that were part of Kubernetes, and the CSI drivers that it hands their volumes to.
MIGRATED = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}
CSI_PARAMETER = "csi.storage.k8s.io/"


def version(git_version: str) -> Check:
    """Whether the API server is new enough; `git_version` is such as v1.34.4-eks-113cf36."""
    numbers = re.match(r"v?(\d+)\.(\d+)", git_version)
    name = "Kubernetes version"
    if numbers is None:
        words = "this is no version that stormark knows how to read"
        return Check(name, "API server", "warn", f"{git_version}: {words}", "Check it by hand")
    major_minor = int(numbers[1]), int(numbers[2])
    if major_minor < OLDEST:
        seen = f"{git_version}: its Jobs do not label their pods batch.kubernetes.io/job-name"
        return Check(name, "API server", "fail", seen, "Upgrade to 1.27 or later")
    if major_minor < OLDEST_COMPLETE:
        seen = f"{git_version}: it does not say when a pod's volumes are mounted"
        advice = "Upgrade to 1.29 or later, or do without volume_ready_seconds"
        return Check(name, "API server", "warn", seen, advice)
    return Check(name, "API server", "pass", git_version)


def image(name: str) -> Check:
    """What the plan's image is named by; a tag that moves is said, and fails nothing."""
    what = "plan field image"
    if "@" in name:
        return Check("image name", what, "pass", f"{name}: by its digest, so always the same")
    tag = name.rpartition("/")[2].partition(":")[2]
    if tag not in ("", "latest"):
        return Check("image name", what, "pass", f"{name}: by a tag")
    seen = f"{name}: what it is may differ from night to night and from node to node"
    advice = (
        "To compare nights, name an image by digest (NAME@sha256:…): that which ran is in the "
        "report, and `stormark compare` says where two runs had another"
    )
    return Check("image name", what, "pass", seen, advice)


def rbac(groups: list[str]) -> Check:
    """Whether permissions are given by RBAC; `groups` are the API groups that are served."""
    if "rbac.authorization.k8s.io" in groups:
        return Check("RBAC", "API server", "pass", "rbac.authorization.k8s.io is served")
    seen = "rbac.authorization.k8s.io is not served: manifests/rbac.yaml cannot be applied"
    advice = "Start the API server with --authorization-mode=RBAC where others use it too"
    return Check("RBAC", "API server", "warn", seen, advice)


def aggregation(services: list[Obj]) -> list[Check]:
    """A warning for each APIService that is down; garbage collection has to do without it."""
    down = [service for service in services if _condition(service, "Available") != "True"]
    if not down:
        seen = f"{len(services)} APIServices, all available"
        return [Check("aggregation layer", "API server", "pass", seen)]
    return [
        Check(
            "aggregation layer",
            f"APIService {service['metadata']['name']}",
            "warn",
            f"not available: {_condition(service, 'Available', 'message') or 'no reason given'}",
            "Repair or delete it: objects of its group are not collected, namespaces not deleted",
        )
        for service in down
    ]


def _condition(obj: Obj, kind: str, field: str = "status") -> str | None:
    for condition in obj.get("status", {}).get("conditions") or []:
        if condition["type"] == kind:
            return str(condition.get(field, ""))
    return None


def default_class(storage_classes: list[Obj]) -> Check:
    """Whether the cluster has exactly one default class."""
    names = [c["metadata"]["name"] for c in storage_classes if classes.is_default(c)]
    name, where = "default class", "StorageClasses"
    if not names:
        seen = "none: a PVC that names no class stays Pending"
        return Check(
            name, where, "warn", seen, f'Annotate one with {classes.DEFAULT_CLASS}: "true"'
        )
    if len(names) > 1:
        seen = f"{', '.join(names)}: a PVC that names no class gets the newest of them"
        return Check(name, where, "warn", seen, f"Remove {classes.DEFAULT_CLASS} from all but one")
    return Check(name, where, "pass", names[0])


def storage_class(
    storage_class: Obj, plan: Plan, drivers: list[Obj] | None, snapshot_classes: list[Obj] | None
) -> Check:
    """What provisions a class and what it offers; None stands for a list that may not be read."""
    name, provisioner = storage_class["metadata"]["name"], storage_class["provisioner"]
    wanted = csi_driver(storage_class)
    driver = next(
        (d for d in drivers or [] if d["metadata"]["name"] in (provisioner, wanted)), None
    )
    seen = ", ".join(
        [
            f"provisioner {provisioner}",
            _driver(driver, wanted, known=drivers is not None),
            f"binding {storage_class.get('volumeBindingMode', 'Immediate')}",
            "can grow" if storage_class.get("allowVolumeExpansion") else "cannot grow",
            _snapshots(provisioner, snapshot_classes),
        ]
    )
    advice = ""
    if classes.is_static(storage_class):
        advice = "Have a free PV of the plan's size ready: nothing makes one"
    elif wanted and drivers is not None and driver is None:
        advice = f"Install CSI driver {wanted}, or leave the class out: its PVCs stay Pending"
    elif drivers is not None and driver is None and plan.access_mode == "ReadWriteOncePod":
        advice = "Choose another access_mode: only CSI has ReadWriteOncePod"
    return Check("class", name, "warn" if advice else "pass", seen, advice)


def csi_driver(storage_class: Obj) -> str | None:
    """The CSI driver that a class needs; None where its provisioner need not be one."""
    provisioner = str(storage_class["provisioner"])
    if provisioner in MIGRATED:
        return MIGRATED[provisioner]
    parameters = storage_class.get("parameters") or {}
    named = "csi" in re.split(r"[./-]", provisioner)
    return provisioner if named or any(p.startswith(CSI_PARAMETER) for p in parameters) else None


def static(storage_class: Obj, volumes: list[Obj], needed: int = 1) -> Check:
    """Whether a class whose volumes somebody makes has as many Available as a run takes of it.

    Too few are a warning only: a local static provisioner makes one Available again.
    """
    name = storage_class["metadata"]["name"]
    if why := classes.left_out([storage_class], volumes).get(name):
        return Check("class", name, "fail", why, "Make one Available, or leave the class out")
    free = classes.of_class(name, volumes, "Available")
    seen = f"Available PVs: {', '.join(free)}"
    if len(free) < needed:
        seen = f"the run takes {needed} PVs of it, one after the other or at once. {seen}"
        advice = (
            "Unless something makes them Available again after each round, later rounds have none: "
            f"make {needed - len(free)} more, or lower rounds"
        )
        return Check("class", name, "warn", seen, advice)
    return Check("class", name, "pass", seen)


def without(storage_classes: list[Obj], volumes: list[Obj]) -> list[Check]:
    """The classes of the cluster that a plan for every class leaves out; a bucket is no fault."""
    by_name = {one["metadata"]["name"]: one for one in storage_classes}
    return [
        Check(
            "class",
            name,
            "pass" if classes.makes_buckets(by_name[name]) else "warn",
            f"left out: {why}",
        )
        for name, why in classes.left_out(storage_classes, volumes).items()
    ]


def _driver(driver: Obj | None, wanted: str | None, *, known: bool) -> str:
    if not known:
        return "driver unknown"
    if driver is None:
        return f"no CSIDriver {wanted}" if wanted else "no CSIDriver of that name"
    spec = driver.get("spec", {})
    return "CSI driver " + ("with attach" if spec.get("attachRequired", True) else "without attach")


def _snapshots(provisioner: str, snapshot_classes: list[Obj] | None) -> str:
    if snapshot_classes is None:
        return "snapshot classes unknown"
    names = [c["metadata"]["name"] for c in snapshot_classes if c.get("driver") == provisioner]
    return f"snapshot class {', '.join(names)}" if names else "no snapshot class"


def attach_limits(
    storage_classes: list[Obj], csi_nodes: list[Obj], usable: list[str], volumes_of_class: int
) -> list[Check]:
    """Whether one node takes all the volumes of a driver that a run keeps at its most.

    They may be spread over nodes, or be attached to others' pods already: so this only warns.
    """
    limits: dict[str, dict[str, int]] = defaultdict(dict)
    for csi_node in csi_nodes:
        name = csi_node["metadata"]["name"]
        for driver in (csi_node.get("spec") or {}).get("drivers") or []:
            count = (driver.get("allocatable") or {}).get("count")
            if count is not None and name in usable:
                limits[driver["name"]][name] = count
    drivers = Counter(csi_driver(one) or one["provisioner"] for one in storage_classes)
    checks = []
    for provisioner, classes_of_driver in drivers.items():
        if provisioner not in limits:
            continue
        kept = classes_of_driver * volumes_of_class
        node, least = min(limits[provisioner].items(), key=itemgetter(1))
        seen = f"node {node} takes {least} of its volumes, the run keeps {kept} at its most"
        if kept <= least:
            checks.append(Check("attach limit", f"driver {provisioner}", "pass", seen))
            continue
        advice = "Name fewer classes at once: a volume that no node takes leaves its pod Pending"
        checks.append(Check("attach limit", f"driver {provisioner}", "warn", seen, advice))
    return checks


def capacity(storage_class: Obj, plan: Plan, capacities: list[Obj]) -> list[Check]:
    """Whether one segment of a class has room for one volume, where its driver says so."""
    name = storage_class["metadata"]["name"]
    sizes = [
        quantity_bytes(c.get("maximumVolumeSize") or c.get("capacity") or "0")
        for c in capacities
        if c["storageClassName"] == name
    ]
    if not sizes:
        return []
    seen = f"{max(sizes) / 2**30:,.1f} GiB at most in one volume, by its CSIStorageCapacity"
    if max(sizes) < quantity_bytes(plan.volume_size):
        advice = f"Ask for less than volume_size {plan.volume_size}, or make room"
        return [Check("capacity", f"class {name}", "warn", seen, advice)]
    return [Check("capacity", f"class {name}", "pass", seen)]
