"""A short script of `manifests/` on a volume, run as a Job and read to its end."""

from contextlib import suppress
from typing import Any

from tasks.kubernetes import logs, pods, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.manifest import script
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pod_template import render_workload
from tasks.plan.plan import Plan

LIMIT_SECONDS = 120.0


def run_script(
    cluster: Cluster,
    plan: Plan,
    meta: Obj,
    *,
    name: str,
    file: str,
    arguments: tuple[str, ...] = (),
    source: Obj,
    mount_path: str = "/volume",
    nodes: list[str] | None = None,
    user: int,
    env: dict[str, str] | None = None,
) -> list[str]:
    """Run a script with a volume mounted; returns the lines that it wrote.

    Its arguments are those of `create`. Raises PodFailed when it does not start or fails.
    """
    create(
        cluster,
        plan,
        meta,
        name=name,
        file=file,
        arguments=arguments,
        source=source,
        mount_path=mount_path,
        nodes=nodes,
        user=user,
        env=env,
    )
    try:
        started = pods.wait_started(cluster, name, plan.start_limit_seconds)
        pod = started["metadata"]["name"]
        ended = pods.wait_ended(cluster, name, LIMIT_SECONDS)
        lines = list(logs.lines(cluster, pod))
    finally:  # a pod that waits would start later, beside others
        with suppress(ClusterError):  # the clean-up deletes it too
            verbs.delete(cluster, "Job", name)
    if ended["exitCode"] != 0:
        words = "; ".join([*lines[-3:], pods.how_ended(cluster, ended, started)])
        raise pods.PodFailed(
            f"{' '.join([file, *arguments])} in pod {pod}: exit {ended['exitCode']}: {words}"
        )
    return lines


def create(
    cluster: Cluster,
    plan: Plan,
    meta: Obj,
    *,
    name: str,
    file: str,
    arguments: tuple[str, ...] = (),
    source: Obj,
    mount_path: str = "/volume",
    nodes: list[str] | None = None,
    user: int,
    env: dict[str, str] | None = None,
) -> Obj:
    """Create the Job of a script, and wait for nothing.

    `file` is the script of `manifests/`; `meta` has labels, deadline and owner; `source` is
    the volume's source as in a pod; `nodes` are those that the pod may run on.
    """
    manifest = render_workload(
        "script-job",
        plan,
        name=name,
        # by its text: a ConfigMap may say something else when the pod starts
        command=["sh", "-c", script(file), file, *arguments],
        source=source,
        mount_path=mount_path,
        nodes=nodes or [],
        user=user,
        env=[{"name": key, "value": value} for key, value in (env or {}).items()],
        image=plan.image,
        pull_policy=plan.image_pull_policy,
        tolerations=tolerations(plan),
        limit_seconds=int(LIMIT_SECONDS + plan.start_limit_seconds),
        **meta,
    )
    return verbs.create(cluster, manifest)


def tolerations(plan: Plan) -> list[dict[str, Any]]:
    """The plan's tolerations as a pod has them."""
    return [
        {key: value for key, value in toleration.model_dump().items() if value}
        for toleration in plan.tolerations
    ]
