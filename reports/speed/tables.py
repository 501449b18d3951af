"""The report's tables of figures."""

from collections.abc import Iterable
from statistics import median

from reports.data.load import Row, Run
from reports.data.stats import false_alarm, is_range, range_confidence
from reports.speed.caveats import touched
from reports.speed.comparison import (
    Cell,
    Comparison,
    ComparisonRow,
    Failure,
    cell_rows,
    jobs,
    values,
)
from reports.speed.words import against_reference, gap, shape
from reports.text.markdown import Markdown, markdown, table
from reports.text.units import COUNT, LATENCY, MIB, block, interval, quantity, seconds, size

STATISTICS = {
    "mean": "mean",
    "p50": "p50",
    "p95": "p95",
    "p99": "p99",
    "p99_9": "p99.9",
    "max": "max",
}
SHORT = ("p50", "p99", "p99_9")
DIRECTIONS = ("read", "write", "sync")


def comparison_table(comparison: Comparison) -> Markdown:
    """The lab's table: a row a job, a column a class, the reference first; empty if none ran."""
    if not comparison.rows:
        return Markdown()
    reference, *others = comparison.classes
    header = ["job", "what", "unit", f"{reference} (reference)" if others else reference, *others]
    rows = [
        [
            row.job["job"],
            shape(row.job),
            row.figure.label,
            *(_cell(cell, row) for cell in row.cells),
        ]
        for row in comparison.rows
    ]
    return table(header, rows)


def _cell(cell: Cell, row: ComparisonRow) -> Markdown:
    parts = []
    if cell.estimate is not None:
        figure = quantity(cell.estimate.median, row.figure.scales)
        parts.append(f"**{figure}**" if cell.best else figure)
        parts.append(interval(cell.estimate, row.figure.scales))
        parts.append(against_reference(cell))
    if missing := gap(cell):
        place = f"failure-{cell.failures[0].number}" if cell.failures else "how-it-was-made"
        parts.append(f"[{markdown(missing)}](#{place})")
    if cell.warned:
        parts.append("[⚠](#warnings)")
    return Markdown(" ".join(filter(None, parts)))


def interval_note(comparison: Comparison) -> Markdown:
    """What the intervals of this run are, and how little a few repeats can say."""
    repeats = comparison.repeats
    if repeats < 2:
        return Markdown("One repeat has no interval: no difference can be told from chance.")
    note = f"Median [95 % bootstrap interval] of {repeats} repeats."
    if is_range(repeats):
        note += (
            f" Of so few, the interval is their whole range: it holds the true median "
            f"{100 * range_confidence(repeats):.3g} % of the time, and two equal classes would "
            f"look different once in {1 / false_alarm(repeats):.0f} comparisons."
        )
    return Markdown(note)


def latency_table(run: Run, comparison: Comparison, direction: str) -> Markdown:
    """Latencies of `read`, `write` or `sync` by job and class; empty if none was measured."""
    rows = [
        [job["job"], shape(job), name, *_latencies(run, name, job, direction, STATISTICS)]
        for job in _jobs_with_latency(run, direction)
        for name in comparison.classes
    ]
    return table(["job", "what", "class", *STATISTICS.values()], rows) if rows else Markdown()


def queue_of_one_table(run: Run, comparison: Comparison) -> Markdown:
    """What a single reader or writer waits: p50, p99 and p99.9 of jobs with one I/O in flight."""
    rows = [
        [
            job["job"],
            f"{block(job['block_size_bytes'])} {direction}",
            *(
                " · ".join(text or "–" for text in _latencies(run, name, job, direction, SHORT))
                for name in comparison.classes
            ),
        ]
        for direction in DIRECTIONS
        for job in _jobs_with_latency(run, direction)
        if job["io_depth"] == 1 and job["num_jobs"] in (1, None)
    ]
    return table(["job", "latency of", *comparison.classes], rows) if rows else Markdown()


def _jobs_with_latency(run: Run, direction: str) -> list[Row]:
    column = f"{direction}_latency_mean_ns"
    return [job for job in jobs(run) if job[column] is not None]


def _latencies(
    run: Run, name: str, job: Row, direction: str, statistics: Iterable[str]
) -> list[str | None]:
    cells = cell_rows(run, name, job["job"])
    return [_latency(cells, f"{direction}_latency_{statistic}_ns") for statistic in statistics]


def _latency(cells: list[Row], column: str) -> str | None:
    measured = values(cells, column)
    if not measured:
        return None
    return quantity((max if "_max_" in column else median)(measured), LATENCY)


def figures_table(run: Run, comparison: Comparison) -> Markdown:
    """Every job on every class: throughput, and the conditions under which it ran."""
    header = [
        "job", "class", "repeats", "IOPS", "MiB/s", "engine", "O_DIRECT", "working set",
        "÷ RAM", "ramp", "measured for", "node",
    ]  # fmt: skip
    rows = [
        [job["job"], name, *_figures(cell_rows(run, name, job["job"]), comparison.repeats)]
        for job in jobs(run)
        for name in comparison.classes
    ]
    return table(header, rows)


def _figures(cells: list[Row], repeats: int) -> list[object]:
    iops, bandwidth = values(cells, "iops"), values(cells, "bandwidth_bytes_per_second")
    ratios = [
        f"{row['file_size_bytes'] / row['node_memory_bytes']:.2f}"
        for row in cells
        if row["file_size_bytes"] and row["node_memory_bytes"]
    ]
    return [
        f"{len(iops)} of {repeats}",
        quantity(median(iops), COUNT) if iops else None,
        quantity(median(bandwidth), MIB) if bandwidth else None,
        _distinct(row["engine"] for row in cells),
        _distinct(None if row["direct"] is None else ("no", "yes")[row["direct"]] for row in cells),
        _distinct(size(row["file_size_bytes"]) for row in cells),
        _distinct(ratios),
        _distinct(seconds(row["ramp_seconds"]) for row in cells),
        _distinct(seconds(row["runtime_seconds"]) for row in cells),
        _distinct(row["node"] for row in cells),
    ]


def _distinct(texts: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def warnings_table(run: Run, comparison: Comparison) -> Markdown:
    """Each warning with the figures it touches; empty if there is none."""
    rows = [[caveat.text, touched(caveat, run)] for caveat in comparison.caveats]
    return table(["warning", "touches"], rows) if rows else Markdown()


def failures_table(comparison: Comparison) -> Markdown:
    """Each reason with the cells it cost; empty if nothing failed."""
    rows = [
        [
            Markdown(f'<a id="failure-{failure.number}"></a>{failure.number}'),
            failure.storage_class,
            _lost(failure, comparison.repeats),
            failure.error,
        ]
        for failure in comparison.failures
    ]
    return table(["#", "class", "without a figure", "reason"], rows) if rows else Markdown()


def _lost(failure: Failure, repeats: int) -> str:
    if failure.of_volume:
        return "all: its volume could not be used"
    by_job: dict[str, list[str]] = {}
    for job, repeat in failure.cells:
        by_job.setdefault(job, []).append(str(repeat))
    return ", ".join(
        job if len(lost) == repeats else f"{job} (repeat {', '.join(lost)})"
        for job, lost in by_job.items()
    )
