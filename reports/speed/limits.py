"""What a class says of its own limits, and how much of them its figures reach."""

import json
from collections.abc import Iterator

from reports.data.load import Row, Run
from reports.speed.comparison import IOPS, Cell, Comparison, ComparisonRow

# The names that the CSI driver of Amazon EBS gives them; throughput is in MiB/s there.
IOPS_LIMIT, THROUGHPUT_LIMIT = "iops", "throughput"
MIB = 2**20


def sentences(run: Run, comparison: Comparison) -> list[str]:
    """One for each class whose parameters name a limit: the limit, and each job's share of it.

    A limit holds for each direction, so that a job of both has no share, and says so; nor has one
    whose figure is a latency.
    """
    both = [row.job["job"] for row in comparison.rows if _both(row)]
    each = f" Each direction has a limit of its own: {', '.join(both)} does both." if both else ""
    found = []
    for storage_class in run.classes:
        name, limits = storage_class["storage_class"], limits_of(storage_class)
        if limits:
            words = " and ".join(_words(limit, value) for limit, value in limits.items())
            shares = ", ".join(_shares(comparison, name, limits))
            text = f"{name} is limited to {words}: {shares or 'no job was measured'}."
            found.append(text + each)
    return found


def limits_of(storage_class: Row) -> dict[str, float]:
    """The limits among a class's parameters: operations, or bytes, each second."""
    parameters = json.loads(storage_class["parameters"] or "{}")
    units = {IOPS_LIMIT: 1, THROUGHPUT_LIMIT: MIB}
    return {
        limit: float(parameters[limit]) * unit
        for limit, unit in units.items()
        if str(parameters.get(limit, "")).isdecimal() and int(parameters[limit]) > 0
    }


def _words(limit: str, value: float) -> str:
    return f"{value:,.0f} IOPS" if limit == IOPS_LIMIT else f"{value / MIB:,.0f} MiB/s"


def _shares(comparison: Comparison, name: str, limits: dict[str, float]) -> Iterator[str]:
    for row in comparison.rows:
        cell = next(c for c in row.cells if c.storage_class == name)
        if share := _share(row, cell, limits):
            yield f"{row.job['job']} {share}"


def _share(row: ComparisonRow, cell: Cell, limits: dict[str, float]) -> str | None:
    """The share of the limit that binds: of operations with small blocks, of bytes with large."""
    block = row.job["block_size_bytes"]
    if row.figure.less_is_better or cell.estimate is None or not block or _both(row):
        return None
    operations = cell.estimate.median / (1 if row.figure is IOPS else block)
    reached = {IOPS_LIMIT: operations, THROUGHPUT_LIMIT: operations * block}
    return f"{max(reached[limit] / value for limit, value in limits.items()) * 100:.1f} %"


def _both(row: ComparisonRow) -> bool:
    return row.job["read_iops"] is not None and row.job["write_iops"] is not None
