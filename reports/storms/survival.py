"""What became of acknowledged records in each storm on each volume, before it is text."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import log
from statistics import median

from reports.data.load import STATEFUL, Row, Run, bare, class_names
from reports.data.stats import FEWEST, LEVEL, p_values, welch
from reports.storms.expectations import Expectation, expectation, is_surprise

NOT_RUN, NOT_OFFERED = "not run", "not offered"
NO_VOLUME = "emptyDir"  # made with its pod: nothing of it has to be found, attached or read
PLACES = ("same node", "other node", "after uncordon", "after repair", "never")


@dataclass(frozen=True)
class Gap:
    """One reason why rounds of a volume have no result; `cells` are (storm, round) pairs.

    `status` is failed, skipped, or not run: a round of the plan without a row.
    """

    number: int
    volume: str
    status: str
    error: str
    cells: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class StormCell:
    """One storm on one volume: its measured rounds, and why others are missing.

    `twin` is the same of a StatefulSet, where one row tells of both since they were alike.
    """

    volume: str
    storm: str
    planned: int
    rounds: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    expectation: Expectation | None
    twin: "StormCell | None" = None

    @property
    def lossy(self) -> list[Row]:
        """The rounds that lost records."""
        return [row for row in self.rounds if row["kept"] is False]

    @property
    def unread(self) -> list[Row]:
        """The rounds after which the volume could not be read back."""
        return [row for row in self.rounds if row["kept"] is None]

    @property
    def surprises(self) -> list[Row]:
        """The rounds that differ from what Kubernetes promises of them."""
        return surprising(self.rounds)

    @property
    def lost_seconds(self) -> float | None:
        """How much time's records a round lost at most; None where no row says, or none is lost."""
        with_records = [row for row in self.lossy if row["lost_records"]]
        return max(values(with_records, "lost_seconds"), default=None)

    def places(self) -> dict[str, list[Row]]:
        """The rounds by where the writer came back, in the order of PLACES."""
        found = {place: [r for r in self.rounds if r["came_back"] == place] for place in PLACES}
        return {place: rows for place, rows in found.items() if rows}

    def missing(self, gap: Gap) -> int:
        """How many rounds of this storm a gap cost."""
        return sum(storm == self.storm for storm, _ in gap.cells)


@dataclass(frozen=True)
class Survival:
    """All cells, volume by volume; `gaps` that have a number are told below the matrix.

    `classes` are the volumes of the run's classes, `shared` their ReadWriteMany ones beside them;
    `not_offered` says of a volume that its class has no such in the provisioner's words.
    """

    volumes: tuple[str, ...]
    storms: tuple[str, ...]
    classes: tuple[str, ...]
    shared: tuple[str, ...]
    not_offered: dict[str, str]
    rounds: int
    cells: dict[tuple[str, str], StormCell]
    gaps: tuple[Gap, ...]

    def row(self, volume: str) -> list[StormCell]:
        """A volume's cells in the order of `storms`."""
        return [self.cells[volume, storm] for storm in self.storms]

    def lines(self) -> dict[str, list[StormCell]]:
        """The rows of the matrix by their names: one for both writers where they were alike."""
        found: dict[str, list[StormCell]] = {}
        for volume in self.volumes:
            if self.is_alike(volume):
                of_other = self.row(f"{volume}{STATEFUL}")
                cells = [
                    replace(c, twin=o) for c, o in zip(self.row(volume), of_other, strict=True)
                ]
                found[f"{volume} (both writers alike)"] = cells
            elif not self.is_alike(bare(volume)):
                found[volume] = self.row(volume)
        return found

    def is_alike(self, volume: str) -> bool:
        """Whether a Deployment and a StatefulSet came through every storm alike on a volume."""
        other = f"{volume}{STATEFUL}"
        if not {volume, other} <= {*self.volumes}:
            return False
        return all(map(_are_alike, self.row(volume), self.row(other)))

    @property
    def surprises(self) -> list[StormCell]:
        """The cells in which something differs from what Kubernetes promises."""
        return [cell for cell in self.cells.values() if cell.surprises]


def survive(run: Run) -> Survival | None:
    """The survival matrix of a run; None for a run without storms."""
    if not run.storms and not run.facts["storms_planned"]:
        return None
    plan = run.plan if run.facts["storms_planned"] else {}
    rounds = max([plan.get("storm_rounds", 1), *(row["round"] for row in run.storms)])
    classes = class_names(run)
    rows = [row for row in run.storms if row["status"] != NOT_OFFERED]
    not_offered = {r["volume"]: r["error"] for r in run.storms if r["status"] == NOT_OFFERED}
    planned = (v for v in run.facts["storm_volumes"] or [] if v not in not_offered)
    volumes = _in_order(planned, (row["volume"] for row in rows))
    storms = _in_order(plan.get("storms", []), (row["storm"] for row in run.storms))
    gaps = _gaps(run, volumes, storms, rounds)
    return Survival(
        volumes=volumes,
        storms=storms,
        classes=tuple(name for name in volumes if bare(name) in classes),
        shared=tuple(dict.fromkeys(row["volume"] for row in rows if _is_shared(row))),
        not_offered=not_offered,
        rounds=rounds,
        cells={(v, s): _cell(run, v, s, rounds, gaps) for v in volumes for s in storms},
        gaps=gaps,
    )


