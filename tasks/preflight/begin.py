"""What can be known to be wrong before a volume is made, and what a run begins with."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import get_args

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import storage_classes as classes
from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, NotFound
from tasks.kubernetes.nodes import usable
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import PodFailed
from tasks.lifecycle import cordon
from tasks.lifecycle.lease import RunInProgress, lease
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run, new_run_id, owned
from tasks.plan import job_file, job_text, own_file
from tasks.plan.job_file import Workload
from tasks.plan.plan import NodeStorm, Plan, PlanError
from tasks.plan.vocabulary import AS_ROOT, NODE_LOST
from tasks.preflight import admission, duration, limit, preflight, probes
from tasks.preflight import namespace as check_namespace
from tasks.preflight.duration import Size
from tasks.preflight.probes import Probe
from tasks.preflight.provenance import class_row, node
from tasks.provision import bench_pod, claims
from tasks.provision.bench_log import FioLog
from tasks.provision.bench_pod import FioJob
from tasks.results import checks, store
from tasks.results.checks import Check
from tasks.results.store import ResultsError

STEP = "check plan, results location and cluster"
CHECK_LIMIT_SECONDS = 60.0
# What dead runs may be the cause of: nightly releases them first, and judges it then.
AFTER_REAP = ("quota", admission.NAME)
REFUSALS = (PlanError, ResultsError, ClusterError)


def begin(
    plan: Plan, flow: str, report: Report, flow_run: str = "", *, tries: bool = True
) -> tuple[Run, list[Obj], Record]:
    """Check all that can be known before anything is created, and give the run its identity.

    Returns the run, its StorageClasses in order, and its record. Raises one of REFUSALS. Without
    `tries`, and for a nightly, nothing is created by dry run: that is left to whoever begins again.
    """
    run, chosen, record = look(plan, flow, report, flow_run, tries=tries and flow != "nightly")
    later = AFTER_REAP if flow == "nightly" else ()
    checks.refuse([one for one in record.checks if one.check not in later])
    return run, chosen, record


def begin_again(record: Record, chosen: list[Obj]) -> None:
    """Judge the cluster anew, once dead runs are released; PlanError where that refuses the run."""
    _judge(record, chosen)
    checks.refuse(record.checks)


def look(
    plan: Plan, flow: str, report: Report, flow_run: str = "", *, tries: bool = True
) -> tuple[Run, list[Obj], Record]:
    """As `begin`, but a check that failed is only in the record."""
    now = datetime.now(UTC)
    job_text.check(plan)
    workload = job_file.prepare(plan)
    store.check_writable(plan.results)
    cluster = k8s.connect(plan.context, plan.namespace)
    run_id = new_run_id(now)
    report(Progress(run_id, STEP))
    version = verbs.version(cluster)
    round_trip = verbs.round_trip_seconds(cluster)
    namespace(cluster)
    chosen = (
        _of_pvc(cluster, plan, flow) if plan.pvc else classes.chosen(cluster, plan.storage_classes)
    )
    if plan.seed is None:
        plan = plan.model_copy(update={"seed": secrets.randbelow(2**31)})
    if plan.within and plan.fio_file is None:
        plan = duration.fitted(_size(cluster, plan, flow, len(chosen)), plan, workload)
        workload = job_file.prepare(plan)
    _fits_its_limit(plan, flow, workload, len(chosen))
    run = Run(run_id, now, plan, workload, cluster, round_trip, flow_run=flow_run)
    rows = [class_row(storage_class, i) for i, storage_class in enumerate(chosen)]
    record = Record(run, flow, rows, [], version)
    _judge(record, chosen, tries=tries)
    record.run = record.run._replace(cluster=cluster.patient)  # from here on there is work to lose
    return record.run, chosen, record


def _of_pvc(cluster: Cluster, plan: Plan, flow: str) -> list[Obj]:
    """The class of the PVC that a plan names; where it has none any more, the PVC's name is its."""
    if flow != "benchmark":
        raise PlanError("plan field pvc: storms make their own volumes: only a benchmark takes it")
    name = claims.existing(cluster, plan)["spec"].get("storageClassName") or ""
    found = {o["metadata"]["name"]: o for o in verbs.find_allowed(cluster, "StorageClass") or []}
    return [found.get(name) or classes.unknown(name or plan.pvc)]


def _fits_its_limit(plan: Plan, flow: str, workload: Workload, class_count: int) -> None:
    """PlanError if what is timed takes longer than a run may, though one node alone is held."""
    fio = workload.seconds() * plan.turns(class_count) * (flow != "storms")
    on_nodes = {*plan.storms} & {*get_args(NodeStorm)} - {NODE_LOST}
    held = plan.hold_seconds * plan.storm_rounds * len(on_nodes) * (flow != "benchmark")
    if fio + held > plan.run_limit_seconds:
        raise PlanError(
            f"plan field run_limit_seconds: a run may take {plan.run_limit_seconds:,} s, and this "
            f"one takes more than {fio + held:,.0f} s: {fio:,.0f} s of fio on {class_count} "
            f"classes, {held:,} s of nodes held in storms. Raise it, or lower rounds, "
            "runtime_seconds, ramp_seconds, hold_seconds or storm_rounds, or name fewer classes"
        )


