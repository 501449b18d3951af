"""A StatefulSet beside a Deployment: on a volume that attaches, and on one of its node."""

import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from tests.real.marks import BREAKS_NODES
from tests.storms.ground import Ground, storm_rows
from tests.storms.test_writers import BOTH, steps_of

TESTBED = f"{sys.executable} -m testbed"
CLASSES = ["csi-block", "local-path"]
STORMS = ["pod-delete", "pod-kill", "drain", "node-crash"]

pytestmark = BREAKS_NODES


@pytest.fixture(scope="module")
def classes(admin: client.ApiClient) -> list[str]:
    """Those of the testbed that are there."""
    storage: Any = client.StorageV1Api(admin)
    there = storage.list_storage_class().items
    return [name for name in CLASSES if name in {c.metadata.name for c in there}]


def test_both_keep_all_and_only_one_waits_its_pod_out(
    ground: Ground, tmp_path: Path, classes: list[str]
) -> None:
    """The Deployment is the control: its next pod is made while the old one still ends."""
    known = ground.run_storms(
        tmp_path,
        storage_classes=classes,
        writers=BOTH,
        storms=STORMS,
        storm_volumes=["storage-classes"],
        storm_nodes="kubernetes.io/hostname in (w1,w2,w3)",
        node_fault={
            "down": f"{TESTBED} stop-node {{node}}",
            "up": f"{TESTBED} start-node {{node}}",
        },
        hold_seconds=5,
        recovery_limit_seconds=300,
    )
    rows = storm_rows(known)
    assert [row["error"] for row in rows if row["status"] != "measured"] == []
    assert len(rows) == known.parts[0].planned == len(classes) * len(BOTH) * len(STORMS)
    for row in rows:
        assert (row["kept"], row["lost_records"]) == (True, 0), row
    for name in classes:
        of_one = steps_of(known, name, "pod-delete")
        assert of_one["new pod created"] < of_one["old pod gone"]
        of_other = steps_of(known, f"{name} (StatefulSet)", "pod-delete")
        assert of_other["old pod gone"] < of_other["new pod created"]
    graceful = [r for r in rows if r["writer_kind"] == BOTH[1] and r["storm"] != "pod-kill"]
    assert {row["overlap_seconds"] for row in graceful} == {0}
    crashed = [row["came_back"] for row in rows if row["storm"] == "node-crash"]
    assert crashed == ["after repair"] * len(classes) * len(BOTH)
