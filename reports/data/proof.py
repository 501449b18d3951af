"""What storms prove of a class's fsync, and in how many faults it lost records, over many runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy.special import betaincinv

from reports.data.load import Row, Run, newest, rows

# Storms whose command may cut a node's power. Whether it did is measured: a control, of which
# nothing was made durable, lost records on a volume of that node that kept the acknowledged ones.
POWER = ("node-crash", "node-lost")
# Their content is a node's own: on another one it is another volume under the same name.
OF_ONE_NODE = ("hostPath", "local")
LEVEL = 0.95

OF_RUNS = ("run_id", "cluster", "started_at")
OF_CLASSES = ("run_id", "storage_class", "provisioner", "parameters", "mount_options")
OF_STORMS = (
    "run_id", "volume", "storage_class", "storm", "round", "status", "kept", "pv_type",
    "node_before", "node_after", "acknowledged_records", "lost_records", "pages_lost",
    "cold_damaged", "unsynced_records", "unsynced_lost_records", "hold_seconds",
)  # fmt: skip


class Fsync(StrEnum):
    """What is known of a class's fsync."""

    PROVED = "proved"
    NOT_PROVED = "not proved"
    REFUTED = "refuted"


@dataclass(frozen=True)
class Losses:
    """In how many faults of a storm a class lost acknowledged records. One of a node is one."""

    storm: str
    faults: int
    lost: int

    @property
    def at_most(self) -> float:
        """The chance of a loss in a fault is at most this, with a confidence of 95 %.

        The upper bound of Clopper and Pearson, of one side: 1 - 0.05^(1/n) where none was lost.
        """
        if self.lost == self.faults:
            return 1.0
        return float(betaincinv(self.lost + 1, self.faults - self.lost, LEVEL))


@dataclass(frozen=True)
class Proof:
    """What is known of a class's fsync, and the row that decides it; `runs` counts those pooled.

    Where nothing decides, `row` is any of a fault that might have; `control` is the row, of a
    volume of the same node, whose control lost records in the fault that proves.
    """

    fsync: Fsync
    row: Row | None
    control: Row | None
    losses: tuple[Losses, ...]
    runs: int


def pooled(location: str, run: Run) -> list[Row]:
    """The measured rows of storms, of a run and of the same cluster's runs before it.

    A class that was defined otherwise then was another class, and its rows are left out.
    """
    if not run.storms:
        return []
    facts = run.facts
    ids = {
        row["run_id"]
        for row in newest(location, columns=OF_RUNS)
        if row["cluster"] == facts["cluster"] and row["started_at"] < facts["started_at"]
    }
    earlier = rows(location, "storms", ids, OF_STORMS)
    known = {row["run_id"] for row in earlier}
    same = {
        (row["run_id"], row["storage_class"])
        for row in rows(location, "classes", known, OF_CLASSES)
        if any(_definition(row) == _definition(now) for now in run.classes)
    }
    of_now = {None, *((run_id, name) for run_id, name in same)}
    before = [row for row in earlier if _class_of(row) in of_now]
    return [row for row in [*before, *run.storms] if row["status"] == "measured"]


def _class_of(row: Row) -> tuple[str, str] | None:
    return (row["run_id"], row["storage_class"]) if row["storage_class"] else None


def _definition(row: Row) -> list[object]:
    return [row[column] for column in OF_CLASSES[1:]]


def proofs(measured: Sequence[Row]) -> dict[str, Proof]:
    """What measured rows of storms prove of each class that they are of."""
    names = dict.fromkeys(row["storage_class"] for row in measured if row["storage_class"])
    teeth = {_event(r): r for r in measured if r["kept"] and r["unsynced_lost_records"]}
    of = {name: [row for row in measured if row["storage_class"] == name] for name in names}
    return {name: _proof(rows_of_it, teeth) for name, rows_of_it in of.items()}


def _proof(measured: Sequence[Row], teeth: dict[tuple[object, ...], Row]) -> Proof:
    power = [row for row in measured if row["storm"] in POWER]
    lost = next((row for row in power if row["kept"] is False and _came_back_itself(row)), None)
    kept = next((row for row in power if row["kept"] and _event(row) in teeth), None)
    control = None
    if kept:  # its own volume's, else that of another volume of the same node
        control = kept if kept["unsynced_lost_records"] else teeth[_event(kept)]
    return Proof(
        Fsync.REFUTED if lost else Fsync.PROVED if kept else Fsync.NOT_PROVED,
        lost or kept or next(iter(power), None),
        control,
        tuple(_losses(storm, measured) for storm in dict.fromkeys(r["storm"] for r in measured)),
        len({row["run_id"] for row in measured}),
    )


def _came_back_itself(row: Row) -> bool:
    """Whether what was read back is the volume that was written to."""
    return row["pv_type"] not in OF_ONE_NODE or row["node_after"] == row["node_before"]


def _losses(storm: str, measured: Iterable[Row]) -> Losses:
    """Faults are counted, not volumes; one after which nothing could be read back is not one."""
    events: dict[tuple[object, ...], bool] = {}
    for row in measured:
        if row["storm"] == storm and row["kept"] is not None:
            events[_event(row)] = events.get(_event(row), False) or not row["kept"]
    return Losses(storm, len(events), sum(events.values()))


def faults(measured: Iterable[Row]) -> set[tuple[object, ...]]:
    """The faults that rounds are of: one of a node is one, whatever volumes it met."""
    return {_event(row) for row in measured}


def _event(row: Row) -> tuple[object, ...]:
    """What is one fault: of a node it is one for all its volumes, of a pod it is that pod's."""
    place = row["volume"] if row["hold_seconds"] is None else row["node_before"]
    return row["run_id"], row["storm"], row["round"], place
