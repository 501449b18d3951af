"""The comparison in words that report, chart and terminal share."""

from collections import Counter
from collections.abc import Collection, Iterable

from reports.data.load import Row, Run
from reports.data.percentiles import TooFew
from reports.data.stats import Word
from reports.speed.comparison import Cell, Comparison, ComparisonRow
from reports.speed.limits import both, limit_words, limits_of
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
    """What was measured, in prose: `4K QD64 random reads`, `sync p99 of wal_etcd`."""
    job = row.job
    if row.figure.less_is_better:
        return f"{row.figure.label} of {job['job']}"
    if job["block_size_bytes"] is None or job["io_depth"] is None:
        return str(job["job"])
    access = ACCESS.get(job["rw"], job["rw"])
    return f"{block(job['block_size_bytes'])} QD{job['io_depth']} {access}"


def unit(row: ComparisonRow) -> str:
    """The unit that follows a figure of this row, if its scale does not already say it."""
    return "" if row.figure.less_is_better else row.figure.label


def slower(row: ComparisonRow, cell: Cell) -> bool:
    """Whether a class that differs is the slower one: less of a throughput, more of a latency."""
    more = cell.ratio is not None and cell.ratio.word is Word.MORE
    return more == row.figure.less_is_better


def differs(cell: Cell) -> bool:
    """Whether the verdict is faster or slower."""
    return cell.ratio is not None and cell.ratio.word in (Word.MORE, Word.LESS)


def word(row: ComparisonRow, cell: Cell) -> str:
    """The verdict: `faster`, `slower`, `equal` or `open`; empty where there is none."""
    if cell.ratio is None or cell.ratio.word is None:
        return ""
    if differs(cell):
        return "slower" if slower(row, cell) else "faster"
    return str(cell.ratio.word)


def ratio(cell: Cell) -> str:
    """`0.16× [0.12× – 0.20×]`; without its interval below three volumes; empty for none."""
    if cell.ratio is None:
        return ""
    if cell.ratio.low is None or cell.ratio.high is None:
        return factor(cell.ratio.value)
    bounds = f"[{factor(cell.ratio.low)} – {factor(cell.ratio.high)}]"
    return f"{factor(cell.ratio.value)} {bounds}"


def verdict(row: ComparisonRow, cell: Cell, unit: str) -> str:
    """The word, with what would decide an open one, in all, and whether a limit is the reason."""
    said = word(row, cell)
    if cell.disturbed or row.cells[0].disturbed:
        said = "no verdict (others' I/O)"
    if cell.ratio and said == "open":
        units = {"volume": "rounds"}.get(unit, f"{unit}s")
        rounds = cell.ratio.rounds
        said += f" (≈ {rounds} {units} in all)" if rounds else f" (> 100 {units})"
    return ", ".join(filter(None, [said, "at its limit" if cell.at_limit else ""]))


def too_few(cell: Cell) -> str:
    """Why a percentile is not printed; empty where it is."""
    if not isinstance(cell.estimate, TooFew):
        return ""
    return f"too few I/Os ({cell.estimate.seen:,} of {cell.estimate.needed:,})"


def tally(row_cells: Iterable[tuple[ComparisonRow, Cell]], margin_percent: float) -> str:
    """The verdicts counted: `slower in 3, equal within 10 % in 1, open in 2`."""
    counts = Counter(word(row, cell) or "not judged" for row, cell in row_cells)
    names = {
        "slower": "slower", "faster": "faster", "equal": f"equal within {margin_percent:g} %",
        "open": "open", "not judged": "not judged",
    }  # fmt: skip
    return ", ".join(f"{name} in {counts[key]}" for key, name in names.items() if counts[key])


def gap(cell: Cell, turn: str) -> str:
    """Why rounds (or repeats) are missing, and how many; empty where none is."""
    if cell.measured >= cell.planned:
        return ""
    reason = f"failed: {three_words(cell.failures[0].error)}" if cell.failures else "not run"
    if cell.measured == 0:
        return reason
    return f"{cell.measured} of {cell.planned} {turn}s, {reason}"


def volumes(comparison: Comparison) -> str:
    """Of how many volumes the figures are: `on 3 volumes of each class`, `on one volume …`."""
    known = [cell.known for row in comparison.rows for cell in row.cells]
    numbers = sorted({one.volumes for one in known if one})
    names = {1: "one", 2: "two"}
    said = " to ".join(dict.fromkeys(names.get(n, str(n)) for n in (numbers[:1] + numbers[-1:])))
    plural = "" if numbers[-1:] == [1] else "s"
    each = " of each class" if len(comparison.classes) > 1 else ""
    return f"{said or 'no'} {comparison.unit}{plural}{each}"


def few(cells: Iterable[Cell]) -> bool:
    """Whether no ratio is judged, for want of volumes."""
    return not any(cell.ratio and cell.ratio.word for cell in cells)


def limit_sentences(run: Run, comparison: Comparison, told: Collection[str] = ()) -> list[str]:
    """One for each class whose parameters name a limit: the limit, and each job's share of it.

    The classes `told` have theirs elsewhere.
    A limit holds for each direction, so that a job of both has no share, and says so; nor has one
    whose figure is a latency.
    """
    mixed = dict.fromkeys(row.job["job"] for row in comparison.rows if both(row.job))
    do = "do" if len(mixed) > 1 else "does"
    each = f" Each direction has a limit of its own: {', '.join(mixed)} {do} both." if mixed else ""
    found = []
    for storage_class in run.classes:
        name, limits = storage_class["storage_class"], limits_of(storage_class)
        if limits and name in comparison.classes and name not in told:
            place = comparison.classes.index(name)
            cells = [(row.job["job"], row.cells[place]) for row in comparison.rows]
            shares = ", ".join(
                f"{job} {cell.share * 100:.1f} %" for job, cell in cells if cell.share is not None
            )
            at = ", ".join(job for job, cell in cells if cell.at_limit)
            reached = f" It is at its limit in {at}." if at else ""
            text = f"{name} is limited to {limit_words(limits)}: {shares or 'no job was measured'}."
            found.append(text + reached + each)
    return found
