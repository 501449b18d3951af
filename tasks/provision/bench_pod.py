"""A Job in the cluster that runs `manifests/fio.sh`: its pod is followed, and given orders."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field

from tenacity import (
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_fixed,
)

from tasks.kubernetes import logs, pods, streams, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, NotFound
from tasks.kubernetes.logs import Line, Place
from tasks.kubernetes.manifest import render
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pod_template import render_workload
from tasks.kubernetes.pods import NOBODY
from tasks.kubernetes.script_job import tolerations
from tasks.lifecycle.run import Run
from tasks.provision.bench_log import FioLog

# fio writes a line of progress each second; after this long the stream is taken for lost.
SILENCE_SECONDS = 60.0
# An order is a line that the pod waits for.
ORDER_SECONDS = 15.0
ORDER_TRIES = 3
Hear = Callable[[str], None]


class Hung(ClusterError):
    """A pod has not done in time what it was told to do."""


@dataclass
class FioJob:
    """A fio Job that has started: its pod as seen at its start, and how far that has come.

    `place` is how far its log was read, `orders` counts those that it was given.
    """

    name: str
    pod: Obj
    place: Place = field(default_factory=Place)
    orders: int = 0

    @property
    def pod_name(self) -> str:
        """Name of the Job's pod."""
        return str(self.pod["metadata"]["name"])

    @property
    def node(self) -> str:
        """Name of the node that the pod runs on."""
        return str(self.pod["spec"]["nodeName"])


def create(
    run: Run,
    owner: list[Obj],
    *,
    name: str,
    action: str,
    limit_seconds: float,
    env: dict[str, str] | None = None,
    pvc: str | None = None,
    node: str | None = None,
    prefer: str | None = None,
    user: int = NOBODY,
) -> Obj:
    """Create the Job; `pvc` is mounted if given, its pod runs as `user`.

    It must run on `node`, if that is given, and where it can, runs on the node to `prefer`.
    """
    manifest = render_workload(
        "fio-job",
        run.plan,
        name=name,
        **run.meta(owner),
        tolerations=tolerations(run.plan),
        action=action,
        env=[{"name": key, "value": value} for key, value in (env or {}).items()],
        pvc=pvc,
        node=node,
        avoid=run.avoid,
        prefer=prefer,
        user=user,
        limit_seconds=int(limit_seconds + run.plan.start_limit_seconds),
    )
    return verbs.create(run.cluster, manifest)


def create_job_files(run: Run, owner: list[Obj]) -> None:
    """Create the ConfigMap from which the pods of volumes take their job files."""
    verbs.create(run.cluster, render("jobs-configmap", **run.meta(owner), files=run.workload.files))


def started(run: Run, name: str, waits: Callable[[str], object] = str) -> FioJob:
    """Wait until the Job's pod runs; `waits` is told what it waits for.

    Raises PodFailed with the reason when it does not.
    """
    return FioJob(name, pods.wait_started(run.cluster, name, run.plan.start_limit_seconds, waits))


def order(
    cluster: Cluster, job: FioJob, words: str, log: FioLog, *, limit_seconds: float, hear: Hear
) -> None:
    """Let a pod that waits do something, and read what it says of that into `log`.

    `hear` sees each line after that. Raises PodLost when somebody takes the pod away, ClusterError
    when it has not finished in time. Where its container ends before, `log.ended` says how.
    """
    job.orders += 1
    with suppress(NotFound):  # the pod was deleted: whoever follows it says so
        _send(cluster, job, f"{job.orders} {words}")
    follow(cluster, job, log, limit_seconds=limit_seconds, hear=hear)


def follow(
    cluster: Cluster, job: FioJob, log: FioLog, *, limit_seconds: float, hear: Hear | None = None
) -> None:
    """Read the pod's log into `log`, until it has finished what it does first; as `order`.

    Where its container ended before that, `log.ended` says how.
    """
    with suppress(NotFound):
        _read_on(cluster, job, log, limit_seconds, hear)
    if not log.finished:
        ended = pods.wait_ended(cluster, job.name, limit_seconds)
        log.ended = pods.how_ended(cluster, ended, job.pod)


def _send(cluster: Cluster, job: FioJob, line: str) -> None:
    """Write an order where the pod waits for it; tried again unless its log shows that it came."""
    command = ["sh", "-c", 'printf "%s\\n" "$1" >scratch/orders', "sh", line]
    tries = Retrying(
        # never an interrupt, nor the end of a run
        retry=retry_if_exception_type(ClusterError) & retry_if_not_exception_type(NotFound),
        stop=stop_after_attempt(ORDER_TRIES),
        wait=wait_fixed(1.0),
        reraise=True,
    )
    for attempt in tries:
        with attempt:
            if attempt.retry_state.attempt_number > 1 and _heard(cluster, job):
                return
            try:
                streams.execute(cluster, job.pod_name, command, limit_seconds=ORDER_SECONDS)
            except ClusterError:
                if _has_ended(cluster, job.pod_name):
                    return  # its log says why
                raise


def _heard(cluster: Cluster, job: FioJob) -> bool:
    said = f"@stormark order {job.orders}"
    with closing(logs.lines(cluster, job.pod_name)) as lines:
        return said in lines


def _read_on(
    cluster: Cluster, job: FioJob, log: FioLog, limit_seconds: float, hear: Hear | None
) -> None:
    """Read the log from where it was left until it has finished, or its pod has ended.

    A broken stream is taken up again where it broke; one that holds on after the script's last line
    is left.
    """
    deadline = time.monotonic() + limit_seconds

    def left() -> float:
        if (seconds := deadline - time.monotonic()) > 0:
            return seconds
        raise Hung(f"the pod of Job {job.name} has not finished within {limit_seconds:.0f} s")

    def take_in(lines: Iterable[Line]) -> None:
        for line in lines:
            log.feed(line.text)
            if hear is not None:
                hear(line.text)
            if log.finished:
                return
            left()

    ended = False
    while not log.finished:
        silence = min(SILENCE_SECONDS, left())  # a pod that hangs says nothing at all
        stream = logs.follow(cluster, job.pod_name, job.place, silence_seconds=silence)
        with closing(stream) as lines:
            take_in(lines)
        if ended:
            return
        ended = not log.finished and _has_ended(cluster, job.pod_name)  # then once more, to its end


def _has_ended(cluster: Cluster, pod: str) -> bool:
    return pods.has_ended(verbs.get(cluster, "Pod", pod))
