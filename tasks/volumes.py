"""A class's volume with a pod on it that waits for orders: the lay-out, and fio's turns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks import cluster as k8s
from tasks import fio_job
from tasks.cluster import ClusterError, Obj
from tasks.fio_file import TARGET
from tasks.fio_job import FioJob
from tasks.fio_log import FioLog, rates
from tasks.pods import PodLost
from tasks.progress import Progress, Report
from tasks.run import Run

# Looks at the volume and tries engines on 64 KiB.
LOOK_SECONDS = 120.0


@dataclass
class Volume:
    """A volume that is bound, and the pod on it, which is replaced where somebody takes it away.

    `row` is its line in the table `volumes`.
    """

    storage_class: str
    position: int
    pvc: str
    job: FioJob
    user: int
    engine: str
    engine_errors: list[str]
    memory_bytes: int | None
    row: dict[str, Any]
    pods: int = 1

    @property
    def node(self) -> str:
        """Name of the node that every pod of the volume runs on."""
        return self.job.node


class VolumeFailed(ClusterError):
    """A class gave no usable volume; `row` says what was seen and why."""

    def __init__(self, message: str, row: dict[str, Any]) -> None:
        super().__init__(message)
        self.row = row


def lay_out(run: Run, owner: list[Obj], volume: Volume, report: Report) -> None:
    """Write every file of the volume full. VolumeFailed, in fio's words, when that cannot be."""
    step = f"{volume.storage_class} · provision and lay out"
    log = FioLog()

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
        volume.row["error"] = str(error)
        raise VolumeFailed(str(error), volume.row) from error


def order(
    run: Run,
    owner: list[Obj],
    volume: Volume,
    words: Callable[[], str],
    log: FioLog,
    *,
    limit_seconds: float,
    hear: fio_job.Hear,
    lost: Callable[[str], None],
) -> None:
    """Let the volume's pod do something, as `fio_job.order`.

    Where somebody takes the pod away, `lost` is told, and another pod is given the `words` of then:
    once, and only then, since any other failure may be the volume's own.
    """
    try:
        fio_job.order(run.cluster, volume.job, words(), log, limit_seconds=limit_seconds, hear=hear)
    except PodLost as error:
        if _is_stopped(run, owner):
            raise
        lost(str(error))
        _replace_pod(run, owner, volume)
        fio_job.order(run.cluster, volume.job, words(), log, limit_seconds=limit_seconds, hear=hear)


def _is_stopped(run: Run, owner: list[Obj]) -> bool:
    """Whether somebody has deleted the run's owner, and with it all that the run has made."""
    names = [f"metadata.name={reference['name']}" for reference in owner]
    return not all(k8s.find(run.cluster, "ConfigMap", field=name) for name in names)


def _replace_pod(run: Run, owner: list[Obj], volume: Volume) -> None:
    """Start another pod on the volume, on the same node."""
    volume.pods += 1
    number = f"{volume.pods}"
    name = create_job(run, owner, volume.row, number, node=volume.node, needed_bytes=0)
    volume.job = fio_job.started(run, name)
    check_finished(look(run, volume.job), volume.storage_class)


def look(run: Run, job: FioJob) -> FioLog:
    """What the pod says of the volume before it waits for orders."""
    log = FioLog()
    fio_job.follow(run.cluster, job, log, limit_seconds=LOOK_SECONDS)
    return log


def create_job(
    run: Run,
    owner: list[Obj],
    row: dict[str, Any],
    ending: str,
    *,
    node: str | None = None,
    needed_bytes: int | None = None,
) -> str:
    """Create a Job whose pod looks at the volume, and then waits for orders; returns its name."""
    name = f"{row['pvc'].removesuffix('volume')}fio-{ending}"
    plan, workload = run.plan, run.workload
    needed = workload.needed_bytes if needed_bytes is None else needed_bytes
    env = {
        "STORMARK_TARGET": TARGET[plan.volume_mode],
        "STORMARK_LAYOUT": " ".join(f"{f}:{size}" for f, size in workload.layout.items()),
        "STORMARK_NEEDED": str(needed),
    }
    fio_job.create(
        run,
        owner,
        name=name,
        action="serve",
        env=env,
        pvc=row["pvc"],
        node=node,
        user=row["user"],
        limit_seconds=plan.run_limit_seconds,
    )
    return name


def check_finished(log: FioLog, storage_class: str) -> None:
    """ClusterError, with what its pod said last, for a pod that did not come to its end."""
    if not log.finished:
        words = "; ".join(log.errors + log.engine_errors) or "its log ends early"
        raise ClusterError(f"preparing the volume of {storage_class}: {words}")
