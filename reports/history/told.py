"""What is new since the night before, in words; and every series with its latest change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from statistics import fmean

from reports.data.load import Row
from reports.history.changes import FEWEST, LATEST, Change, changes, news
from reports.history.nights import Nights, Series, other_changes
from reports.text.units import quantity

BARS = "▁▂▃▄▅▆▇█"
SHOWN = 30  # nights of a sparkline


@dataclass(frozen=True)
class News:
    """What is new, a sentence each; `quiet` is the one that is said where nothing is."""

    worse: tuple[str, ...]
    better: tuple[str, ...]
    quiet: str

    def sentences(self) -> list[str]:
        """All of it, the worse first."""
        told = [f"Worse: {one}." for one in self.worse] + [f"Better: {one}." for one in self.better]
        return told or [self.quiet]


def since_last_night(known: Nights) -> News:
    """What the newest night shows that the one before did not."""
    worse, better = list[str](), list[str]()
    for series in known.series:
        if series.runs[-1] != known.runs[-1]["run_id"]:
            continue
        for change in news(series.logs):
            (better if is_better(series, change) else worse).append(told(known, series, change))
    for bad, words in _at_once(known):
        (worse if bad else better).append(words)
    return News(tuple(worse), tuple(better), _quiet(known))


def _at_once(known: Nights) -> Iterator[tuple[bool, str]]:
    """What one night is enough for: failures, records, and where pods come back."""
    if len(known.runs) < 2:
        return
    before, after = (run["run_id"] for run in known.runs[-2:])
    for name, job in sorted(known.failed[after] - known.failed[before]):
        yield True, f"{name} {job} failed for the first time since the night before"
    measured = {(series.name, series.what) for series in known.series if after in series.runs}
    for name, job in sorted((known.failed[before] - known.failed[after]) & measured):
        yield False, f"{name} {job} has a figure again"
    for cell in sorted(known.fates[before].keys() & known.fates[after].keys()):
        (was_kept, was), (kept, now) = known.fates[before][cell], known.fates[after][cell]
        where = f"{cell[0]} in {cell[1]}"
        if kept != was_kept:
            fate = {True: "kept", False: "LOST records", None: "could not be read"}
            yield kept is not True, f"{where}: {fate[kept]}, the night before {fate[was_kept]}"
        if now != was:
            yield now == "never", f"{where}: came back {now or 'never'}, the night before {was}"


def _quiet(known: Nights) -> str:
    nights = len(known.runs)
    if nights < FEWEST:
        need = f"a change of a figure is told from {FEWEST} nights on"
        return (
            f"Nothing is new since the last night; this is night {nights} of the cluster, {need}."
        )
    starts = [night_of(known, series, one) for series in known.series for one in latest(series)]
    since = max(starts, key=lambda run: run["started_at"], default=known.runs[0])
    return f"Nothing changed since {since['started_at']:%Y-%m-%d}."


def latest(series: Series) -> list[Change]:
    """The newest change of a series, if it has one."""
    return changes(series.logs[-LATEST:])[-1:]


def is_better(series: Series, change: Change) -> bool:
    """Whether a change is one to the better."""
    return (change.ratio < 1) == series.less_is_better


def night_of(known: Nights, series: Series, change: Change) -> Row:
    """The run with which a new level begins."""
    run_id = series.runs[-LATEST:][change.night]
    return next(run for run in known.runs if run["run_id"] == run_id)


def told(known: Nights, series: Series, change: Change) -> str:
    """A change in words: how much, since when, from what to what, and what changed with it."""
    of_series = series.logs[-LATEST:]
    levels = of_series[: change.night], of_series[change.night :]
    was, now = (quantity(exp(fmean(part)), series.figure.scales) for part in levels)
    percent = abs(change.ratio - 1) * 100
    more = "more" if change.ratio > 1 else "less"
    night = night_of(known, series, change)
    before = known.runs[max(0, known.runs.index(night) - 1)]
    others = other_changes(before, night)
    unit = series.figure.label
    return (
        f"{series.name} {series.what}, {unit}: {percent:.0f} % {more} since "
        f"{night['started_at']:%Y-%m-%d} ({was} → {now})"
        + (f"; that night also {', '.join(others)}" if others else "")
    )


def table_rows(known: Nights) -> list[dict[str, str]]:
    """A row a series: its last nights as a sparkline, its newest figure, its newest change."""
    return [
        {
            "class": series.name,
            "what": series.what,
            "figure": series.figure.label,
            "nights": f"{len(series.logs)}",
            f"last {SHOWN}": sparkline(series.logs[-SHOWN:]),
            "newest": quantity(exp(series.logs[-1]), series.figure.scales),
            "changed": "; ".join(_changed(known, series, change) for change in latest(series)),
        }
        for series in known.series
    ]


def _changed(known: Nights, series: Series, change: Change) -> str:
    word = "better" if is_better(series, change) else "worse"
    night = night_of(known, series, change)
    return f"{word} since {night['started_at']:%Y-%m-%d}: {change.ratio:.2f}×"


def sparkline(logs: Sequence[float]) -> str:
    """A bar a night; a range of less than 10 % is flat, so that noise looks like none."""
    low, width = min(logs), max(max(logs) - min(logs), 0.1)
    return "".join(BARS[min(len(BARS) - 1, int((one - low) / width * len(BARS)))] for one in logs)
