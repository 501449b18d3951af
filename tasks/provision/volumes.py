"""A class's volume with a pod on it that waits for orders: the lay-out, and fio's turns."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tasks.kubernetes import pods, verbs, watches
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import NOBODY, ROOT, PodLost
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run
from tasks.plan.job_file import TARGET, group_seconds
from tasks.provision import bench_pod
from tasks.provision.bench_log import FioLog, rates
from tasks.provision.bench_pod import FioJob
from tasks.results.run_columns import VolumeRow

# Looks at the volume and tries engines on 64 KiB.
LOOK_SECONDS = 120.0
# A pod has a second of grace; after this long its node does not answer, or its fio hangs in I/O.
END_SECONDS = 60.0
# fio keeps a histogram of each second in memory, until it ends.
MAXIMA_SECONDS = 3600.0


@dataclass
class Volume:
    """A volume that is bound, and the pod on it: another one after a turn that has failed.

    `row` is its line in the table `volumes`. `ended` says that its pod was ended, and that its next
    turn needs another; `given_up` why it can have no more turns; `left` which pod of it may still
    run, and why.
    """

    storage_class: str
    pvc: str
    job: FioJob
    user: int | None
    engine: str
    engine_errors: list[str]
    memory_bytes: int | None
    row: VolumeRow
    pods: int = 1
    ended: bool = False
    given_up: str | None = None
    left: str | None = None

    @property
    def node(self) -> str:
        """Name of the node that every pod of the volume runs on."""
        return self.job.node


class VolumeFailed(ClusterError):
    """A class gave no usable volume; `row` says what was seen and why, `left` as its volume's."""

    def __init__(self, message: str, row: VolumeRow, left: str | None = None) -> None:
        super().__init__(message)
        self.row, self.left = row, left


def lay_out(run: Run, owner: list[Obj], volume: Volume, report: Report) -> None:
    """Write every file of the volume full.

    Where that cannot be, its row says so from then on: VolumeFailed, in fio's words.
    """
    step = f"{volume.storage_class} · lay out"
    log = FioLog()
    report(Progress(run.run_id, step))

    def hear(line: str) -> None:
        if (now := rates(line)) is not None:
            report(Progress(run.run_id, step, iops=now[0], bytes_per_second=now[1]))

    def lost(why: str) -> None:
        report(Progress(run.run_id, f"{step}, again: {why}"))

    try:
        order(
            run,
            owner,
            volume,
            lambda: "layout",
            log,
            limit_seconds=run.plan.run_limit_seconds,
            hear=hear,
            lost=lost,
        )
        check_finished(log, volume.storage_class)
    except ClusterError as error:
        volume.row = replace(volume.row, error=str(error))
        raise VolumeFailed(str(error), volume.row, volume.left) from error


def order(
    run: Run,
    owner: list[Obj],
    volume: Volume,
    words: Callable[[], str],
    log: FioLog,
    *,
    limit_seconds: float,
    hear: bench_pod.Hear,
    lost: Callable[[str], None],
) -> None:
    """Let the volume's pod do something, as `bench_pod.order`.

    Where somebody takes the pod away, `lost` is told, and another pod is given the `words` of then:
    once, and only then, since any other failure may be the volume's own. A pod that has not
    finished is ended before this returns or raises: its fio would go on beside the next
    measurement, and an order that is still on its way to it would begin another. One that hangs is
    the last of its volume: each further group might cost as long.
    """
    if volume.given_up:
        raise ClusterError(volume.given_up)

    def give() -> None:
        if volume.ended:
            _replace_pod(run, owner, volume)
        bench_pod.order(
            run.cluster, volume.job, words(), log, limit_seconds=limit_seconds, hear=hear
        )

    try:
        try:
            give()
        except PodLost as error:
            if is_stopped(run, owner):
                volume.given_up = str(error)
            if volume.ended or volume.given_up:
                raise
            lost(str(error))
            _end_pod(run, volume)
            give()
    except ClusterError as error:
        _end_pod(run, volume)
        if isinstance(error, bench_pod.Hung) and not volume.given_up:
            volume.given_up = f"not begun, since on this volume {error}"
        raise
    if not log.finished:
        _end_pod(run, volume)


