"""A node loses its power, or its network, under a writer: on the testbed, which can do both."""

import sys
from pathlib import Path

from tests.real.marks import BREAKS_NODES
from tests.storms.ground import Ground, storm_rows

TESTBED = f"{sys.executable} -m testbed"
VOLUMES = ("emptyDir", "hostPath-pinned", "local", "local-path", "nfs-client", "sized")

pytestmark = BREAKS_NODES


def test_a_power_cut_and_a_network_cut(ground: Ground, tmp_path: Path) -> None:
    """Shorter than pods tolerate: each writer is back on its node, and no record is lost."""
    known = ground.run_storms(
        tmp_path,
        storage_classes=["local-path", "nfs-client", "sized"],
        storms=["node-crash", "node-partition"],
        storm_volumes=["emptyDir", "hostPath-pinned", "local", "storage-classes"],
        node_fault={
            "down": f"{TESTBED} stop-node {{node}}",
            "up": f"{TESTBED} start-node {{node}}",
        },
        node_partition={"down": f"{TESTBED} cut {{node}}", "up": f"{TESTBED} join {{node}}"},
        hold_seconds=15,
        recovery_limit_seconds=300,  # kubelet tries a mount again after 31, 63 and 127 s
    )
    assert [row["error"] for row in storm_rows(known) if row["status"] != "measured"] == []
    cells = {
        (row["volume"], row["storm"]): (row["kept"], row["came_back"], row["node_after"])
        for row in storm_rows(known)
    }
    nodes = {(row["volume"], row["storm"]): row["node_before"] for row in storm_rows(known)}
    assert cells == {
        (volume, storm): (True, promised(volume, storm), nodes[volume, storm])
        for storm in ("node-crash", "node-partition")
        for volume in VOLUMES
    }
    for row in storm_rows(known):
        assert row["hold_seconds"] >= 15
        unseen = row.get("unseen_seconds") or 0.0  # as a client sees it: no record came through
        cut_off = row["storm"] == "node-partition"
        assert (unseen > 10) is cut_off, (row["volume"], row["storm"], unseen)
        assert row.get("pending_reason") is None, row["pending_message"]


def promised(volume: str, storm: str) -> str:
    """A disk of the node's own goes on without a network; all else waits for the repair."""
    goes_on = storm == "node-partition" and volume != "nfs-client"
    return "same node" if goes_on else "after repair"
