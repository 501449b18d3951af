"""Every storm on every kind of volume: what comes back is what Kubernetes promises.

Runs on a real cluster as well: with KUBECONFIG, and STORMARK_E2E_IMAGE as an image that it has.
"""

from pathlib import Path
from typing import Any, NamedTuple

from tasks.results import store
from tests.storms.conftest import REAL
from tests.storms.ground import Ground, storm_rows

HOLD_SECONDS, LIMIT_SECONDS = (30, 180) if REAL else (10, 180)
ON_ONE_NODE = ("hostPath-pinned", "local", "local-path")


class Cell(NamedTuple):
    """What a cell of the matrix says."""

    kept: bool
    came_back: str
    why: str | None


def test_every_storm_on_every_kind_of_volume(any_ground: Ground, tmp_path: Path) -> None:
    """Kept or lost, and where the writer came back; the rows are in Parquet."""
    known = any_ground.run_storms(
        tmp_path,
        storage_classes=["local-path", "nfs-client"],
        hold_seconds=HOLD_SECONDS,
        recovery_limit_seconds=LIMIT_SECONDS,
    )
    assert len(storm_rows(known)) == known.parts[0].planned == 8 * 4
    assert_not_offered([row for row in storm_rows(known) if row["volume"] == "local-path (RWX)"])
    rows = {
        (row["volume"], row["storm"]): row
        for row in storm_rows(known)
        if row["volume"] != "local-path (RWX)"
    }
    assert [row["error"] for row in rows.values() if row["status"] != "measured"] == []
    cells = {
        cell: Cell(row["kept"], row["came_back"], row.get("pending_reason"))
        for cell, row in rows.items()
    }
    seen = {cell: row["pending_message"] for cell, row in rows.items() if row["pending_message"]}
    assert cells == {cell: promised(*cell, row) for cell, row in rows.items()}, seen
    for cell, row in rows.items():
        if cell[0] == "nfs-client (RWX)":
            assert row["verified_on"] != row["node_after"], cell
        assert counts_agree(row), cell
        assert times_agree(row), cell
    assert_in_parquet(tmp_path, known.run.run_id)
    assert any_ground.left() == []


def promised(volume: str, storm: str, row: dict[str, Any]) -> Cell:
    """What Kubernetes promises; where it leaves a choice of node, after the node it chose."""
    same_node = row["node_after"] == row["node_before"]
    where = "same node" if same_node else "other node"
    if storm == "container-restart":
        return Cell(True, "same node", None)
    if volume in ON_ONE_NODE and storm == "drain":
        why = "node selector" if volume == "hostPath-pinned" else "volume node affinity"
        return Cell(True, "after uncordon", why)
    if volume in ON_ONE_NODE:
        return Cell(True, "same node", None)
    if storm == "drain":
        where = "other node"
    kept = {"emptyDir": False, "hostPath": where == "same node", "nfs-client": True}[
        volume.removesuffix(" (RWX)")
    ]
    return Cell(kept, where, None)


def assert_not_offered(rows: list[dict[str, Any]]) -> None:
    """A class without ReadWriteMany volumes says so in its provisioner's words."""
    assert [row["status"] for row in rows] == ["not offered"] * 4
    for row in rows:
        assert (row["storage_class"], row["access_mode"]) == ("local-path", "ReadWriteMany")
        assert "local-path has no ReadWriteMany volumes: ProvisioningFailed: " in row["error"]
        assert "only supports ReadWriteOnce" in row["error"]


def counts_agree(row: dict[str, Any]) -> bool:
    """Whether the counts of a cell say the same as its verdict."""
    lost, acknowledged = row["lost_records"], row["acknowledged_records"]
    whole = lost == row["pages_lost"] == 0
    return bool(row["torn_records"] <= 1 and row["kept"] == whole and lost <= acknowledged)


def times_agree(row: dict[str, Any]) -> bool:
    """Whether the times of a cell say the same as where its writer came back."""
    if row["storm"] != "drain":
        return bool(0 < row["recovery_seconds"] < LIMIT_SECONDS)
    away, hold, back = (row[f"{name}_seconds"] for name in ("away", "hold", "return"))
    if row["came_back"] == "after uncordon":
        return bool(away == hold >= HOLD_SECONDS and 0 < back < LIMIT_SECONDS)
    return bool(0 < away < hold and back is None)


def assert_in_parquet(location: Path, run_id: str) -> None:
    """Both tables hold the run, and each measured cell has its fault and its first record."""
    stored = store.read_table(str(location), "storms", run_id)
    assert stored["status"].value_counts().to_dict() == {"measured": 7 * 4, "not offered": 4}
    events = store.read_table(str(location), "storm_events", run_id)
    per_cell = events.groupby(["volume", "storm"])["event"].agg(set)
    assert len(per_cell) == 7 * 4
    assert all({"fault", "last record", "first record"} <= seen for seen in per_cell)
