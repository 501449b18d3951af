"""How long a run takes and what it writes, said before it begins; a plan that fits a time."""

from typing import NamedTuple, get_args

from tasks.plan import job_file
from tasks.plan.job_file import Job, Workload, job_seconds
from tasks.plan.plan import NodeStorm, Plan, PlanError
from tasks.plan.vocabulary import NODE_LOST
from tasks.preflight import lost, namespace
from tasks.results.checks import Check

# Estimates of what a run takes beside fio and storms (checks, report, clean-up), of what a volume
# takes (PVC and pod made, and deleted), and a storm on pods. Too much for the embedded cluster.
RUN_SECONDS = 15.0
VOLUME_SECONDS = 7.0
STORM_SECONDS = 10.0
# The baseline throughput of EBS gp3, 125 MiB/s, which most classes have at least.
LAYOUT_BYTES_PER_SECOND = 125 * 2**20
# What a fast class, a SATA SSD, takes of jobs that write as much as they can.
FAST_BYTES_PER_SECOND = 500 * 2**20
UNITS = {"s": 1, "m": 60, "h": 3600}
# Fewer volumes give no verdict, more than these decide little that these did not.
FEWEST_ROUNDS, MOST_ROUNDS = 3, 10
SHORTEST_SECONDS = 5
OBJECT = "duration"


class Size(NamedTuple):
    """Of what a run is made: its flow, and how many classes and nodes it is about."""

    flow: str
    classes: int
    nodes: int


def check(size: Size, plan: Plan, workload: Workload) -> Check:
    """How long the run will take, about, and what it writes."""
    turns = plan.turns(size.classes)
    seen = f"about {_words(expected_seconds(size, plan, workload))}"
    if size.flow != "storms":
        writing = sum(job_seconds(job) for job in workload.jobs if _writes(job)) * turns
        untimed = sum(job_seconds(job) == 0 for job in workload.jobs)
        seen += (
            f": {plan.rounds} rounds of {plan.measured(size.classes)} volumes, "
            f"{_words(workload.seconds())} of timed fio on each"
            + (f", and {untimed} jobs that end by themselves" if untimed else "")
            + f"; it writes {workload.laid_out_bytes * turns / 2**30:,.1f} GiB of files"
            + (f", and for {_words(writing)} {_as_they_take(writing)}" if writing else "")
        )
    return Check("time", OBJECT, "pass", seen)


def fitted(size: Size, plan: Plan, workload: Workload) -> Plan:
    """The plan with as many rounds, and seconds of each timed job, as fit into `within`.

    Seconds only become less than the profile's where else three rounds would not fit; those of an
    own file stay. PlanError where three rounds do not fit.
    """
    if not plan.within or size.flow == "storms":
        return plan
    most = int(plan.within[:-1]) * UNITS[plan.within[-1]]
    longest = int(max((one.numbers.get("runtime", 0) for one in workload.jobs), default=0) / 1e6)
    shorter = range(longest - 1, SHORTEST_SECONDS - 1, -1) if plan.fio_file is None else ()
    for seconds in (None, *shorter):
        chosen = plan.model_copy(update={"rounds": MOST_ROUNDS, "runtime_seconds": seconds})
        jobs = workload if plan.fio_file is not None else job_file.prepare(chosen)
        while (
            takes := expected_seconds(size, chosen, jobs)
        ) > most and chosen.rounds > FEWEST_ROUNDS:
            chosen = chosen.model_copy(update={"rounds": chosen.rounds - 1})
        if takes <= most:
            return chosen
    raise PlanError(
        f"plan field within: {FEWEST_ROUNDS} rounds on {plan.measured(size.classes)} volumes take "
        f"about {_words(takes)} at the least, not {plan.within}. Give more, name fewer classes or "
        "storms, or take profile quick"
    )


def expected_seconds(size: Size, plan: Plan, workload: Workload) -> float:
    """How long a run takes, about: from its first check to its report."""
    turns = plan.turns(size.classes)
    layout = workload.laid_out_bytes / LAYOUT_BYTES_PER_SECOND
    fio = turns * (VOLUME_SECONDS + layout + workload.seconds()) * (size.flow != "storms")
    return RUN_SECONDS + fio + _storms(size, plan) * (size.flow != "benchmark")


def _storms(size: Size, plan: Plan) -> float:
    on_nodes = sum(storm in get_args(NodeStorm) for storm in plan.storms)
    writers = sum(namespace.demand(size.flow, plan, [""] * size.classes, 0).writers.values())
    lost_storms = plan.storms.count(NODE_LOST)
    held = plan.hold_seconds * (on_nodes - lost_storms)
    held += min(plan.recovery_limit_seconds, lost.seconds(plan)) * lost_storms
    nodes = min(size.nodes, writers) * (held + STORM_SECONDS * on_nodes)
    return plan.storm_rounds * (STORM_SECONDS * (len(plan.storms) - on_nodes) + nodes)


def _as_they_take(seconds: float) -> str:
    """How much that is of a fast class, by jobs that write as much as they can."""
    size = seconds * FAST_BYTES_PER_SECOND / 2**30
    fast = f"{FAST_BYTES_PER_SECOND / 2**20:.0f} MiB/s"
    return f"what the classes take: at {fast} that is {size:,.0f} GiB"


def _writes(job: Job) -> bool:
    return any(word in job.options.get("rw", "read") for word in ("write", "rw"))


def _words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
