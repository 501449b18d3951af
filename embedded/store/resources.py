"""The table of served resources, and what the server says of itself."""

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


NAMESPACES = Resource("", "namespaces", "Namespace", False)
NODES = Resource("", "nodes", "Node", False)
PODS = Resource("", "pods", "Pod", True)
CLAIMS = Resource("", "persistentvolumeclaims", "PersistentVolumeClaim", True)
VOLUMES = Resource("", "persistentvolumes", "PersistentVolume", False)
CONFIG_MAPS = Resource("", "configmaps", "ConfigMap", True)
SECRETS = Resource("", "secrets", "Secret", True)
SERVICE_ACCOUNTS = Resource("", "serviceaccounts", "ServiceAccount", True)
EVENTS = Resource("", "events", "Event", True)
QUOTAS = Resource("", "resourcequotas", "ResourceQuota", True)
LIMIT_RANGES = Resource("", "limitranges", "LimitRange", True)
DEPLOYMENTS = Resource("apps", "deployments", "Deployment", True)
REPLICA_SETS = Resource("apps", "replicasets", "ReplicaSet", True)
STATEFUL_SETS = Resource("apps", "statefulsets", "StatefulSet", True)
JOBS = Resource("batch", "jobs", "Job", True)
STORAGE_CLASSES = Resource("storage.k8s.io", "storageclasses", "StorageClass", False)
ATTACHMENTS = Resource("storage.k8s.io", "volumeattachments", "VolumeAttachment", False)
DRIVERS = Resource("storage.k8s.io", "csidrivers", "CSIDriver", False)
CSI_NODES = Resource("storage.k8s.io", "csinodes", "CSINode", False)
CAPACITIES = Resource("storage.k8s.io", "csistoragecapacities", "CSIStorageCapacity", True)
LEASES = Resource("coordination.k8s.io", "leases", "Lease", True)
BUDGETS = Resource("policy", "poddisruptionbudgets", "PodDisruptionBudget", True)
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


def group_list() -> Object:
    """The APIGroupList that /apis answers."""
    versions = {group: {"groupVersion": f"{group}/v1", "version": "v1"} for group in GROUPS}
    groups = [{"name": g, "versions": [v], "preferredVersion": v} for g, v in versions.items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def version() -> Object:
    """What /version answers."""
    platform_name = f"linux/{ARCHITECTURE}"
    known = {"major": "1", "minor": "37", "gitVersion": VERSION, "platform": platform_name}
    unknown = ("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler")
    return known | dict.fromkeys(unknown, "")
