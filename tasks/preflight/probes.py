"""Looks at nodes from within: one short pod on each, all at the same time."""

import time
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from tasks.kubernetes import labels, logs, pods, script_job, verbs, watches
from tasks.kubernetes.errors import ClusterError, WaitTimedOut
from tasks.kubernetes.nodes import usable
from tasks.kubernetes.objects import Items, Obj
from tasks.kubernetes.pods import NOBODY
from tasks.lifecycle.run import Run
from tasks.plan.plan import Plan
from tasks.preflight import nodes as check_nodes
from tasks.preflight.nodes import Seen
from tasks.results.checks import Check

MOST_NODES = 20  # of a large cluster not every node takes part in a run


class Probe(NamedTuple):
    """A Job that looks at a node, and when it was created by the client's clock."""

    job: str
    node: Obj
    created: float

    @property
    def name(self) -> str:
        """The node's name as a check says it."""
        return f"node {self.node['metadata']['name']}"


def nodes_to_probe(nodes: list[Obj], plan: Plan) -> list[Obj]:
    """The nodes that a run may use, at most MOST_NODES of them."""
    return [node for node in nodes if usable(node, plan)][:MOST_NODES]


def create(run: Run, owner: list[Obj], nodes: list[Obj]) -> list[Probe]:
    """Create a Job for each node, and wait for none."""
    probes = []
    for position, node in enumerate(nodes):
        probe = Probe(f"stormark-{run.run_id}-probe-{position}", node, time.time())
        script_job.create(
            run.cluster,
            run.plan,
            run.meta(owner),
            name=probe.job,
            file="probe.sh",
            source={"emptyDir": {}},  # of the node's disk, and allowed in every namespace
            nodes=[node["metadata"]["name"]],
            user=NOBODY,
        )
        probes.append(probe)
    return probes


class ImageDoesNotRun(ClusterError):
    """The plan's image runs nothing on a node, however long one waits: as one for other CPUs."""


def collect(run: Run, probes: list[Probe], claims: int) -> tuple[list[Check], tuple[str, ...]]:
    """Wait for every probe within the plan's start limit; what each saw, or why it could not.

    `claims` are the PVCs that the run keeps at its most. Returns the nodes too on which the image
    does not run, where it does on others.
    """
    ended: dict[str, float] = {}
    jobs = {probe.job for probe in probes}

    def all_ended(items: Items) -> Items | None:
        now = time.time()
        found = {job: pod for pod in items.values() if (job := _job_of(pod)) in jobs}
        for job, pod in found.items():
            if "terminated" in pods.container_state(pod) or pods.cannot_start(run.cluster, pod):
                ended.setdefault(job, now)
        return found if len(ended) == len(jobs) else None

    try:
        found = watches.wait(
            run.cluster,
            "Pod",
            all_ended,
            what="the end of every node's probe",
            limit_seconds=run.plan.start_limit_seconds,
            label=labels.selector(run.run_id),
        )
    except WaitTimedOut as error:
        found = {_job_of(pod): pod for pod in error.items.values()}
    checks: list[Check] = []
    avoid: list[str] = []
    for probe in probes:
        try:
            seen, node = _look(run, probe, found.get(probe.job), ended.get(probe.job)), probe.node
            checks += check_nodes.probed(seen, node, run.plan, run.workload, claims)
        except ImageDoesNotRun as error:
            avoid.append(probe.node["metadata"]["name"])
            advice = "Pods go to other nodes, if there are any; a volume that is bound here fails"
            checks.append(Check("image", probe.name, "warn", str(error), advice))
        except ClusterError as error:
            advice = "A class whose volumes are bound to this node fails there: look at it first"
            checks.append(Check("image", probe.name, "warn", str(error), advice))
    for probe in probes:  # a container that a webhook put beside ours would keep its pod
        with suppress(ClusterError):  # the clean-up deletes it too
            verbs.delete(run.cluster, "Job", probe.job)
    return checks, tuple(avoid) if len(avoid) < len(probes) else ()


def _job_of(pod: Obj) -> str:
    return str(pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name", ""))


def _look(run: Run, probe: Probe, pod: Obj | None, ended: float | None) -> Seen:
    """Read what a probe saw; ClusterError with the reason if it did not run or says nothing."""
    if pod is None or ended is None:
        why = pods.why_not(run.cluster, pods.of_job(probe.job), probe.job) or "no reason is given"
        raise ClusterError(f"no pod ran within {run.plan.start_limit_seconds} s: {why}")
    if refused := pods.cannot_start(run.cluster, pod):
        raise ImageDoesNotRun(refused)
    name = pod["metadata"]["name"]
    lines = list(logs.lines(run.cluster, name, stamped=True))
    stamped = [line.split(" ", 3) for line in lines if line.partition(" ")[2].startswith("@")]
    if not stamped:
        raise ImageDoesNotRun(f"image {run.plan.image} ran no sh: {'; '.join(lines) or 'no word'}")
    times = [datetime.fromisoformat(stamp).timestamp() for stamp, *_ in stamped]
    facts = {fact: value for _, _, fact, value in stamped}
    return Seen(facts, created=probe.created, first=times[0], last=times[-1], ended=ended)
