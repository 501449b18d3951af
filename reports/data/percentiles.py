"""A percentile of all I/Os of several volumes, and whether there were enough for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.data.load import Row

BEYOND = 100  # I/Os that took longer than a percentile, or it is not printed
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}


@dataclass(frozen=True)
class TooFew:
    """So many I/Os were timed, and `needed` are for a percentile."""

    seen: int
    needed: int


def too_few(rows: Iterable[Row], direction: str, percentile: str) -> TooFew | None:
    """TooFew where less than 100 I/Os lie beyond a percentile; None too where no row says."""
    seen = count(rows, direction)
    needed = round(BEYOND / (1 - PERCENTILES[percentile]))
    return TooFew(seen, needed) if seen is not None and seen < needed else None


def count(rows: Iterable[Row], direction: str) -> int | None:
    """How many I/Os of a cell were timed; None if no row says.

    By its histograms, else by fio's count, else by rate and time; there is no sync without a write.
    """
    measured = [row for row in rows if row["status"] == "measured"]
    counted = "write" if direction == "sync" else direction
    seen = 0.0
    for row in measured:
        if bins := row.get(f"{direction}_latency_bins"):
            seen += sum(one["count"] for one in bins)
        elif (ios := row.get(f"{counted}_ios")) is not None:
            seen += ios
        elif row[f"{counted}_iops"] is None or row["runtime_seconds"] is None:
            return None
        else:
            seen += row[f"{counted}_iops"] * row["runtime_seconds"]
    return round(seen)


def histogram(rows: Iterable[Row], direction: str) -> dict[int, int] | None:
    """How many I/Os of a cell took so many ns, by the middles of fio's bins; None without bins."""
    counts: dict[int, int] = {}
    for row in rows:
        if row["status"] == "measured":
            if not (bins := row.get(f"{direction}_latency_bins")):
                return None
            for one in bins:
                counts[one["ns"]] = counts.get(one["ns"], 0) + one["count"]
    return counts


def pooled(rows: Iterable[Row], direction: str, percentile: str) -> float | None:
    """A percentile of all I/Os of a cell, by the middle of its bin; None if a row has no bins."""
    if (counts := histogram(rows, direction)) is None:
        return None
    rank, seen = PERCENTILES[percentile] * sum(counts.values()), 0
    for ns, number in sorted(counts.items()):
        seen += number
        if seen >= rank:
            return float(ns)
    return None


def beyond(counts: Mapping[int, int], ns: float) -> tuple[int, int]:
    """How many I/Os of a histogram surely took longer than so many ns, and how many may have.

    They differ by the bin that holds the moment.
    """
    surely = sum(number for middle, number in counts.items() if _bin(middle)[0] > ns)
    perhaps = sum(number for middle, number in counts.items() if _bin(middle)[1] > ns)
    return surely, perhaps


def _bin(middle: int) -> tuple[int, int]:
    """The first and the last ns of a bin of fio's.

    fio (stat.c, plat_idx_to_val) has 64 bins for each power of two, and its JSON says their middle;
    below 128 ns each ns is one.
    """
    width = 1 << max(middle.bit_length() - 7, 0)
    first = middle // width * width
    return first, first + width - 1
