"""What can be known to be wrong before a volume is made."""

from typing import Any

from tasks import cluster as k8s
from tasks import fio_job
from tasks.cluster import Cluster, NotFound, Obj
from tasks.fio_log import FioLog
from tasks.plan import PlanError
from tasks.pods import PodFailed
from tasks.quantity import quantity_bytes, quantity_cpus
from tasks.run import Run

CHECK_LIMIT_SECONDS = 60.0


def namespace(cluster: Cluster) -> None:
    """PlanError if the plan's namespace does not exist."""
    try:
        k8s.get(cluster, "Namespace", cluster.namespace)
    except NotFound as error:
        raise PlanError(
            f"plan field namespace: cluster {cluster.name} has no namespace {cluster.namespace}; "
            f"`kubectl create namespace {cluster.namespace}` makes it"
        ) from error


def image_and_fio_file(run: Run, owner: list[Obj]) -> str:
    """Let the plan's image read the plan's fio file, in a pod without a volume.

    Returns fio's version. Raises PodFailed when the image does not run, PlanError with fio's own
    words when fio cannot read the file.
    """
    name = f"stormark-{run.run_id}-check"
    fio_job.create(run, owner, name=name, action="check", limit_seconds=CHECK_LIMIT_SECONDS)
    job = fio_job.started(run, name, CHECK_LIMIT_SECONDS)
    log = fio_job.follow(run.cluster, job, lambda line: None)  # noqa: ARG005
    _explain(run, log)
    return log.facts["fio_version"]


def _explain(run: Run, log: FioLog) -> None:
    if log.finished:
        return
    if log.errors:
        words = "; ".join(word.removeprefix("fio: ") for word in log.errors)
        raise PlanError(f"fio file: fio cannot read it: {words}")
    raise PodFailed(
        f"image {run.plan.image} cannot run fio: the check wrote {log.facts or 'nothing'}. "
        "It needs fio and a POSIX sh with cat, date and df"
    )


def nodes(cluster: Cluster) -> list[dict[str, Any]]:
    """What each node says of itself, for provenance."""
    return [_node(node) for node in k8s.find(cluster, "Node")]


def _node(node: Obj) -> dict[str, Any]:
    info, capacity = node["status"]["nodeInfo"], node["status"]["capacity"]
    return {
        "name": node["metadata"]["name"],
        "kernel": info["kernelVersion"],
        "os_image": info["osImage"],
        "kubelet_version": info["kubeletVersion"],
        "container_runtime": info["containerRuntimeVersion"],
        "cpus": quantity_cpus(capacity["cpu"]),
        "memory_bytes": quantity_bytes(capacity["memory"]),
    }
