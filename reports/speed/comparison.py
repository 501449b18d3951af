"""The comparison of a run's classes as data, before it is text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reports.data.load import Row, Run, class_names
from reports.data.percentiles import TooFew
from reports.data.stats import NEAR, Estimate
from reports.speed.caveats import Caveat, caveats
from reports.speed.cross_check import checked
from reports.speed.figures import Figure, cell_rows, estimate, figures_of, jobs, logs
from reports.speed.limits import limits_of, share
from reports.speed.ratios import Logs, Ratio, ratios
from tasks.results.column import CONTROL

MARGIN_PERCENT = 10.0  # the plan's default; plans of before have none


@dataclass(frozen=True)
class Failure:
    """One reason on one class, numbered as in the report, and the (job, round) pairs it cost.

    A volume that could not be used has cost them all, where no pair is named.
    """

    number: int
    storage_class: str
    error: str
    of_volume: bool
    cells: tuple[tuple[str, int], ...]

    def touches(self, storage_class: str, job: str) -> bool:
        """Whether it explains a missing figure."""
        mine = self.storage_class == storage_class
        return mine and (not self.cells or any(name == job for name, _ in self.cells))


@dataclass(frozen=True)
class Cell:
    """A figure of one job on one class, and its `ratio` to the reference's.

    Of `planned` rounds (in old files, repeats) so many are `measured`. `estimate` is TooFew where
    its I/Os are for the percentile. `logs` has the logarithm of each volume's figure, or night's;
    `share` is what of the class's own limit is reached. One that is `disturbed` has no ratio: too
    much of what the device moved was somebody else's.
    """

    storage_class: str
    estimate: Estimate | TooFew | None
    measured: int
    failures: tuple[Failure, ...] = ()
    warned: bool = False
    planned: int = 0
    logs: Logs = field(default_factory=dict)
    share: float | None = None
    disturbed: bool = False
    ratio: Ratio | None = None

    @property
    def known(self) -> Estimate | None:
        """The figure, if there is one to print."""
        return self.estimate if isinstance(self.estimate, Estimate) else None

    @property
    def at_limit(self) -> bool:
        """Whether the figure is that of the class's own limit."""
        return self.share is not None and abs(self.share - 1) <= NEAR


@dataclass(frozen=True)
class ComparisonRow:
    """One job (a fio row that knows its block size and so on) judged by one figure.

    `control` is the reference's second set of volumes, if the plan asked for one.
    """

    job: Row
    figure: Figure
    cells: tuple[Cell, ...]
    control: Cell | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows; each has one cell a class, in the order of `classes`, the reference first.

    `turn` is what a class has several of, `round` or `repeat`; `unit` of what the figures are.
    """

    classes: tuple[str, ...]
    rounds: int
    rows: tuple[ComparisonRow, ...]
    failures: tuple[Failure, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    control: str | None = None
    margin_percent: float = MARGIN_PERCENT
    turn: str = "round"
    unit: str = "volume"

    @property
    def pairs(self) -> int:
        """How many ratios are judged together."""
        cells = [cell for row in self.rows for cell in row.cells]
        return sum(cell.ratio is not None and cell.ratio.word is not None for cell in cells)


def compare(run: Run, planned: Mapping[str, int] | None = None) -> Comparison:
    """Compare the run's classes, job by job; `planned` has their rounds, if not the plan's."""
    names = class_names(run)
    rounds = dict.fromkeys(names, run.rounds) | dict(planned or {})
    for row in run.fio:
        if (name := row["storage_class"]) in rounds:
            rounds[name] = max(rounds[name], row["round"] or 0, row["repeat"])
    failures, warnings = _failures(run), caveats(run)
    warned = {cell for warning in warnings for cell in warning.cells}
    disturbed = {(t.storage_class, job) for t in checked(run) if t.disturbed for job in t.jobs}
    limits = {row["storage_class"]: limits_of(row) for row in run.classes}

    def make(name: str, job: Row, figure: Figure, rows: list[Row]) -> Cell:
        cell = bare(name, rows, figure)
        of_limit = limits.get(name, {})
        return replace(
            cell,
            failures=tuple(f for f in failures if f.touches(name, job["job"])),
            warned=(name, job["job"]) in warned,
            planned=rounds[name],
            logs={} if (name, job["job"]) in disturbed else cell.logs,
            disturbed=(name, job["job"]) in disturbed,
            share=share(of_limit, job, figure, cell.known.value) if cell.known else None,
        )

    classes, control = of_control(names)
    margin = float(run.plan.get("equal_within_percent") or MARGIN_PERCENT)
    return Comparison(
        classes=classes,
        rounds=max(rounds.values(), default=0),
        rows=judged(unjudged(run.fio, names, make), margin),
        failures=failures,
        caveats=warnings,
        control=control,
        margin_percent=margin,
        turn="round" if any(row["round"] for row in run.fio) or "rounds" in run.plan else "repeat",
    )


def of_control(names: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """The classes without the control, which is the reference's second set of volumes; and that."""
    control = next((name for name in names if name == f"{names[0]}{CONTROL}"), None)
    return tuple(name for name in names if name != control), control


