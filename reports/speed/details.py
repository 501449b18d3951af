"""The report's folded tables: every latency, how figures were taken, warnings and failures."""

from collections.abc import Iterable
from math import exp, log
from statistics import fmean

from reports.data.load import Row, Run
from reports.data.stats import Estimate
from reports.speed.caveats import Caveat, by_kind, touched
from reports.speed.comparison import Comparison, Failure
from reports.speed.figures import DIRECTIONS, cell_rows, estimate, jobs, latency, values
from reports.speed.words import shape
from reports.text.markdown import Markdown, markdown, table
from reports.text.units import COUNT, LATENCY, MIB, quantity, seconds, size, tenths

STATISTICS = ("mean", "p50", "p95", "p99", "p99_9", "max")


def latency_table(run: Run, comparison: Comparison) -> Markdown:
    """Every latency by job, direction and class; empty if none was measured."""
    rows = [
        [job["job"], shape(job), direction, name, *_latencies(rows, direction)]
        for job in jobs(run.fio)
        for direction in DIRECTIONS
        for name in _all(comparison)
        if values(rows := cell_rows(run.fio, name, job["job"]), _column(direction, "mean"))
    ]
    header = ["job", "what", "of", "class", *(s.replace("_", ".") for s in STATISTICS)]
    return table(header, rows) if rows else Markdown()


def _all(comparison: Comparison) -> list[str]:
    return [*comparison.classes, *([comparison.control] if comparison.control else [])]


def _column(direction: str, statistic: str) -> str:
    return f"{direction}_latency_{statistic}_ns"


def _latencies(rows: list[Row], direction: str) -> list[str | None]:
    return [_latency(rows, direction, statistic) for statistic in STATISTICS]


def _latency(rows: list[Row], direction: str, statistic: str) -> str | None:
    if statistic.startswith("p"):
        found = estimate(rows, latency(direction, statistic))
        return quantity(found.value, LATENCY) if isinstance(found, Estimate) else None
    measured = values(rows, _column(direction, statistic))
    if not measured:
        return None
    return quantity(max(measured) if statistic == "max" else _mean(measured), LATENCY)


def _mean(measured: list[float]) -> float:
    return exp(fmean(map(log, measured))) if min(measured) > 0 else 0.0


def figures_table(run: Run, comparison: Comparison) -> Markdown:
    """Every job on every class: throughput, and what differed in how it was taken.

    What was the same for all is a sentence above it.
    """
    names = [
        f"{comparison.turn}s",
        "engine",
        "O_DIRECT",
        "working set",
        "÷ RAM",
        "ramp",
        "measured for",
        "nodes",
    ]
    cells = [
        (job["job"], name, cell_rows(run.fio, name, job["job"]))
        for job in jobs(run.fio)
        for name in _all(comparison)
    ]
    how = [_how(rows, comparison.rounds) for _, _, rows in cells]
    same = [len({texts[n] for texts in how if any(texts)}) == 1 for n in range(len(names))]
    header = [name for name, alike in zip(names, same, strict=True) if not alike]
    body = table(
        ["job", "class", "IOPS", "MiB/s", *header],
        [
            [job, name, *_figures(rows)]
            + [text for text, alike in zip(texts, same, strict=True) if not alike]
            for (job, name, rows), texts in zip(cells, how, strict=True)
        ],
    )
    first = next((texts for texts in how if any(texts)), [])
    constant = [
        f"{name} {markdown(text)}"
        for name, text, alike in zip(names, first, same, strict=bool(first))
        if alike and text
    ]
    said = f"The same for all: {', '.join(constant)}.\n\n" if constant else ""
    return Markdown(f"{said}{body}{_sampling(run)}")


def _sampling(run: Run) -> str:
    """What counting the node's seconds took; empty where nothing was counted."""
    shares = {row["sampling_cpu_percent"] for row in run.node_seconds} - {None}
    if not shares:
        return ""
    return (
        f"\n\nCounting what the nodes did in each second took {fmean(shares):.2f} % of a core in "
        f"the mean of all turns, {max(shares):.2f} % at the most."
    )


def _figures(rows: list[Row]) -> list[str | None]:
    iops, bandwidth = values(rows, "iops"), values(rows, "bandwidth_bytes_per_second")
    return [
        quantity(_mean(iops), COUNT) if iops else None,
        quantity(_mean(bandwidth), MIB) if bandwidth else None,
    ]


def _how(rows: list[Row], rounds: int) -> list[str]:
    ratios = [
        f"{row['file_size_bytes'] / row['node_memory_bytes']:.2f}"
        for row in rows
        if row["file_size_bytes"] and row["node_memory_bytes"]
    ]
    return [
        f"{len(values(rows, 'iops'))} of {rounds}",
        _distinct(row["engine"] for row in rows),
        _distinct(None if row["direct"] is None else ("no", "yes")[row["direct"]] for row in rows),
        _distinct(size(row["file_size_bytes"]) for row in rows),
        _distinct(ratios),
        _distinct(seconds(row["ramp_seconds"]) for row in rows),
        _distinct(tenths(row["runtime_seconds"]) for row in rows),
        _distinct(row["node"] for row in rows),
    ]


def _distinct(texts: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def warnings_table(run: Run, comparison: Comparison) -> Markdown:
    """The warnings by their kinds, with the figures they touch; empty if there is none."""
    return _warnings(run, by_kind(comparison.caveats))


def warnings_in_full(run: Run, comparison: Comparison) -> Markdown:
    """Each warning with its own numbers; empty where the table of kinds has them all."""
    every = comparison.caveats
    return _warnings(run, every) if len(by_kind(every)) < len(every) else Markdown()


def _warnings(run: Run, found: Iterable[Caveat]) -> Markdown:
    rows = [[caveat.text, touched(caveat, run)] for caveat in found]
    return table(["warning", "touches"], rows) if rows else Markdown()


def failures_table(comparison: Comparison) -> Markdown:
    """Each reason with the cells it cost; empty if nothing failed."""
    rows = [
        [
            Markdown(f'<a id="failure-{failure.number}"></a>{failure.number}'),
            failure.storage_class,
            _lost(failure, comparison),
            failure.error,
        ]
        for failure in comparison.failures
    ]
    return table(["#", "class", "without a figure", "reason"], rows) if rows else Markdown()


def _lost(failure: Failure, comparison: Comparison) -> str:
    turns = sorted({number for _, number in failure.cells})
    if failure.of_volume:
        all_lost = len(turns) in (0, comparison.rounds)
        of = "" if all_lost else f" of {comparison.turn} {', '.join(map(str, turns))}"
        return f"all{of}: its volume could not be used"
    by_job: dict[str, list[str]] = {}
    for job, number in failure.cells:
        by_job.setdefault(job, []).append(str(number))
    return ", ".join(
        job
        if len(lost) == comparison.rounds
        else f"{job} ({comparison.turn} {', '.join(sorted(lost, key=int))})"
        for job, lost in by_job.items()
    )
