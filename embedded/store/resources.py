"""The table of served resources, and the discovery documents made from it."""

import platform
from dataclasses import dataclass

from embedded.store.objects import Object

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
VERSION = "v1.37.0+stormark.embedded"


@dataclass(frozen=True)
class Resource:
    """A kind that is served, by the names that URLs and errors use; all are of version v1."""

    group: str
    plural: str
    kind: str
    namespaced: bool
    short: str = ""
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """Group and version as objects write them."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def qualified(self) -> str:
        """Plural and group as error messages write them, e.g. jobs.batch."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """Kind and group as validation errors write them, e.g. Job.batch."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


NAMESPACES = Resource("", "namespaces", "Namespace", False, "ns")
NODES = Resource("", "nodes", "Node", False, "no")
PODS = Resource("", "pods", "Pod", True, "po", ("log", "eviction", "exec"))
CLAIMS = Resource("", "persistentvolumeclaims", "PersistentVolumeClaim", True, "pvc")
VOLUMES = Resource("", "persistentvolumes", "PersistentVolume", False, "pv")
CONFIG_MAPS = Resource("", "configmaps", "ConfigMap", True, "cm")
SECRETS = Resource("", "secrets", "Secret", True)
SERVICE_ACCOUNTS = Resource("", "serviceaccounts", "ServiceAccount", True, "sa")
EVENTS = Resource("", "events", "Event", True, "ev")
QUOTAS = Resource("", "resourcequotas", "ResourceQuota", True, "quota")
LIMIT_RANGES = Resource("", "limitranges", "LimitRange", True, "limits")
DEPLOYMENTS = Resource("apps", "deployments", "Deployment", True, "deploy", ("scale",))
REPLICA_SETS = Resource("apps", "replicasets", "ReplicaSet", True, "rs")
STATEFUL_SETS = Resource("apps", "statefulsets", "StatefulSet", True, "sts")
JOBS = Resource("batch", "jobs", "Job", True)
STORAGE_CLASSES = Resource("storage.k8s.io", "storageclasses", "StorageClass", False, "sc")
ATTACHMENTS = Resource("storage.k8s.io", "volumeattachments", "VolumeAttachment", False)
DRIVERS = Resource("storage.k8s.io", "csidrivers", "CSIDriver", False)
CSI_NODES = Resource("storage.k8s.io", "csinodes", "CSINode", False)
CAPACITIES = Resource("storage.k8s.io", "csistoragecapacities", "CSIStorageCapacity", True)
LEASES = Resource("coordination.k8s.io", "leases", "Lease", True)
BUDGETS = Resource("policy", "poddisruptionbudgets", "PodDisruptionBudget", True, "pdb")
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False
)

API_SERVICES = Resource("apiregistration.k8s.io", "apiservices", "APIService", False)

SERVED = [
    NAMESPACES, NODES, PODS, CLAIMS, VOLUMES, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, EVENTS,
    QUOTAS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, JOBS, STORAGE_CLASSES, ATTACHMENTS, LEASES,
    BUDGETS, ACCESS_REVIEWS, LIMIT_RANGES, DRIVERS, CSI_NODES, CAPACITIES, API_SERVICES,
]  # fmt: skip
BY_PATH = {(resource.group, resource.plural): resource for resource in SERVED}
GROUPS = list(dict.fromkeys(resource.group for resource in SERVED if resource.group))

# Listed for those who look (empty), refused to those who create: nothing here enforces them.
READ_ONLY = frozenset(
    {QUOTAS, LIMIT_RANGES, ATTACHMENTS, DRIVERS, CSI_NODES, CAPACITIES, API_SERVICES}
)

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
SUBRESOURCE_VERBS = {"log": ["get"], "eviction": ["create"], "exec": ["create", "get"]}


def group_list() -> Object:
    """The APIGroupList that /apis answers."""
    versions = {group: {"groupVersion": f"{group}/v1", "version": "v1"} for group in GROUPS}
    groups = [{"name": g, "versions": [v], "preferredVersion": v} for g, v in versions.items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def resource_list(group: str) -> Object:
    """The APIResourceList of a group, subresources included."""
    entries: list[Object] = []
    for resource in (r for r in SERVED if r.group == group):
        common = {"namespaced": resource.namespaced, "kind": resource.kind}
        named = {"name": resource.plural, "singularName": resource.kind.lower(), "verbs": VERBS}
        entries.append(
            common | named | ({"shortNames": [resource.short]} if resource.short else {})
        )
        for name in resource.subresources:
            verbs = SUBRESOURCE_VERBS.get(name, ["get", "patch", "update"])
            path = f"{resource.plural}/{name}"
            entries.append(common | {"name": path, "singularName": "", "verbs": verbs})
            if name == "eviction":  # kubectl drain reads from here that policy/v1 is served
                entries[-1] |= {"group": "policy", "version": "v1", "kind": "Eviction"}
    version = f"{group}/v1" if group else "v1"
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version}
    return head | {"resources": entries}


def openapi_index() -> Object:
    """The paths of the OpenAPI documents."""
    paths = ["api/v1", *(f"apis/{group}/v1" for group in GROUPS)]
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}}


def openapi(group: str) -> Object:
    """A group's document: all that kubectl looks up is that its patches know fieldValidation."""
    parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
    paths = {}
    for resource in (r for r in SERVED if r.group == group):
        kind = {"group": group, "version": "v1", "kind": resource.kind}
        operation = {"x-kubernetes-group-version-kind": kind, "parameters": parameters}
        paths[f"/{resource.plural}/{{name}}"] = {"patch": operation}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1"}, "paths": paths}


def version() -> Object:
    """What /version answers."""
    platform_name = f"linux/{ARCHITECTURE}"
    known = {"major": "1", "minor": "37", "gitVersion": VERSION, "platform": platform_name}
    unknown = ("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler")
    return known | dict.fromkeys(unknown, "")