def _end_pod(run: Run, volume: Volume) -> None:
    """Delete the pod's Job, and wait until the pod is gone: its node says that nothing of it runs.

    Where that cannot be known, the volume is given up.
    """
    if volume.ended or volume.given_up:
        return
    name = volume.job.name
    volume.ended = True
    try:
        verbs.delete(run.cluster, "Job", name)
        _gone(run, name)
    except ClusterError as error:
        volume.left = (
            f"pod {volume.job.pod_name} of {volume.storage_class} on node {volume.node} could not "
            f"be ended, its fio may run beside this: {error}"
        )
        volume.given_up = (
            f"pod {volume.job.pod_name} of an earlier turn could not be ended on node "
            f"{volume.node}, its fio would be measured with this: {error}"
        )


def _gone(run: Run, job: str) -> None:
    watches.wait_gone(
        run.cluster,
        "Pod",
        what=f"end of the pod of Job {job}",
        limit_seconds=END_SECONDS,
        label=pods.of_job(job),
    )


def is_stopped(run: Run, owner: list[Obj]) -> bool:
    """Whether somebody has deleted the run's owner, and with it all that the run has made."""
    names = [f"metadata.name={reference['name']}" for reference in owner]
    return not all(verbs.find(run.cluster, "ConfigMap", field=name) for name in names)


def _replace_pod(run: Run, owner: list[Obj], volume: Volume) -> None:
    """Start another pod on the volume, on the same node; where none starts, give the volume up.

    Where an autoscaler has taken the node away, on any that the volume can go to.

    A pod that waits for its node or its volume is deleted: it could start beside a measurement.
    """
    if volume.given_up:
        raise ClusterError(volume.given_up)
    volume.pods += 1
    number = f"{volume.pods}"
    node = None if _is_gone(run, volume.node) else volume.node
    name = create_job(run, owner, volume.row, number, node=node, needed_bytes=0)
    try:
        volume.job = bench_pod.started(run, name)
    except ClusterError as error:
        where = f"node {node}" if node else f"any node, since {volume.node} is gone"
        volume.given_up = f"no other pod could be started on {where}: {error}"
        try:
            verbs.delete(run.cluster, "Job", name)
            _gone(run, name)
        except ClusterError as stuck:
            volume.left = f"a pod of Job {name} may start beside this: {stuck}"
        raise ClusterError(volume.given_up) from error
    volume.ended = False
    check_finished(look(run, volume.job), volume.storage_class)


def _is_gone(run: Run, node: str) -> bool:
    """Whether a node has left the cluster; not where that cannot be known."""
    try:
        return not verbs.find(run.cluster, "Node", field=f"metadata.name={node}")
    except ClusterError:
        return False


def look(run: Run, job: FioJob) -> FioLog:
    """What the pod says of the volume before it waits for orders."""
    log = FioLog()
    bench_pod.follow(run.cluster, job, log, limit_seconds=LOOK_SECONDS)
    return log


def create_job(
    run: Run,
    owner: list[Obj],
    row: VolumeRow,
    ending: str,
    *,
    node: str | None = None,
    prefer: str | None = None,
    needed_bytes: int | None = None,
) -> str:
    """Create a Job whose pod looks at the volume, and then waits for orders; returns its name."""
    plan, workload = run.plan, run.workload
    name = f"{jobs_of(run, row.pvc)}{ending}"
    needed = workload.needed_bytes if needed_bytes is None else needed_bytes
    longest = max(map(group_seconds, workload.groups), default=0.0)
    env = {
        "STORMARK_TARGET": TARGET[plan.volume_mode],
        "STORMARK_LAYOUT": " ".join(f"{f}:{size}" for f, size in workload.layout.items()),
        "STORMARK_NEEDED": str(needed),
        "STORMARK_MAXIMA": "1" if longest <= MAXIMA_SECONDS else "",
    }
    bench_pod.create(
        run,
        owner,
        name=name,
        action="serve",
        env=env,
        pvc=row.pvc,
        node=node,
        prefer=prefer,
        user=ROOT if row.user == ROOT else NOBODY,
        limit_seconds=plan.run_limit_seconds,
    )
    return name


def jobs_of(run: Run, pvc: str) -> str:
    """How the names of all Jobs on a volume begin."""
    of = f"stormark-{run.run_id}-0-pvc-" if run.plan.pvc else pvc.removesuffix("volume")
    return f"{of}fio-"


def check_finished(log: FioLog, storage_class: str) -> None:
    """ClusterError, with what its pod said last, for a pod that did not come to its end."""
    if not log.finished:
        words = "; ".join(log.errors + log.engine_errors) or log.ended or "its log ends early"
        raise ClusterError(f"preparing the volume of {storage_class}: {words}")
