"""Checks of nodes: what the API says of them, and what a probe on each of them saw."""

import shlex
import shutil
from typing import NamedTuple

from tasks.kubernetes.nodes import condition, pressures, spec_of, status_of, unused
from tasks.kubernetes.objects import Obj
from tasks.plan.job_file import Job, Workload, waves
from tasks.plan.node_fault import FAULT_FIELDS
from tasks.plan.plan import Plan
from tasks.plan.quantity import quantity_bytes
from tasks.plan.vocabulary import FOLDER_KINDS, NODE_LOST
from tasks.preflight import lost
from tasks.results.checks import Check, Status

# An offset that bounds of whole seconds could not explain; above it times of logs are misleading.
CLOCK_SECONDS = 1.0
STORM_NODES = "Look at storm_nodes, which has to name a control plane by its hostname; or add nodes"


class Seen(NamedTuple):
    """What a probe said of its node, and when by both clocks, in seconds since the epoch.

    It ran after `created` and before `ended` by the client's clock, and wrote from `first` to
    `last` by the node's.
    """

    facts: dict[str, str]
    created: float
    first: float
    last: float
    ended: float


def node(obj: Obj, plan: Plan) -> Check:
    """Whether a node is ready, and whether the plan's pods can run there."""
    name = f"node {obj['metadata']['name']}"
    ready = condition(obj, "Ready")
    if not status_of(obj):
        advice = f"See `kubectl describe {name}`; it is not used"
        return Check("node", name, "warn", "its status is empty: no kubelet has reported", advice)
    if ready.get("status") != "True":
        why = ready.get("message") or "it says nothing of itself"
        advice = f"See `kubectl describe {name}`; volumes bound to it cannot be measured"
        return Check("node", name, "warn", f"not ready: {why}", advice)
    if pressed := pressures(obj):
        advice = "Make room there first: pods may be evicted in the middle of a run"
        return Check("node", name, "warn", ", ".join(pressed), advice)
    if spec_of(obj).get("unschedulable"):
        return Check("node", name, "warn", "cordoned", f"`kubectl uncordon {name[5:]}` to use it")
    why_not = unused(obj, plan)
    return Check("node", name, "pass", f"ready, not used: {why_not}" if why_not else "ready")


def enough(ready: list[str], drainable: list[str], flow: str, plan: Plan) -> list[Check]:
    """Whether there are nodes for the pods, and for drains one to go to."""
    used = Check("nodes", "all nodes", "pass", f"{len(ready)} take the plan's pods")
    if not ready:
        seen = "no node takes the plan's pods now: no pod starts unless a node is added"
        advice = "Look at node_selector, tolerations and what is said of each node"
        used = Check("nodes", "all nodes", "warn", seen, advice)
    if flow == "benchmark":
        return [used]
    checks = [used, *_commands(plan), *lost.check(plan)]
    if on_a_node := [kind for kind in FOLDER_KINDS if kind in plan.storm_volumes and not drainable]:
        seen = f"no node that a storm may touch, and {', '.join(on_a_node)} are folders of one"
        checks.append(Check("folders", "all nodes", "warn", seen, STORM_NODES, FOLDER_KINDS))
    if not {"drain", NODE_LOST} & set(plan.storms) or len(drainable) > 1:
        return checks
    seen = f"{', '.join(drainable) or 'no node'} may be drained: no writer can move to another"
    return [*checks, Check("drain", "all nodes", "warn", seen, STORM_NODES)]


def _commands(plan: Plan) -> list[Check]:
    """Whether the client has the commands that break a node, and that mend it above all."""
    checks = []
    for storm in (storm for storm in plan.node_faults if storm in plan.storms):
        fault = plan.node_faults[storm]
        for command in dict.fromkeys(shlex.split(c)[0] for c in (fault.down, fault.up)):
            where = shutil.which(command)
            status: Status = "pass" if where else "fail"
            seen = f"is {where}" if where else "is not on this client"
            advice = "" if where else f"Install it here, or correct {FAULT_FIELDS[storm]}"
            checks.append(Check(storm, f"command {command}", status, seen, advice))
    return checks


def probed(seen: Seen, obj: Obj, plan: Plan, workload: Workload, claims: int) -> list[Check]:
    """What a probe found on its node; the run keeps so many `claims` of classes at its most."""
    name = f"node {obj['metadata']['name']}"
    return [
        Check("image", name, "pass", f"{plan.image} runs"),
        _clock(seen, name),
        _kernel(seen, name, status_of(obj).get("nodeInfo", {}).get("kernelVersion", "")),
        _asynchronous_io(seen, name, workload),
        _free_space(seen, name, claims * quantity_bytes(plan.volume_size)),
    ]


def _clock(seen: Seen, name: str) -> Check:
    """The node's clock against the client's: neither bound is guessed, so neither can be wrong."""
    most, least = seen.first - seen.created, seen.last - seen.ended
    words = f"{least:+.1f} to {most:+.1f} s from this client's clock"
    if least > CLOCK_SECONDS or most < -CLOCK_SECONDS:
        advice = "Let both follow the same time server (timedatectl, chronyc tracking)"
        return Check("clock", name, "warn", words, advice)
    return Check("clock", name, "pass", words)


def _kernel(seen: Seen, name: str, kernel: str) -> Check:
    inside = seen.facts.get("kernel", kernel)
    if inside == kernel:
        return Check("kernel", name, "pass", kernel)
    words = f"pods see kernel {inside}, the node has {kernel}: they run in a sandbox"
    return Check("kernel", name, "warn", words, "Read the figures as those of the sandbox")


def _asynchronous_io(seen: Seen, name: str, workload: Workload) -> Check:
    """Whether libaio gets its contexts: fs.aio-max-nr is shared by all processes of a node."""
    if not {"aio_max_nr", "aio_nr"} <= seen.facts.keys():
        advice = "Look on the node: `sysctl fs.aio-max-nr fs.aio-nr`"
        return Check("asynchronous I/O", name, "warn", "a pod cannot read fs.aio-max-nr", advice)
    most, used = int(seen.facts["aio_max_nr"]), int(seen.facts["aio_nr"])
    at_once = [
        sum(_count(job, "iodepth") * _count(job, "numjobs") for job in wave)
        for group in workload.groups
        for wave in waves(group)
    ]
    need = max(at_once, default=0)  # fio may not have read a file of the user's own
    words = f"fs.aio-max-nr {most:,}, {used:,} in use; the plan's jobs take {need:,} at once"
    if most - used < need:
        advice = "Raise it on the node: `sysctl -w fs.aio-max-nr=1048576`"
        return Check("asynchronous I/O", name, "warn", words, advice)
    return Check("asynchronous I/O", name, "pass", words)


def _count(job: Job, option: str) -> int:
    """A number of a job; 1 is fio's default."""
    return max(job.numbers.get(option, 1), 1)


def _free_space(seen: Seen, name: str, most: int) -> Check:
    """Whether classes that keep volumes on the disk of pods have room for `most` bytes of them.

    Never a failure: a class may as well keep them elsewhere.
    """
    if "free_bytes" not in seen.facts:
        advice = "Look on the node: `df`"
        return Check("free space", name, "warn", "a pod cannot read what is free", advice)
    free = int(seen.facts["free_bytes"])
    words = (
        f"{free / 2**30:,.1f} GiB free on the node's disk; the run's PVCs, if all lie there, "
        f"{most / 2**30:,.1f} GiB"
    )
    if free < most:
        advice = "Where classes use it, make room or lower volume_size"
        return Check("free space", name, "warn", words, advice)
    return Check("free space", name, "pass", words)
