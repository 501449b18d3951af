"""One Job in the cluster that runs `manifests/fio.sh`, followed to its end."""

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import NamedTuple

from tasks import cluster as k8s
from tasks import pods
from tasks.cluster import Cluster, Obj
from tasks.fio_log import FioLog
from tasks.manifest import render
from tasks.run import Run
from tasks.script_job import tolerations

# fio writes a line of progress each second; after this long the stream is taken for lost.
SILENCE_SECONDS = 60.0
# Pod Security Standard `restricted`; root only where a volume lets no other user write.
NOBODY, ROOT = 65534, 0


class FioJob(NamedTuple):
    """A fio Job that has started: its name, its pod as seen at its start, and its time limit."""

    name: str
    pod: Obj
    limit_seconds: float

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
    user: int = NOBODY,
) -> None:
    """Create the Job; `pvc` is mounted if given, `node` is where its pod must run, as `user`."""
    manifest = render(
        "fio-job",
        name=name,
        run_id=run.run_id,
        labels=run.labels,
        deadline=run.deadline,
        owner=owner,
        plan=run.plan,
        tolerations=tolerations(run.plan),
        action=action,
        env=[{"name": key, "value": value} for key, value in (env or {}).items()],
        pvc=pvc,
        node=node,
        user=user,
        limit_seconds=int(limit_seconds + run.plan.start_limit_seconds),
    )
    k8s.create(run.cluster, manifest)


def started(run: Run, name: str, limit_seconds: float) -> FioJob:
    """Wait until the Job's pod runs. Raises PodFailed with the reason when it does not."""
    pod = pods.wait_started(run.cluster, name, run.plan.start_limit_seconds)
    return FioJob(name, pod, limit_seconds)


def follow(
    cluster: Cluster, job: FioJob, log: FioLog, on_line: Callable[[str], None] | None = None
) -> None:
    """Read the pod's log to its end into `log`; `on_line` sees each line after that.

    A broken stream is taken up again where it broke; one that holds on after the script's last line
    is left. Raises ClusterError when the pod, or the cluster, goes away before the end.
    """
    read = 0
    pod = job.pod["metadata"]["name"]

    def take_in(lines: Iterable[str]) -> int:
        count = read
        for number, line in enumerate(lines):
            if number >= read:
                log.feed(line)
                count = number + 1
                if on_line is not None:
                    on_line(line)
                if log.finished:
                    break
        return count

    with suppress(k8s.NotFound):  # the pod was deleted: the wait below says so
        while not log.finished:
            stream = k8s.log_lines(cluster, pod, follow=True, silence_seconds=SILENCE_SECONDS)
            with closing(stream) as lines:
                read = take_in(lines)
            if not log.finished and _has_ended(cluster, pod):
                read = take_in(k8s.log_lines(cluster, pod, follow=False))
                break
    if not log.finished:
        pods.wait_ended(cluster, job.name, job.limit_seconds)


def _has_ended(cluster: Cluster, pod: str) -> bool:
    phase = k8s.get(cluster, "Pod", pod)["status"].get("phase")
    return phase in ("Succeeded", "Failed")
