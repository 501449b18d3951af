"""How long a node has to be lost before its data is elsewhere, against what the plan waits for."""

from tasks.plan.plan import Plan
from tasks.plan.vocabulary import NODE_LOST
from tasks.results.checks import Check

# Kubernetes' own times, by default: a node is NotReady (node-monitor-grace-period), its pods are
# deleted (tolerationSeconds), and a volume is taken from it (maxWaitForUnmountDuration).
NOTICED_SECONDS, TOLERATED_SECONDS, FORCED_SECONDS = 50, 300, 360
# With the taint: the collection of pods each 20 s, attachment, the pod's start.
GIVEN_AWAY_SECONDS = 60


def seconds(plan: Plan) -> int:
    """How long it takes, about, until a volume that attaches is on another node."""
    after = plan.out_of_service_after_seconds
    if after is None:
        return NOTICED_SECONDS + TOLERATED_SECONDS + FORCED_SECONDS
    return max(after, NOTICED_SECONDS) + GIVEN_AWAY_SECONDS


def check(plan: Plan) -> list[Check]:
    """A warning where the plan's limit is over before that can be seen."""
    if NODE_LOST not in plan.storms:
        return []
    limit, needed = plan.recovery_limit_seconds, seconds(plan)
    seen = f"a writer has {limit} s to be back elsewhere, and that takes about {needed} s"
    if plan.out_of_service_after_seconds is None:
        seen += (
            f": the node is seen lost ({NOTICED_SECONDS} s), its pods are deleted "
            f"({TOLERATED_SECONDS} s), the volume is taken from it ({FORCED_SECONDS} s, and not "
            "while the old pod is in the API)"
        )
    if limit >= needed:
        return [Check(NODE_LOST, "recovery_limit_seconds", "pass", seen)]
    advice = (
        f"Raise recovery_limit_seconds to {needed} or more, or set out_of_service_after_seconds; "
        "else the storm ends as `never`"
    )
    return [Check(NODE_LOST, "recovery_limit_seconds", "warn", seen, advice)]
