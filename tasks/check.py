"""What can be known to be wrong before a volume is made."""

from datetime import UTC, datetime
from typing import Any

from tasks import classes, fio_file, fio_job, results
from tasks import cluster as k8s
from tasks.cluster import Cluster, NotFound, Obj
from tasks.fio_log import FioLog
from tasks.plan import Plan, PlanError
from tasks.pods import PodFailed
from tasks.progress import Progress, Report
from tasks.quantity import quantity_bytes, quantity_cpus
from tasks.record import Record
from tasks.results import ResultsError
from tasks.run import Run, new_run_id

STEP = "check plan, results location and cluster"
CHECK_LIMIT_SECONDS = 60.0
REFUSALS = (PlanError, ResultsError, k8s.Unreachable, k8s.Forbidden)


def begin(plan: Plan, flow: str, report: Report) -> tuple[Run, list[Obj], Record]:
    """Check all that can be known before anything is created, and give the run its identity.

    Returns the run, its StorageClasses in order, and its record. Raises one of REFUSALS.
    """
    now = datetime.now(UTC)
    workload = fio_file.prepare(plan)
    results.check_writable(plan.results)
    cluster = k8s.connect(plan.context, plan.namespace)
    run_id = new_run_id(now)
    report(Progress(run_id, "check plan, results location and cluster"))
    version = k8s.version(cluster)
    run = Run(run_id, now, plan, workload, cluster, k8s.round_trip_seconds(cluster))
    namespace(cluster)
    chosen = classes.chosen(cluster, plan.storage_classes)
    rows = [classes.row(storage_class, i) for i, storage_class in enumerate(chosen)]
    return run, chosen, Record(run, flow, rows, nodes(cluster), version)


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
    log = FioLog()
    fio_job.follow(run.cluster, job, log)
    _explain(run, log)
    return log.facts["fio_version"]


def _explain(run: Run, log: FioLog) -> None:
    if log.finished:
        return
    if log.errors and log.facts.get("fio_version"):
        words = "; ".join(word.removeprefix("fio: ") for word in log.errors)
        raise PlanError(f"fio file: fio cannot read it: {words}")
    raise PodFailed(
        f"image {run.plan.image} cannot run fio: the check wrote "
        f"{'; '.join(log.errors) or log.facts or 'nothing'}. "
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
