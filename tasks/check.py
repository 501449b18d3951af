"""What can be known to be wrong before a volume is made, and what a run begins with."""

from datetime import UTC, datetime
from typing import Any

from tasks import checklist, classes, fio_file, fio_job, preflight, probes, results
from tasks import cluster as k8s
from tasks.checklist import Check
from tasks.cluster import Cluster, NotFound, Obj
from tasks.fio_log import FioLog
from tasks.plan import Plan, PlanError
from tasks.pods import PodFailed
from tasks.probes import Probe
from tasks.progress import Progress, Report
from tasks.quantity import quantity_bytes, quantity_cpus
from tasks.record import Record
from tasks.results import ResultsError
from tasks.run import Run, RunInProgress, lease, new_run_id, owned

STEP = "check plan, results location and cluster"
CHECK_LIMIT_SECONDS = 60.0
REFUSALS = (PlanError, ResultsError, k8s.Unreachable, k8s.Forbidden)


def begin(plan: Plan, flow: str, report: Report) -> tuple[Run, list[Obj], Record]:
    """Check all that can be known before anything is created, and give the run its identity.

    Returns the run, its StorageClasses in order, and its record. Raises one of REFUSALS.
    """
    run, chosen, record = look(plan, flow, report)
    checklist.refuse(record.checks)
    return run, chosen, record


def look(plan: Plan, flow: str, report: Report) -> tuple[Run, list[Obj], Record]:
    """As `begin`, but a check that failed is only in the record."""
    now = datetime.now(UTC)
    workload = fio_file.prepare(plan)
    results.check_writable(plan.results)
    cluster = k8s.connect(plan.context, plan.namespace)
    run_id = new_run_id(now)
    report(Progress(run_id, STEP))
    version = k8s.version(cluster)
    round_trip = k8s.round_trip_seconds(cluster)
    namespace(cluster)
    chosen = classes.chosen(cluster, plan.storage_classes)
    every_node = k8s.find(cluster, "Node")
    checks = preflight.check(
        cluster, plan, flow, chosen=chosen, every_node=every_node, version=version
    )
    run = Run(run_id, now, plan, workload, cluster, round_trip, checklist.skips(checks))
    rows = [classes.row(storage_class, i) for i, storage_class in enumerate(chosen)]
    about = [node(one) for one in every_node]
    return run, chosen, Record(run, flow, rows, about, version, checks)


def whole(plan: Plan, flow: str, report: Report) -> list[Check]:
    """The whole preflight, probes on the nodes included; it leaves nothing behind.

    Whatever would refuse a run is a failed check. Raises ClusterError when the cluster goes away.
    """
    try:
        run, _, record = look(plan, flow, report)
    except REFUSALS as error:
        return [Check("plan", plan.namespace, "fail", str(error))]
    if any(check.status == "fail" for check in record.checks):
        return record.checks
    try:
        with lease(run), owned(run, report) as owner:
            seen = probes.collect(run, probe(run, owner))
            return [*record.checks, *seen, _fio(run, owner)]
    except RunInProgress as error:
        return [*record.checks, Check("lease", plan.namespace, "fail", str(error))]


def _fio(run: Run, owner: list[Obj]) -> Check:
    try:
        seen = f"{image_and_fio_file(run, owner)} reads profile {run.workload.profile}"
    except (PlanError, PodFailed) as error:
        return Check("fio", f"image {run.plan.image}", "fail", str(error))
    return Check("fio", f"image {run.plan.image}", "pass", seen)


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


def probe(run: Run, owner: list[Obj]) -> list[Probe]:
    """Begin to look at every node that the run may use."""
    every_node = k8s.find(run.cluster, "Node")
    return probes.create(run, owner, probes.nodes_to_probe(every_node, run.plan))


def image_fio_file_and_nodes(run: Run, owner: list[Obj]) -> tuple[str, list[Check]]:
    """Check image and fio file while every node is looked at; fio's version, and what was seen."""
    asked = probe(run, owner)
    return image_and_fio_file(run, owner), probes.collect(run, asked)


def node(obj: Obj) -> dict[str, Any]:
    """What a node says of itself, for provenance."""
    info, capacity = obj["status"]["nodeInfo"], obj["status"]["capacity"]
    return {
        "name": obj["metadata"]["name"],
        "kernel": info["kernelVersion"],
        "os_image": info["osImage"],
        "kubelet_version": info["kubeletVersion"],
        "container_runtime": info["containerRuntimeVersion"],
        "cpus": quantity_cpus(capacity["cpu"]),
        "memory_bytes": quantity_bytes(capacity["memory"]),
    }
