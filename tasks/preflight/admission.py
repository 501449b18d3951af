"""Whether the API server takes a run's objects: each kind is created by a server-side dry run.

Policies, quotas, limit ranges, Pod Security and Kubernetes' own schema all judge it, and nothing is
stored. A Job whose pods are refused would be waited for in vain.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tasks.kubernetes import script_job, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Denied, Forbidden, Invalid, Unreachable
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pod_template import render_workload
from tasks.kubernetes.pods import NOBODY, ROOT
from tasks.lifecycle.cleanup import HOST_ROOT
from tasks.lifecycle.run import Run
from tasks.plan.vocabulary import AS_ROOT, CLASSES, FOLDER_KINDS, STATEFUL_SET, WriterKind
from tasks.provision import bench_pod, claims
from tasks.results.checks import Check, Status

NAME = "admission"
# Words of what refuses a pod, and the field of the plan that it is about.
FIELDS = (
    (r"label", "pod.labels"),
    (r"annotation", "pod.annotations"),
    (r"limit|request(s|ed)\b|quota|resources", "pod.resources"),
    (r"pull ?secret", "pod.image_pull_secrets"),
    (r"priority", "pod.priority_class_name"),
    (r"runtime ?class", "pod.runtime_class_name"),
    (r"service ?account", "pod.service_account_name"),
    (
        r"runas|fsgroup|\buid\b|\bgid\b|non-?root|security context constraint",
        "pod.security_context",
    ),
    (r"\bimages?\b|registry|registries", "image"),
    (r"toleration", "tolerations"),
    (r"node ?selector", "node_selector"),
)


class Trial(NamedTuple):
    """An object that a run makes, and what is skipped where it is refused; nothing: the run."""

    what: str
    create: Callable[[], Obj]
    without: tuple[str, ...] = ()


def check(run: Run, flow: str, storage_classes: list[Obj]) -> list[Check]:
    """A check for each object that is refused, and one for all that are not.

    What this account may not create is not tried, and said so: once for each kind.
    """
    cluster = run.cluster.hasty._replace(dry_run=True)
    dry = run._replace(cluster=cluster)
    checks: dict[str, Check] = {}
    taken = []
    for trial in [*_claims(dry, flow, storage_classes), *_pods(dry, flow)]:
        try:
            trial.create()
        except (Denied, Invalid) as error:
            checks[trial.what] = _refused(trial, str(error))
        except Forbidden as error:
            advice = "manifests/rbac/preflight.yaml grants it"
            not_tried = Check(NAME, trial.what, "warn", f"not tried: {error}", advice)
            checks.setdefault("a right is missing", not_tried)
        except Unreachable:
            raise
        except ClusterError as error:  # as of a webhook that knows no dry run
            checks[trial.what] = Check(NAME, trial.what, "warn", f"not tried: {error}")
        else:
            taken.append(trial.what)
    if taken:
        seen = f"taken by dry run: {', '.join(taken)}"
        return [*checks.values(), Check(NAME, f"namespace {cluster.namespace}", "pass", seen)]
    return list(checks.values())


def _claims(run: Run, flow: str, storage_classes: list[Obj]) -> list[Trial]:
    plan = run.plan
    if plan.pvc or (flow == "storms" and CLASSES not in plan.storm_volumes):
        return []

    names = [one["metadata"]["name"] for one in storage_classes]
    create = partial(
        claims.create, run, [], access_mode=plan.access_mode, volume_mode=plan.volume_mode
    )
    return [
        Trial(
            f"PVC of class {name}", partial(create, claims.object_name(run, i, name, "tried"), name)
        )
        for i, name in enumerate(names)
    ]


def _pods(run: Run, flow: str) -> list[Trial]:
    plan, name = run.plan, f"stormark-{run.run_id}-tried"
    meta = run.meta([])

    def fio() -> Obj:
        return bench_pod.create(run, [], name=name, action="check", limit_seconds=1)

    def script(user: int, source: Obj) -> Obj:
        return script_job.create(
            run.cluster, plan, meta, name=name, file="reader.sh", source=source, user=user
        )

    def writer(kind: WriterKind) -> Obj:
        manifest = render_workload(
            "writer",
            plan,
            kind=kind,
            name=name,
            **meta,
            tolerations=script_job.tolerations(plan),
            nodes=[],
            avoid=[],
            first_node="",
            user=NOBODY,
            interval="1",
            source={"emptyDir": {}},
        )
        return verbs.create(run.cluster, manifest)

    scratch: Obj = {"emptyDir": {}}
    host: Obj = {"hostPath": {"path": HOST_ROOT, "type": "DirectoryOrCreate"}}
    planned = plan.storm_volumes if flow != "benchmark" else []
    folders = tuple(kind for kind in FOLDER_KINDS if kind in planned)
    trials = [Trial("a short pod", lambda: script(NOBODY, scratch))]
    if flow != "storms":
        trials.append(Trial("a pod with fio", fio))
    if flow != "benchmark":
        tried = [kind for kind in plan.writers if kind not in run.skips]
        trials += [
            Trial(f"a writer's {kind}", partial(writer, kind), (kind,) * (kind == STATEFUL_SET))
            for kind in tried
        ]
    if plan.pod.without_root is None:
        trials.append(Trial("a pod as root", lambda: script(ROOT, scratch), (AS_ROOT,)))
    if folders:
        trials.append(Trial("a pod with a node's folder", lambda: script(ROOT, host), folders))
    return [trial._replace(create=_with_its_pod(run.cluster, trial.create)) for trial in trials]


def _with_its_pod(cluster: Cluster, create: Callable[[], Obj]) -> Callable[[], Obj]:
    """Create a Job or a writer's workload, and then the pod that its controller would."""

    def both() -> Obj:
        template = create()["spec"]["template"]
        meta = template["metadata"] | {"name": "stormark-tried"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
        return verbs.create(cluster, pod)

    return both


def _refused(trial: Trial, words: str) -> Check:
    if trial.what.startswith("PVC"):
        advice = "Look at plan fields volume_size, access_mode, volume_mode and storage_classes"
    else:
        said = words.partition(" (HTTP ")[0]
        about = [field for pattern, field in FIELDS if re.search(pattern, said, re.I)]
        advice = f"What helps may be plan field {', '.join(about) or 'pod'}, or another namespace"
    status: Status = "warn" if trial.without else "fail"
    return Check(NAME, trial.what, status, words, advice, trial.without)