def _judge(record: Record, chosen: list[Obj], *, tries: bool = True) -> None:
    """Fill in what the preflight finds, and what the run has to skip for it."""
    run, cluster = record.run, record.run.cluster.hasty
    every_node = verbs.find_allowed(cluster, "Node")
    record.nodes = [node(one) for one in every_node or []]
    record.checks = preflight.check(
        cluster,
        run.plan,
        record.flow,
        chosen=chosen,
        every_node=every_node,
        version=record.kubernetes_version,
    )
    if tries:
        known = run._replace(cluster=cluster, skips=checks.skips(record.checks))
        record.checks += admission.check(known, record.flow, chosen)
    if run.plan.fio_file is None or record.flow == "storms":
        record.checks += _time(run, record.flow, len(chosen))
    no_root = run.plan.pod.without_root
    skips = {AS_ROOT: no_root} if no_root else {}
    record.run = run._replace(skips=checks.skips(record.checks) | skips)


def _time(run: Run, flow: str, class_count: int) -> list[Check]:
    """How long it will take, and at its most: of an own file once fio has read that."""
    size = _size(run.cluster, run.plan, flow, class_count)
    return [
        duration.check(size, run.plan, run.workload),
        limit.run_limit(flow, run.plan, run.workload, class_count, size.nodes),
    ]


def _size(cluster: Cluster, plan: Plan, flow: str, class_count: int) -> Size:
    return Size(flow, class_count, len(cordon.eligible(cluster, plan)))


def expected(checks: list[Check]) -> str:
    """How long the run will take, where that is known: of an own file fio has to read it first."""
    return next((one.seen for one in checks if one.object == duration.OBJECT), "")


def whole(plan: Plan, flow: str, report: Report, flow_run: str = "") -> list[Check]:
    """The whole preflight, probes on the nodes included; it leaves nothing behind.

    Whatever would refuse a run is a failed check. Raises ClusterError when the cluster goes away.
    """
    try:
        run, chosen, record = look(plan, flow, report, flow_run)
    except REFUSALS as error:
        return [Check("plan", plan.namespace or "namespace", "fail", str(error))]
    if any(check.status == "fail" for check in record.checks):
        return record.checks
    try:
        held = lease(run, report, wait=False)
        with held, owned(run, report, record.warnings.append) as owner:
            run, seen, fio = _fio_and_nodes(run, owner, claims_of(flow, plan, chosen))
            if isinstance(fio, Exception):
                read = [Check("fio", f"image {plan.image}", "fail", str(fio))]
            else:
                read = _read(run, fio, flow, len(chosen))
            return [*record.checks, *seen, *read]
    except RunInProgress as error:
        return [*record.checks, Check("lease", run.cluster.namespace, "fail", str(error))]


def _read(run: Run, version: str, flow: str, class_count: int) -> list[Check]:
    """What fio makes of the plan's profile, or of its own file, and how long that may take."""
    of_image, workload = f"image {run.plan.image}", run.workload
    if run.plan.fio_file is None:
        return [Check("fio", of_image, "pass", f"{version} reads profile {workload.profile}")]
    reads = f"{version} reads the fio file: {len(workload.jobs)} jobs with a result"
    checks = [Check("fio", of_image, "pass", "; ".join([reads, *workload.notes]))]
    return checks if flow == "storms" else [*checks, *_time(run, flow, class_count)]


def namespace(cluster: Cluster) -> None:
    """PlanError if the plan's namespace does not exist."""
    try:
        verbs.get(cluster, "Namespace", cluster.namespace)
    except NotFound as error:
        raise PlanError(
            f"plan field namespace: cluster {cluster.name} has no namespace {cluster.namespace}; "
            f"`kubectl create namespace {cluster.namespace}` makes it"
        ) from error


