"""A node that does not come back: on the testbed, whose nodes can lose their power for good.

`out_of_service_after_seconds` gives the volume away; without it Kubernetes' own times count, which
docs/storms.md has, measured by hand.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from reports.data.load import load
from reports.data.proof import Fsync, pooled, proofs
from tasks.kubernetes import verbs
from tasks.kubernetes.nodes import is_ready, spec_of
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon, out_of_service
from tests.flows.server import until
from tests.real.marks import BREAKS_NODES
from tests.storms.ground import Ground, event_rows, storm_rows

TESTBED = f"{sys.executable} -m testbed"
STORMARK = (sys.executable, "-m", "stormark")
NODE = "w2"
FAULT = {"down": f"{TESTBED} stop-node {{node}}", "up": f"{TESTBED} start-node {{node}}"}
PLAN: dict[str, Any] = {
    "storage_classes": ["csi-block"],
    "storm_volumes": ["storage-classes", "local"],
    "storms": ["node-lost"],
    "storm_nodes": f"kubernetes.io/hostname={NODE}",
    "node_fault": FAULT,
    "out_of_service_after_seconds": 20,
    "recovery_limit_seconds": 90,
    "volume_size": "300Mi",
}

pytestmark = BREAKS_NODES


def tainted(node: Obj) -> bool:
    return any(t["key"] == out_of_service.TAINT["key"] for t in spec_of(node).get("taints") or [])


def test_a_node_out_of_service_gives_its_volume_away(ground: Ground, tmp_path: Path) -> None:
    """What attaches is back elsewhere, with its data; what is tied to the node is not."""
    seen: list[bool] = []

    def look(row: dict[str, Any], _events: object) -> None:
        if row["volume"] == "csi-block":  # judged while the node is away
            seen.append(tainted(verbs.get(ground.cluster, "Node", NODE)))

    known = ground.run_storms(tmp_path, watch=look, **PLAN)
    rows = {row["volume"]: row for row in storm_rows(known)}
    assert {name: row.get("error") for name, row in rows.items()} == dict.fromkeys(rows)
    found = {name: (row["kept"], row["came_back"]) for name, row in rows.items()}
    assert found == {"csi-block": (True, "other node"), "local": (True, "never")}
    attached = rows["csi-block"]
    assert attached["node_before"] == NODE
    assert attached["verified_on"] == attached["node_after"] != NODE
    assert 0 < attached["multi_attach_seconds"] < attached["recovery_seconds"]
    steps = ("out_of_service", "new_pod_created", "detached", "attached", "recovery")
    at = [attached[f"{step}_seconds"] for step in steps]
    assert at == sorted(at)
    assert at[0] > 0
    moved = [(e["event"], e["node"]) for e in event_rows(known) if e["volume"] == "csi-block"]
    assert ("multi-attach error", attached["node_after"]) in moved
    assert ("detached", NODE) in moved
    assert ("attached", attached["node_after"]) in moved
    assert seen == [True]
    node = verbs.get(ground.cluster, "Node", NODE)
    assert not tainted(node)
    assert is_ready(node)
    run = load(str(tmp_path), known.run.run_id)
    fsync = {name: one.fsync for name, one in proofs(pooled(str(tmp_path), run)).items()}
    assert fsync == {"csi-block": Fsync.PROVED}


def test_a_run_that_is_killed_leaves_no_taint(ground: Ground, tmp_path: Path) -> None:
    """`stormark reap` takes it away and brings the node up; without that both stay."""
    file = tmp_path / "plan.yaml"
    plan = {**PLAN, **ground.plan, "results": str(tmp_path), "storm_volumes": ["storage-classes"]}
    file.write_text(yaml.safe_dump(plan))
    options = ("--plan", str(file))
    run = subprocess.Popen([*STORMARK, "run", "--flow", "storms", *options])
    try:
        until(lambda: verbs.get(ground.cluster, "Node", NODE), tainted)
    finally:
        run.kill()
        run.wait()
    left = verbs.get(ground.cluster, "Node", NODE)
    assert (tainted(left), is_ready(left)) == (True, False)  # the control: nobody undoes it yet
    mark = cordon.undoing_of(left)
    assert mark is not None
    assert mark["fault"] == "node-lost"
    done = subprocess.run([*STORMARK, "reap", *options], check=False)
    assert done.returncode == 0
    node = until(lambda: verbs.get(ground.cluster, "Node", NODE), is_ready)
    assert not tainted(node)
    assert cordon.undoing_of(node) is None
