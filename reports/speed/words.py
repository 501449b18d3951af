"""The comparison in words that report, chart and terminal share."""

from reports.data.load import Row
from reports.speed.comparison import Cell, ComparisonRow, Verdict
from reports.text.reasons import three_words
from reports.text.units import block, factor

ACCESS = {
    "read": "sequential reads",
    "write": "sequential writes",
    "rw": "mixed sequential reads and writes",
    "readwrite": "mixed sequential reads and writes",
    "randread": "random reads",
    "randwrite": "random writes",
    "randrw": "mixed random reads and writes",
}


def shape(job: Row) -> str:
    """Block size, access and depth of a job: `4K randread, QD64`."""
    if job["block_size_bytes"] is None:
        return ""
    parts = [f"{block(job['block_size_bytes'])} {job['rw']}"]
    if job["io_depth"] is not None:
        parts.append(f"QD{job['io_depth']}")
    if (job["num_jobs"] or 1) > 1:
        parts.append(f"{job['num_jobs']} processes")
    if (job["concurrent_jobs"] or 1) > 1:
        parts.append(f"{job['concurrent_jobs']} jobs at once")
    return ", ".join(parts)


def activity(row: ComparisonRow) -> str:
    """What was measured, in prose: `4K QD64 random reads`, `sync latency p99 of wal_etcd`."""
    job = row.job
    if row.figure.less_is_better:
        return f"sync latency p99 of {job['job']}"
    if job["block_size_bytes"] is None or job["io_depth"] is None:
        return str(job["job"])
    access = ACCESS.get(job["rw"], job["rw"])
    return f"{block(job['block_size_bytes'])} QD{job['io_depth']} {access}"


def unit(row: ComparisonRow) -> str:
    """The unit that follows a figure of this row, if its scale does not already say it."""
    return "" if row.figure.less_is_better else row.figure.label


def against_reference(cell: Cell) -> str:
    """The ratio to the reference, or why it means nothing; empty for the reference."""
    if cell.verdict is Verdict.SAME:
        return "≈ not distinguishable"
    if cell.ratio is None:
        return ""
    one = " (one repeat)" if cell.verdict is Verdict.ONE_REPEAT else ""
    bounds = cell.ratio_interval
    if bounds is None or bounds.low is None or bounds.high is None:
        return f"{factor(cell.ratio)}{one}"
    return f"{factor(cell.ratio)} [{factor(bounds.low)} – {factor(bounds.high)}]"


def gap(cell: Cell) -> str:
    """Why repeats are missing, and how many; empty where none is."""
    if cell.measured >= cell.planned:
        return ""
    reason = f"failed: {three_words(cell.failures[0].error)}" if cell.failures else "not run"
    if cell.measured == 0:
        return reason
    return f"{cell.measured} of {cell.planned} repeats, {reason}"