def bare(storage_class: str, rows: Sequence[Row], figure: Figure) -> Cell:
    """A class's figure as its rows have it, and nothing beside it."""
    found, measured = estimate(rows, figure), sum(row["status"] == "measured" for row in rows)
    judged = logs(rows, figure.column) if isinstance(found, Estimate) else {}
    return Cell(storage_class, found, measured, planned=measured, logs=judged)


def unjudged(
    fio: Sequence[Row], names: Sequence[str], make: Callable[[str, Row, Figure, list[Row]], Cell]
) -> list[ComparisonRow]:
    """A row for each figure of each job, its cells made of the rows of a job on a class."""
    classes, control = of_control(names)

    def cell(name: str, job: Row, figure: Figure) -> Cell:
        return make(name, job, figure, cell_rows(fio, name, job["job"]))

    return [
        ComparisonRow(
            job,
            figure,
            tuple(cell(name, job, figure) for name in classes),
            cell(control, job, figure) if control else None,
        )
        for job in jobs(fio)
        for figure in figures_of(job, [row for row in fio if row["job"] == job["job"]])
    ]


def judged(
    rows: Sequence[ComparisonRow], margin_percent: float, by_night: bool = False
) -> tuple[ComparisonRow, ...]:
    """The rows with their ratios: those of the classes judged together, those of the control too.

    By night the two logarithms of a night are a pair; volumes are none.
    """
    margin = 1 + margin_percent / 100
    pairs = [(cell.logs, row.cells[0].logs) for row in rows for cell in row.cells[1:]]
    controls = [(row.control.logs, row.cells[0].logs) for row in rows if row.control]
    of_class, of_second = (iter(ratios(each, margin, by_night)) for each in (pairs, controls))
    return tuple(
        replace(
            row,
            cells=(row.cells[0], *(replace(cell, ratio=next(of_class)) for cell in row.cells[1:])),
            control=replace(row.control, ratio=next(of_second)) if row.control else None,
        )
        for row in rows
    )


def _failures(run: Run) -> tuple[Failure, ...]:
    volumes = {(v["storage_class"], v["error"]) for v in run.volumes if v["error"]}
    cells: dict[tuple[str, str], list[tuple[str, int]]] = {key: [] for key in sorted(volumes)}
    for row in run.fio:
        if row["status"] != "measured":
            key = (row["storage_class"], row["error"] or "no reason was recorded")
            cells.setdefault(key, []).append((row["job"], row["round"] or row["repeat"]))
    return tuple(
        Failure(number, *key, of_volume=key in volumes, cells=tuple(lost))
        for number, (key, lost) in enumerate(cells.items(), start=1)
    )
