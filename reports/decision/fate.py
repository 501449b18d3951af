"""What became of a class's data in the storms, from the rows of the table `storms`."""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from reports.data.load import Row, Run, bare
from reports.data.proof import Fsync, Proof
from reports.text.losses import lost, verb
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
        return f"{_lost(fate)} ({_storms(fate.lossy)})"
    if fate.unread:
        return f"not read back after {_storms(fate.unread)}"
    count = len(fate.measured)
    return f"kept in {count} storm{'' if count == 1 else 's'}" if count else ""


def _lost(fate: Fate) -> str:
    """What was lost or damaged, and the most seconds that one fault took, where that is known."""
    with_records = [row for row in fate.lossy if row["lost_records"]]
    known = [row["lost_seconds"] for row in with_records if row["lost_seconds"] is not None]
    count, what = lost(fate.lossy), verb(fate.lossy)
    return f"{what} up to {tenths(max(known))}, {count}" if known else f"{what} {count}"


def fsync_in_words(proof: Proof | None) -> str:
    """Whether the class's fsync is proved, and if not why."""
    if proof is None or proof.row is None:
        return "not proved: no node lost its power"
    damaged = verb([proof.row]) == "damaged"
    gone = f"{lost([proof.row])} damaged" if damaged else "acknowledged records lost"
    why = {
        Fsync.PROVED: f"all kept in {proof.row['storm']}, where unsynced ones were lost",
        Fsync.REFUTED: f"{gone} in {proof.row['storm']}",
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
    kept = _lost(fate) if fate.lossy else "not read back" if unread else "kept"
    return f"{kept}; {'; '.join(_returns(rows, run.plan.get('recovery_limit_seconds')))}"


def _returns(rows: list[Row], limit: float | None) -> list[str]:
    """Where the writer came back in these rounds, and after how long where that says something.

    The storm is named where others took nodes away too. `limit` is after how many seconds a writer
    counts as one that never came back.
    """
    found: dict[str, list[Row]] = {}
    for place in ("same node", "other node", "after uncordon", "after repair", "never"):
        for storm in dict.fromkeys(row["storm"] for row in rows):
            mine = [r for r in rows if (r["came_back"], r["storm"]) == (place, storm)]
            if mine:
                found.setdefault(_return(place, mine, limit), []).extend(mine)
    several = {row["storm"] for row in rows} != {"drain"}
    return [f"{text} ({_storms(mine)})" if several else text for text, mine in found.items()]


def _return(place: str, rows: list[Row], limit: float | None) -> str:
    """Where a writer came back in the rounds of one storm, and after how long."""
    if place == "never" and rows[0]["storm"] == "node-lost" and limit:
        return f"waits for its node, not elsewhere within {limit:g} s"
    words = {
        "same node": "writes on, on its node",
        "other node": "on another node after",
        "after uncordon": "waits for its node",
        "after repair": "waited for its node, which was away for",
        "never": "never came back",
    }[place]
    column = {"other node": "recovery_seconds", "after repair": "hold_seconds"}.get(place, "")
    known = [row[column] for row in rows if column and row[column] is not None]
    return f"{words} {tenths(median(known))}" if known else words


def _storms(rows: list[Row]) -> str:
    return ", ".join(dict.fromkeys(row["storm"] for row in rows))
