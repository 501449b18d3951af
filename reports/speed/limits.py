"""What a class says of its own limits, and how much of them a figure reaches."""

import json

from reports.data.load import Row
from reports.speed.figures import BANDWIDTH, IOPS, Figure

# The names that the CSI driver of Amazon EBS gives them; throughput is in MiB/s there.
IOPS_LIMIT, THROUGHPUT_LIMIT = "iops", "throughput"
MIB = 2**20
# Blocks up to here are held to operations at such a depth, larger ones to bytes; of less, a limit
# is not what binds.
SMALL, DEEP, DEEP_ENOUGH_FOR_BYTES = 16 * 2**10, 32, 8


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

    None without a limit, for a latency, for a job of both directions, each of which may have one
    of its own, and for one that no limit binds: through the page cache, of little depth, or
    one of several at once.
    """
    block: int | None = job["block_size_bytes"]
    if not limits or figure not in (IOPS, BANDWIDTH) or not block or both(job) or not _deep(job):
        return None
    operations = value / (1 if figure is IOPS else block)
    reached = {IOPS_LIMIT: operations, THROUGHPUT_LIMIT: operations * block}
    return max(reached[limit] / value for limit, value in limits.items())


def _deep(job: Row) -> bool:
    """Whether a job asks the volume itself, alone, for as much as it gives."""
    depth = (job["io_depth"] or 1) * (job["num_jobs"] or 1)
    enough = DEEP if job["block_size_bytes"] <= SMALL else DEEP_ENOUGH_FOR_BYTES
    alone = (job["concurrent_jobs"] or 1) == 1
    return bool(alone and depth >= enough and job["direct"] is not False)


def both(job: Row) -> bool:
    """Whether a job reads and writes."""
    return job["read_iops"] is not None and job["write_iops"] is not None
