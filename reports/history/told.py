"""What is new since the night before, in words; and every series with its latest change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

from reports.data.load import Row
from reports.history.changes import FEWEST, LATEST, Change, changes_of_each, news_of_each
from reports.history.nights import Nights, Series, other_changes, rank
from reports.text.units import quantity

KEPT = {True: "kept", False: "LOST data", None: "could not be read back"}


@dataclass(frozen=True)
class News:
    """What is new, a sentence each; `quiet` is said where nothing is, and empty otherwise."""

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
    tonight = [one for one in known.series if one.runs[-1] == known.runs[-1]["run_id"]]
    new = news_of_each([series.logs for series in tonight])
    for series, change in (
        (s, change) for s, found in zip(tonight, new, strict=True) for change in found
    ):
        (better if is_better(series, change) else worse).append(told(known, series, change))
    for bad, words in _at_once(known):
        (worse if bad else better).append(words)
    return News(tuple(worse), tuple(better), "" if worse or better else _quiet(known))


def _at_once(known: Nights, night: int = -1) -> Iterator[tuple[bool, str]]:
    """What one night is enough for, as (whether it is worse, in words): failures, records, places.

    Each cell is held against the newest night before that tried it.
    """
    runs = known.runs[:night] if night != -1 else known.runs[:-1]
    for (name, what), fate in sorted(known.fates[known.runs[night]["run_id"]].items()):
        seen = (known.fates[run["run_id"]].get((name, what)) for run in reversed(runs))
        before = next((one for one in seen if one is not None), None)
        if before is None:
            continue
        if fate.failed != before.failed:
            yield (
                fate.failed,
                f"{name} {what} " + ("failed" if fate.failed else "has a result again"),
            )
        elif not fate.failed and fate.kept != before.kept:
            yield (
                fate.kept is not True,
                (f"{name} in {what}: {KEPT[fate.kept]}, before it was {KEPT[before.kept]}"),
            )
        elif not fate.failed and (worse := rank(fate.place) - rank(before.place)):
            yield (
                worse > 0,
                f"{name} in {what}: came back {fate.place}, before it was {before.place}",
            )


def _quiet(known: Nights) -> str:
    nights = len(known.runs)
    if nights < FEWEST:
        need = f"a change of a figure is told from {FEWEST} nights on"
        return (
            f"Nothing is new since the last night; this is night {nights} of the cluster, {need}."
        )
    changed = [
        night_of(known, series, change)
        for series, change in zip(known.series, latest(known.series), strict=True)
        if change
    ]
    changed += [known.runs[n] for n in range(1, nights) if any(_at_once(known, n))]
    since = max(changed, key=lambda run: run["started_at"], default=known.runs[0])
    return f"Nothing changed since {since['started_at']:%Y-%m-%d}."


def latest(series: Sequence[Series]) -> list[Change | None]:
    """The newest change of each series, None where it has none."""
    found = changes_of_each([one.logs[-LATEST:] for one in series])
    return [changes[-1] if changes else None for changes in found]


def is_better(series: Series, change: Change) -> bool:
    """Whether a change is one to the better."""
    return (change.ratio < 1) == series.less_is_better


def night_of(known: Nights, series: Series, change: Change) -> Row:
    """The run with which a new level begins."""
    run_id = series.runs[-LATEST:][change.night]
    return next(run for run in known.runs if run["run_id"] == run_id)


def told(known: Nights, series: Series, change: Change) -> str:
    """A change in words: how much, since when, from what to what, and what changed with it."""
    was, now = (quantity(exp(log), series.figure.scales) for log in (change.was, change.now))
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
