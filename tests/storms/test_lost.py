"""A node that is lost, on a cluster whose nodes cannot be: what is waited for, and undone.

The embedded cluster evicts nobody and attaches nothing; `down` does by hand what becomes of a pod.
What only a real one shows is in tests/real/test_node_lost.py.
"""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import verbs
from tasks.lifecycle import cordon, out_of_service
from tests.conftest import Cluster
from tests.storms.ground import Ground, storm_rows
from tests.storms.test_node_faults import NODE, says

pytestmark = pytest.mark.usefixtures("soon")

PLAN: dict[str, Any] = {
    "storage_classes": ["nfs-client"],
    "storms": ["node-lost"],
    "storm_nodes": f"kubernetes.io/hostname={NODE}",
    "out_of_service_after_seconds": 1,
    "writes_per_second": 20,
}
# Deletes the pods of a node at once, and lets none be made there.
DELETES = """
import sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
core, namespace, node = client.CoreV1Api(), *sys.argv[2:]
core.patch_node(node, {"spec": {"taints": [{"key": "off", "effect": "NoSchedule"}]}})
for pod in core.list_namespaced_pod(namespace, field_selector=f"spec.nodeName={node}").items:
    core.delete_namespaced_pod(pod.metadata.name, namespace, grace_period_seconds=0)
"""


def test_a_writer_that_does_not_move_is_never_back(ground: Ground, tmp_path: Path) -> None:
    """Its node is seen Ready all the time, so it gets no taint; the volume is read after `up`."""
    log = tmp_path / "log"
    fault = {"down": says(log, "down"), "up": says(log, "up")}
    more = {"storm_volumes": ["local"], "recovery_limit_seconds": 5, "node_fault": fault}
    known = ground.run_storms(tmp_path, **PLAN | more)
    (row,) = storm_rows(known)
    assert (row["status"], row["came_back"], row["kept"]) == ("measured", "never", True)
    assert row["hold_seconds"] >= 5
    assert row["out_of_service_seconds"] is None
    assert log.read_text() == f"down {NODE};up {NODE};"
    assert cordon.undoing_of(verbs.get(ground.cluster, "Node", NODE)) is None


def test_a_writer_that_moves_is_judged_while_its_node_is_down(
    ground: Ground, session_cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log, tainted = tmp_path / "log", list[bool]()
    monkeypatch.setattr(out_of_service, "is_ready", lambda _node: False)
    down = [sys.executable, "-c", DELETES, str(session_cluster.kubeconfig)]
    fault = {"down": shlex.join([*down, ground.cluster.namespace, "{node}"]), "up": says(log, "up")}

    def look(_row: dict[str, Any], _events: object) -> None:
        assert not log.exists()
        tainted.append(bool(verbs.get(ground.cluster, "Node", NODE)["spec"].get("taints")))

    more = {"storm_volumes": ["storage-classes"], "recovery_limit_seconds": 300}
    try:
        known = ground.run_storms(tmp_path, watch=look, **PLAN | more, node_fault=fault)
    finally:
        verbs.patch(ground.cluster, "Node", NODE, {"spec": {"taints": None}})
    (row,) = storm_rows(known)
    assert (row["came_back"], row["kept"], row["node_before"]) == ("other node", True, NODE)
    assert row["verified_on"] == row["node_after"] != NODE
    assert tainted == [True]
    assert log.read_text() == f"up {NODE};"
