"""What a run must be allowed to do: `manifests/rbac.yaml` grants it, the preflight asks for it.

What only some storms or volumes need is granted by files of their own, in `manifests/rbac/`.
"""

from typing import NamedTuple, get_args

from tasks.plan.plan import NodeStorm, Plan
from tasks.plan.vocabulary import CLASSES, DEPLOYMENT, FOLDER_KINDS, ONE_POD, STATEFUL_SET

DRAIN_FILE = "manifests/rbac/drain.yaml"


class Permission(NamedTuple):
    """Verbs on a resource, in the run's namespace unless `everywhere`.

    `only` names the storms, storm volumes and kinds of writers that are skipped without it; where
    it is empty, there is no run without it, unless it is `spared`: what it shows is then not known.
    `resource` has its subresource: pods/log. `file` grants it; none does where that is empty.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    everywhere: bool = False
    only: tuple[str, ...] = ()
    spared: bool = False
    file: str = "manifests/rbac.yaml"

    @property
    def advice(self) -> str:
        """What grants it."""
        if self.file:
            return f"{self.file} grants it"
        return "No file of manifests/ grants what reaches into every namespace: grant it by hand"


# What every flow does, its release and its reaping included.
ALWAYS = [
    Permission("", "namespaces", ("get",), "look at its namespace"),
    Permission(
        "coordination.k8s.io",
        "leases",
        ("create", "get", "update", "delete"),
        "keep a second run out",
    ),
    Permission(
        "",
        "configmaps",
        ("create", "get", "list", "watch", "delete"),
        "own and release what it makes",
    ),
    Permission(
        "",
        "persistentvolumeclaims",
        ("create", "get", "list", "watch", "delete"),
        "provision volumes and release them",
    ),
    Permission("batch", "jobs", ("create", "get", "list", "watch", "delete"), "run its pods"),
    Permission("", "pods", ("get", "list", "watch", "delete"), "follow its pods, release them"),
    Permission("", "pods/log", ("get",), "read what its pods measured"),
    Permission("", "events", ("list",), "say why a pod or a PVC waits"),
    Permission("apps", "deployments", ("list",), "find what a run has left"),
    Permission("storage.k8s.io", "storageclasses", ("list",), "find the classes", everywhere=True),
    Permission("", "nodes", ("list",), "say where it measured", everywhere=True),
    Permission(
        "", "persistentvolumes", ("get", "list", "watch"), "look at its PVs", everywhere=True
    ),
]

# A client opens the websocket with GET, which Kubernetes 1.35 authorizes as create as well.
EXEC = Permission("", "pods/exec", ("get", "create"), "give fio's pods their orders")

# Granted with all that each run needs: without it nothing is skipped, but a plan may need none.
DEPLOYMENTS = Permission(
    "apps", "deployments", ("create", "get", "watch", "delete"), "run the storms' writers"
)

STORMS = [
    Permission(
        "apps",
        "statefulsets",
        ("create", "get", "list", "watch", "delete"),
        "run the storms' writers as databases are run",
        only=(STATEFUL_SET,),
        file="manifests/rbac/stateful.yaml",
    ),
    Permission(
        "",
        "configmaps",
        ("patch",),
        "write down the nodes on which it makes a folder",
        only=FOLDER_KINDS,
    ),
    Permission(
        "",
        "persistentvolumes",
        ("create", "delete"),
        "make a local PV",
        everywhere=True,
        only=("local",),
        file="manifests/rbac/local.yaml",
    ),
    EXEC._replace(
        why="kill a writer's process, read what no other pod may mount",
        only=("container-restart", "emptyDir", CLASSES),
    ),
    Permission(
        "",
        "nodes",
        ("get", "patch"),
        "write on a node what a storm does to it, and undo that",
        everywhere=True,
        only=get_args(NodeStorm),
        file=DRAIN_FILE,
    ),
]

OWN_DRAIN = [
    Permission(
        "",
        "pods/eviction",
        ("create",),
        "evict its own writers",
        only=("drain",),
        file=DRAIN_FILE,
    ),
]

FULL_DRAIN = [
    Permission(
        "", "pods", ("list",), "find a node's pods", everywhere=True, only=("drain",), file=""
    ),
    Permission(
        "",
        "pods/eviction",
        ("create",),
        "evict a node's pods in every namespace",
        everywhere=True,
        only=("drain",),
        file="",
    ),
]


def needed(flow: str, plan: Plan) -> list[Permission]:
    """What a flow needs for a plan; what only storms or volumes outside the plan need is left out.

    `flow` is benchmark, storms or nightly.
    """
    # a plan that names its classes does with rights in its namespace alone
    named = bool(plan.storage_classes)
    always = [rule._replace(spared=named and rule.everywhere) for rule in ALWAYS]
    always += [] if flow == "storms" else [EXEC]
    if flow == "benchmark":
        return always
    planned: set[str] = {*plan.storms, *plan.storm_volumes, *plan.writers}
    if plan.access_mode != ONE_POD:  # then another pod reads them
        planned.discard(CLASSES)
    always += [DEPLOYMENTS] if DEPLOYMENT in plan.writers else []
    rules = [*STORMS, *(FULL_DRAIN if plan.drain == "full" else OWN_DRAIN)]
    of_plan = [rule._replace(only=tuple(o for o in rule.only if o in planned)) for rule in rules]
    return always + [
        rule
        for rule, every in zip(of_plan, rules, strict=True)
        if (rule.only or not every.only) and not (rule.resource == EXEC.resource and EXEC in always)
    ]
