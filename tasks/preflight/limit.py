"""How long a plan may take at its most, against what a run may."""

from typing import get_args

from tasks.kubernetes import script_job
from tasks.lifecycle.node_commands import COMMAND_LIMIT_SECONDS
from tasks.plan.job_file import Workload, job_seconds
from tasks.plan.plan import NodeStorm, Plan
from tasks.plan.vocabulary import NODE_LOST
from tasks.preflight import namespace
from tasks.results.checks import Check

# The base throughput of Azure's smallest Premium SSD (P1, 4 GiB; to P4, 32 GiB, the same), by
# https://learn.microsoft.com/azure/virtual-machines/disks-types#premium-ssd-size: 25 MB/s.
LAYOUT_BYTES_PER_SECOND = 25e6


def run_limit(
    flow: str, plan: Plan, workload: Workload, class_count: int, node_count: int
) -> Check:
    """A warning where the upper bounds of a run's parts, in seconds, exceed its limit.

    `node_count` nodes may be touched by a storm: each that has a writer is held in turn.
    """
    parts = _parts(flow, plan, workload, class_count, node_count)
    total, limit = sum(parts.values()), plan.run_limit_seconds
    summed = ", ".join(f"{seconds:,.0f} s of {what}" for what, seconds in parts.items() if seconds)
    seen = f"at most {total:,.0f} s of the {limit:,} s that a run may take: {summed}"
    untimed = sum(job_seconds(job) == 0 for job in workload.jobs) * (flow != "storms")
    if untimed:  # nobody knows how long: each may take what is left of the run
        turns = plan.turns(class_count)
        seen += f", and as long as {untimed} jobs take that end by themselves, on each of {turns}"
        seen += " volumes"
    if total <= limit:
        return Check("time", "run_limit_seconds", "pass", seen)
    advice = "A run that reaches its limit ends itself: raise it, or measure less"
    return Check("time", "run_limit_seconds", "warn", seen, advice)


def _parts(
    flow: str, plan: Plan, workload: Workload, class_count: int, node_count: int
) -> dict[str, float]:
    """Seconds that each part of a run takes at its most, by what it is."""
    fio, storms = flow != "storms", flow != "benchmark"
    turns = plan.turns(class_count) * fio  # each on a volume of its own
    kinds = namespace.demand(flow, plan, [""] * class_count, 0)
    volumes = sum(kinds.writers.values())
    on_nodes = sum(storm in get_args(NodeStorm) for storm in plan.storms) * plan.storm_rounds
    lost = plan.storms.count(NODE_LOST) * plan.storm_rounds  # held until writers are elsewhere
    held = plan.hold_seconds * (on_nodes - lost)
    held += (plan.recovery_limit_seconds + plan.start_limit_seconds) * lost
    on_pods = len(plan.storms) * plan.storm_rounds - on_nodes
    starts = plan.bind_limit_seconds + plan.start_limit_seconds
    # pods are hit on all volumes at once; of a node's writers each is waited for
    waits = storms * plan.recovery_limit_seconds * (on_pods + on_nodes * volumes)
    drains = plan.storms.count("drain") * plan.storm_rounds
    touched = max(1, min(node_count, volumes))
    # a budget may forbid the eviction of each writer, and then of all others on its node
    evictions = volumes + touched * (plan.drain == "full")
    # by a pod of its own; by exec in the writer's, as of an emptyDir, it is 5 tries of a minute
    reading = plan.start_limit_seconds + script_job.LIMIT_SECONDS
    return {
        "timed fio": workload.seconds() * turns,
        "lay-out": workload.laid_out_bytes / LAYOUT_BYTES_PER_SECOND * turns,
        "provisioning": float(starts * (turns + storms)),
        "deletion": float(plan.delete_limit_seconds * turns),
        "nodes held": float(storms * held * touched),
        "recovery": float(waits),
        "read-back": storms * reading * (on_pods + on_nodes * volumes),
        "evictions": float(storms * plan.recovery_limit_seconds * drains * evictions),
        "node commands": storms * (on_nodes - drains) * 2 * COMMAND_LIMIT_SECONDS * touched,
    }
