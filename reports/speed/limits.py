"""What a class says of its own limits, and how much of them a figure reaches."""

import json

from reports.data.load import Row
from reports.speed.figures import BANDWIDTH, IOPS, Figure

# The names that the CSI driver of Amazon EBS gives them; throughput is in MiB/s there.
IOPS_LIMIT, THROUGHPUT_LIMIT = "iops", "throughput"
MIB = 2**20


def limits_of(storage_class: Row) -> dict[str, float]:
    """The limits among a class's parameters: operations, or bytes, each second."""
    parameters = json.loads(storage_class["parameters"] or "{}")
    units = {IOPS_LIMIT: 1, THROUGHPUT_LIMIT: MIB}
    return {
        limit: float(parameters[limit]) * unit
        for limit, unit in units.items()
        if str(parameters.get(limit, "")).isdecimal() and int(parameters[limit]) > 0
    }


def limit_words(limits: dict[str, float]) -> str:
    """The limits in prose: `3,000 IOPS and 125 MiB/s`."""
    return " and ".join(
        f"{value:,.0f} IOPS" if limit == IOPS_LIMIT else f"{value / MIB:,.0f} MiB/s"
        for limit, value in limits.items()
    )


def share(limits: dict[str, float], job: Row, figure: Figure, value: float) -> float | None:
    """The share of the limit that binds: of operations with small blocks, of bytes with large.

    None without a limit, for a latency, and for a job of both directions, each of which has a limit
    of its own.
    """
    block: int | None = job["block_size_bytes"]
    if not limits or figure not in (IOPS, BANDWIDTH) or not block or both(job):
        return None
    operations = value / (1 if figure is IOPS else block)
    reached = {IOPS_LIMIT: operations, THROUGHPUT_LIMIT: operations * block}
    return max(reached[limit] / value for limit, value in limits.items())


def both(job: Row) -> bool:
    """Whether a job reads and writes."""
    return job["read_iops"] is not None and job["write_iops"] is not None
