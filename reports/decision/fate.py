"""What became of a class's data in the storms, from the rows of the table `storms`."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from reports.data.load import Row, Run, bare
from reports.data.proof import Fsync, Proof
from reports.text.units import tenths

MEASURED, NOT_OFFERED = "measured", "not offered"
NODE_STORMS = ("drain", "node-crash", "node-partition", "node-lost")
# Where a writer comes back only with its node, however long that is away.
WITH_ITS_NODE = ("after uncordon", "after repair")


@dataclass(frozen=True)
class Fate:
    """The rounds that a class's volumes went through, and those of which nothing is known."""

    measured: tuple[Row, ...]
    failed: tuple[Row, ...]

    @property
    def lossy(self) -> list[Row]:
        """The rounds that lost records."""
        return [row for row in self.measured if row["kept"] is False]

    @property
    def unread(self) -> list[Row]:
        """The rounds of which nobody knows: failed, or the volume was not read back."""
        return [row for row in self.measured if row["kept"] is None] + list(self.failed)

    @property
    def lost_records(self) -> int:
        """Records lost in all rounds together."""
        return sum(row["lost_records"] or 0 for row in self.lossy)


def fate_of(run: Run, name: str, *, shared: bool | None = None) -> Fate:
    """The fate of a class's volumes: of all, of the `shared` ReadWriteMany ones, or the others."""
    rows = [
        row
        for row in run.storms
        if row["storage_class"] == name and shared in (None, bare(row["volume"]) != name)
    ]
    return Fate(
        measured=tuple(row for row in rows if row["status"] == MEASURED),
        failed=tuple(row for row in rows if row["status"] == "failed"),
    )


def records_in_words(fate: Fate) -> str:
    """What was lost or kept, and in how many rounds; empty where nothing was measured."""
    if fate.lossy:
        return f"lost {_lost(fate)} ({_storms(fate.lossy)})"
    if fate.unread:
        return f"not read back after {_storms(fate.unread)}"
    count = len(fate.measured)
    return f"kept in {count} storm{'' if count == 1 else 's'}" if count else ""


def _lost(fate: Fate) -> str:
    """Records lost, and the most that one fault took in seconds where that is known."""
    known = [row["lost_seconds"] for row in fate.lossy if row["lost_seconds"] is not None]
    count = f"{fate.lost_records:,} records"
    return f"up to {tenths(max(known))}, {count}" if known else count


def fsync_in_words(proof: Proof | None) -> str:
    """Whether the class's fsync is proved, and if not why."""
    if proof is None or proof.row is None:
        return "not proved: no node lost its power"
    why = {
        Fsync.PROVED: f"all kept in {proof.row['storm']}, where unsynced ones were lost",
        Fsync.REFUTED: f"acknowledged records lost in {proof.row['storm']}",
        Fsync.NOT_PROVED: f"{proof.row['storm']} lost no unsynced record either",
    }
    if proof.row["kept"] is None:
        why[Fsync.NOT_PROVED] = f"not read back after {proof.row['storm']}"
    return f"{proof.fsync}: {why[proof.fsync]}"


def node_storms(run: Run, names: Collection[str]) -> list[str]:
    """Which storms took the node of a class's volume away."""
    seen = {row["storm"] for name in names for row in fate_of(run, name, shared=False).measured}
    return [storm for storm in NODE_STORMS if storm in seen]


def node_in_words(run: Run, name: str) -> str:
    """What happens to a class's data when its node goes; empty where no node went."""
    rows = [row for row in fate_of(run, name, shared=False).measured if row["storm"] in NODE_STORMS]
    if not rows:
        return ""
    fate = Fate(tuple(rows), ())
    unread = any(row["kept"] is None for row in rows)
    kept = f"lost {_lost(fate)}" if fate.lossy else "not read back" if unread else "kept"
    return f"{kept}; {'; '.join(_returns(rows))}"


def _returns(rows: list[Row]) -> list[str]:
    """Where the writer came back in these rounds, and after how long where that says something.

    The storm is named where others took nodes away too.
    """
    found = []
    several = {row["storm"] for row in rows} != {"drain"}
    for place, words in (
        ("same node", "writes on, on its node"),
        ("other node", "on another node after"),
        ("after uncordon", "waits for its node"),
        ("after repair", "waited for its node, which was away for"),
        ("never", "never came back"),
    ):
        mine = [row for row in rows if row["came_back"] == place]
        if not mine:
            continue
        text = words
        column = {"other node": "recovery_seconds", "after repair": "hold_seconds"}.get(place)
        if column and (known := [row[column] for row in mine if row[column] is not None]):
            text += f" {tenths(median(known))}"
        found.append(f"{text} ({_storms(mine)})" if several else text)
    return list(dict.fromkeys(found))


def _storms(rows: list[Row]) -> str:
    return ", ".join(dict.fromkeys(row["storm"] for row in rows))