def image_and_fio_file(
    run: Run, owner: list[Obj], waits: Callable[[str], object] = str, name: str = "check"
) -> tuple[str, Run]:
    """Let the plan's image read the plan's fio file and hear an order, in a pod without a volume.

    `waits` is told what keeps the pod from its start, as an image that cannot be pulled. Returns
    fio's version, and the run with what fio made of an own file. Raises PodFailed when the image
    does not run or no order comes to the pod, PlanError with fio's own words when fio cannot read
    the file, or with every reason for which it can mean nothing on a volume.
    """
    name = f"stormark-{run.run_id}-{name}"
    limit, env = CHECK_LIMIT_SECONDS, run.plan.fio_env
    bench_pod.create(run, owner, name=name, action="check", limit_seconds=limit, env=env)
    log = FioLog()
    job = bench_pod.started(run, name, waits)
    bench_pod.follow(run.cluster, job, log, limit_seconds=limit)
    _explain(run, log)
    _order(run, job)
    with suppress(ClusterError):  # the clean-up deletes it too
        verbs.delete(run.cluster, "Job", name)
    if run.plan.fio_file is not None:
        run = run._replace(workload=own_file.resolve(run.plan, log.parsed, log.unusable_engines))
    return log.facts["fio_version"], run


def _order(run: Run, job: FioJob) -> None:
    """Find out by exec, before a volume is made, whether orders come to fio's pods."""
    log = FioLog()
    try:
        limit = CHECK_LIMIT_SECONDS
        bench_pod.order(run.cluster, job, "end", log, limit_seconds=limit, hear=lambda _line: None)
    except ClusterError as error:
        raise PodFailed(
            f"giving an order to pod {job.pod_name}: {error}. Each order to fio comes by exec: "
            "what stands between here and the API server has to let websockets through"
        ) from error
    if log.ended:
        raise PodFailed(f"giving an order to pod {job.pod_name}: {log.ended}")


def _explain(run: Run, log: FioLog) -> None:
    if log.finished:
        return
    if log.errors and log.facts.get("fio_version"):
        text = run.plan.fio_file or ""
        said = (job_text.with_lines(words.removeprefix("fio: "), text) for words in log.errors)
        raise PlanError(f"fio file: fio cannot read it: {'; '.join(said)}")
    raise PodFailed(
        f"image {run.plan.image} cannot run fio: the check wrote "
        f"{'; '.join(log.errors) or log.facts or 'nothing'}"
        f"{f', and {log.ended}' if log.ended else ''}. "
        "It needs fio and a POSIX sh with cat, date, df, mkfifo and rm"
    )


def probe(run: Run, owner: list[Obj]) -> list[Probe]:
    """Begin to look at every node that the run may use."""
    every_node = verbs.find_allowed(run.cluster, "Node")
    return probes.create(run, owner, probes.nodes_to_probe(every_node or [], run.plan))


def image_fio_file_and_nodes(
    run: Run, owner: list[Obj], storage_classes: list[Obj], flow: str, report: Report
) -> tuple[str, Run, list[Check]]:
    """Check image and fio file while every node is looked at.

    Returns fio's version, the run with its workload and the nodes to avoid, and what was seen. A
    check that failed on one of those is made again elsewhere.
    """

    def waits(why: str) -> None:
        report(Progress(run.run_id, f"check of image and fio file waits: {why}"))

    claims = claims_of(flow, run.plan, storage_classes)
    run, seen, version = _fio_and_nodes(run, owner, claims, waits)
    if isinstance(version, Exception):
        raise version
    if run.plan.fio_file is not None:
        size = _size(run.cluster, run.plan, flow, len(storage_classes))
        run = run._replace(plan=duration.fitted(size, run.plan, run.workload))
        _fits_its_limit(run.plan, flow, run.workload, len(storage_classes))
    return version, run, [*seen, *_read(run, version, flow, len(storage_classes))]


def _fio_and_nodes(
    run: Run, owner: list[Obj], claims: int, waits: Callable[[str], object] = str
) -> tuple[Run, list[Check], str | PlanError | PodFailed]:
    """The run, what the nodes' probes saw, and fio's version, or why that is not known.

    A check whose pod failed is made again where there are nodes to avoid: it may have been on one.
    """

    def check(run: Run, name: str) -> tuple[Run, str | PlanError | PodFailed]:
        try:
            version, run = image_and_fio_file(run, owner, waits, name=name)
        except (PlanError, PodFailed) as error:
            return run, error
        return run, version

    asked = probe(run, owner)
    run, version = check(run, "check")
    seen, avoid = probes.collect(run, asked, claims)
    run = run._replace(avoid=avoid)
    if avoid and isinstance(version, PodFailed):
        run, version = check(run, "check-again")
    return run, seen, version


def usable_nodes(run: Run) -> list[str]:
    """The nodes that a round may take, in their order; none where they may not be looked at."""
    return sorted(
        one["metadata"]["name"]
        for one in verbs.find_allowed(run.cluster, "Node") or []
        if usable(one, run.plan) and one["metadata"]["name"] not in run.avoid
    )


def claims_of(flow: str, plan: Plan, storage_classes: list[Obj]) -> int:
    """How many PVCs of classes a flow keeps at its most: all of them may lie on one node."""
    control = plan.control and flow != "storms"
    return check_namespace.claims_of_class(flow, plan) * len(storage_classes) + control