def surprising(rows: Iterable[Row]) -> list[Row]:
    """The rows that differ from what Kubernetes promises of each."""
    return [row for row in rows if (own := expectation(row)) and is_surprise(own, row)]


def values(rows: Iterable[Row], column: str) -> list[float]:
    """The column's figures in the rows that have one."""
    return [row[column] for row in rows if row[column] is not None]


def middle(rows: Iterable[Row], column: str) -> float | None:
    """The column's median over the rows that have a figure; None where none has."""
    found = values(rows, column)
    return median(found) if found else None


def excess(cell: StormCell, control: StormCell) -> float | None:
    """Seconds to the first record beyond those of the control: the median over pairs of rounds.

    A pair is of one storm, of a node's the same node, after which both came back to such a place.
    """
    pairs = [
        row["recovery_seconds"] - other["recovery_seconds"]
        for row in cell.rounds
        for other in control.rounds
        if _event(row) == _event(other)
        and None not in (row["recovery_seconds"], other["recovery_seconds"])
    ]
    return median(pairs) if pairs else None


def _event(row: Row) -> tuple[object, ...]:
    node = None if row["hold_seconds"] is None else row["node_before"]
    return row["round"], row["came_back"], node


def is_unfenced(row: Row) -> bool:
    """Whether two wrote at once to a volume that one node, or one pod, may have."""
    mode, moved = row["access_mode"], row["node_after"] != row["node_before"]
    one = mode == "ReadWriteOncePod" or (mode == "ReadWriteOnce" and moved)
    return one and (row["overlap_seconds"] or 0.0) > (row["clock_error_seconds"] or 0.0)


def _in_order(planned: Iterable[str], seen: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*planned, *seen]))


def _is_shared(row: Row) -> bool:
    return row["storage_class"] is not None and bare(row["volume"]) != row["storage_class"]


def _are_alike(one: StormCell, other: StormCell) -> bool:
    """Whether all is measured, and neither what was kept nor where it came back differs.

    Nor whether two wrote at once, or a promise was broken, or, as far as rounds can tell, how long
    it took.
    """
    if one.gaps or other.gaps:
        return False
    return _outcomes(one) == _outcomes(other) and not _apart(one, other)


def _outcomes(cell: StormCell) -> tuple[object, ...]:
    ends = Counter((row["kept"], row["came_back"]) for row in cell.rounds)
    overlaps = any(values(cell.rounds, "overlap_seconds"))
    return ends, overlaps, bool(cell.surprises)


def _apart(one: StormCell, other: StormCell) -> bool:
    """Whether recoveries surely differ; by fewer rounds than a verdict needs, nothing is sure."""
    logs = [[log(s) for s in values(cell.rounds, "recovery_seconds")] for cell in (one, other)]
    if min(map(len, logs)) < FEWEST:
        return False
    return bool(p_values(welch(*logs)) < LEVEL)


def _cell(run: Run, volume: str, storm: str, rounds: int, gaps: tuple[Gap, ...]) -> StormCell:
    mine = [row for row in run.storms if (row["volume"], row["storm"]) == (volume, storm)]
    measured = [row for row in mine if row["status"] == "measured"]
    known = next(iter(surprising(measured) or measured or mine), None)
    return StormCell(
        volume=volume,
        storm=storm,
        planned=rounds,
        rounds=tuple(measured),
        gaps=tuple(g for g in gaps if g.volume == volume and storm in dict(g.cells)),
        expectation=expectation(known) if known else None,
    )


def _gaps(
    run: Run, volumes: tuple[str, ...], storms: tuple[str, ...], rounds: int
) -> tuple[Gap, ...]:
    rows = {(row["volume"], row["storm"], row["round"]): row for row in run.storms}
    found: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    for volume in volumes:
        for storm in storms:
            for number in range(1, rounds + 1):
                row = rows.get((volume, storm, number))
                if row is None:
                    key = (volume, NOT_RUN, "the run ended before it")
                elif row["status"] == "measured":
                    continue
                else:
                    key = (volume, row["status"], row["error"] or "no reason was recorded")
                found.setdefault(key, []).append((storm, number))
    reasons_first = sorted(found.items(), key=lambda item: item[0][1] == NOT_RUN)
    return tuple(
        Gap(number, *key, cells=tuple(cells))
        for number, (key, cells) in enumerate(reasons_first, start=1)
    )
