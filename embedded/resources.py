"""The table of served resources, and the discovery documents made from it."""

import platform
from dataclasses import dataclass

from .objects import Object

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
VERSION = "v1.34.0+stormark.embedded"


@dataclass(frozen=True)
class Resource:
    """A kind that is served, by the names that URLs and errors use."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """Group and version as objects write them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """Plural and group as error messages write them, e.g. jobs.batch."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """Kind and group as validation errors write them, e.g. Job.batch."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False, ("ns",), ("status", "finalize"))
NODES = Resource("", "v1", "nodes", "Node", False, ("no",), ("status",))
PODS = Resource("", "v1", "pods", "Pod", True, ("po",), ("status", "log", "eviction", "exec"))
CLAIMS = Resource(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), ("status",)
)
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", False, ("pv",), ("status",))
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",))
SECRETS = Resource("", "v1", "secrets", "Secret", True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",))
EVENTS = Resource("", "v1", "events", "Event", True, ("ev",))
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota", True, ("quota",), ("status",))
LIMIT_RANGES = Resource("", "v1", "limitranges", "LimitRange", True, ("limits",))
DEPLOYMENTS = Resource(
    "apps", "v1", "deployments", "Deployment", True, ("deploy",), ("status", "scale")
)
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", True, ("rs",), ("status",))
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",), ("status",))
JOBS = Resource("batch", "v1", "jobs", "Job", True, (), ("status",))
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ("sc",))
CSI_DRIVERS = Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False)
ATTACHMENTS = Resource(
    "storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", False, (), ("status",)
)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True)
BUDGETS = Resource(
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), ("status",)
)
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False
)

SERVED = [
    NAMESPACES, NODES, PODS, CLAIMS, VOLUMES, CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS, EVENTS,
    QUOTAS, LIMIT_RANGES, DEPLOYMENTS, REPLICA_SETS, DAEMON_SETS, JOBS, STORAGE_CLASSES,
    CSI_DRIVERS, ATTACHMENTS, LEASES, BUDGETS, ACCESS_REVIEWS,
]  # fmt: skip
BY_PATH = {(r.group, r.version, r.plural): r for r in SERVED}
BY_KIND = {(r.api_version, r.kind): r for r in SERVED}

# Listed for those who look (empty), refused to those who create: nothing here enforces them.
READ_ONLY = frozenset({QUOTAS, LIMIT_RANGES, DAEMON_SETS, CSI_DRIVERS, ATTACHMENTS})

IN_ALL = frozenset({PODS, DEPLOYMENTS, REPLICA_SETS, JOBS})  # what `kubectl get all` lists

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def groups() -> list[str]:
    """The served API groups without the core group, in table order."""
    return list(dict.fromkeys(r.group for r in SERVED if r.group))


def group_document(group: str) -> Object:
    """The APIGroup of one group; each is served in v1 only."""
    version = {"groupVersion": f"{group}/v1", "version": "v1"}
    return {"name": group, "versions": [version], "preferredVersion": version}


def group_list() -> Object:
    """The APIGroupList that /apis answers."""
    documents = [group_document(group) for group in groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": documents}


def resource_list(group: str) -> Object:
    """The APIResourceList of a group in v1, subresources included."""
    entries: list[Object] = []
    for resource in (r for r in SERVED if r.group == group):
        common = {"namespaced": resource.namespaced, "kind": resource.kind}
        verbs = ["create"] if resource is ACCESS_REVIEWS else VERBS
        entries.append(
            common
            | {"name": resource.plural, "singularName": resource.kind.lower(), "verbs": verbs}
            | ({"shortNames": list(resource.short)} if resource.short else {})
            | ({"categories": ["all"]} if resource in IN_ALL else {})
        )
        entries += [common | subresource_entry(resource, name) for name in resource.subresources]
    group_version = f"{group}/v1" if group else "v1"
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": entries,
    }


def subresource_entry(resource: Resource, name: str) -> Object:
    """The APIResource of a subresource, with the verbs it really has."""
    verbs = {"log": ["get"], "eviction": ["create"], "exec": ["create", "get"]}
    entry: Object = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "verbs": verbs.get(name, ["get", "patch", "update"]),
    }
    if name == "eviction":  # kubectl drain reads from here that policy/v1 evictions are served
        entry |= {"group": "policy", "version": "v1", "kind": "Eviction"}
    return entry


def version() -> Object:
    """What /version answers."""
    python = f"python{platform.python_version()}"
    return {
        "major": "1",
        "minor": "34",
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": python,
        "compiler": "",
        "platform": f"linux/{ARCHITECTURE}",
    }
