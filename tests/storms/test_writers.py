"""A StatefulSet beside a Deployment: each on volumes of its own, and what tells the two apart.

Runs on a real cluster as well: with KUBECONFIG, and STORMARK_E2E_IMAGE as an image that it has.
"""

from pathlib import Path
from typing import Any

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tests.storms.ground import Ground, event_rows, storm_rows

BOTH = ["Deployment", "StatefulSet"]
PLAN: dict[str, Any] = {
    "storage_classes": ["local-path"],
    "writers": BOTH,
    "recovery_limit_seconds": 180,
    "hold_seconds": 5,
}
Steps = dict[str, float]


def steps_of(known: Any, volume: str, storm: str) -> Steps:
    """When each step of a cell was seen, in seconds after the fault."""
    return {
        event["event"]: event["offset_seconds"]
        for event in event_rows(known)
        if (event["volume"], event["storm"]) == (volume, storm)
    }


def test_a_stateful_set_waits_its_pod_out_and_a_deployment_does_not(
    any_ground: Ground, tmp_path: Path
) -> None:
    """The pods of one have one name, those of the other never; both keep every record."""
    known = any_ground.run_storms(
        tmp_path, **PLAN, storms=["pod-delete"], storm_volumes=["storage-classes"]
    )
    rows = {row["writer_kind"]: row for row in storm_rows(known)}
    assert {kind: row.get("error") for kind, row in rows.items()} == dict.fromkeys(BOTH)
    assert [row["volume"] for row in rows.values()] == ["local-path", "local-path (StatefulSet)"]
    assert known.parts[0].planned == 2
    for row in rows.values():
        assert (row["storage_class"], row["kept"], row["lost_records"]) == ("local-path", True, 0)
        assert row["acknowledged_records"] > 0
    of_one = steps_of(known, "local-path", "pod-delete")
    assert of_one["new pod created"] < of_one["old pod gone"]
    of_other = steps_of(known, "local-path (StatefulSet)", "pod-delete")
    assert of_other["old pod gone"] < of_other["new pod created"]
    assert rows["StatefulSet"]["overlap_seconds"] == 0
    names = {
        kind: {e["pod"] for e in event_rows(known) if e["volume"] == row["volume"] and e["pod"]}
        for kind, row in rows.items()
    }
    assert {kind: len(found) for kind, found in names.items()} == {"Deployment": 2, BOTH[1]: 1}
    assert names["StatefulSet"].pop().endswith("-s-0")


def test_every_storm_and_volume_with_pods_of_one_name(any_ground: Ground, tmp_path: Path) -> None:
    """What the name was before is not taken for what it is now: nothing is lost, nothing extra."""
    known = any_ground.run_storms(
        tmp_path,
        **PLAN | {"writers": ["StatefulSet"]},
        storms=["container-restart", "pod-delete", "pod-kill", "drain"],
        storm_volumes=["emptyDir", "hostPath-pinned", "hostPath", "local", "storage-classes"],
    )
    rows = storm_rows(known)
    assert [row["error"] for row in rows if row["status"] != "measured"] == []
    assert len(rows) == known.parts[0].planned == 5 * 4
    tied = ("hostPath-pinned (StatefulSet)", "local (StatefulSet)", "local-path (StatefulSet)")
    for row in rows:
        if row["volume"] in tied:
            assert (row["kept"], row["torn_records"]) == (True, 0), row
        if row["volume"].startswith("emptyDir"):
            assert row["kept"] is (row["storm"] == "container-restart"), row
    assert {row["writer_kind"] for row in rows} == {"StatefulSet"}


def test_without_the_right_only_stateful_sets_are_skipped(
    ground: Ground, tmp_path: Path, monkeypatch: Any
) -> None:
    """The others of the same volume are not, and the reason names the file that grants it."""
    allowed = verbs.allowed

    def but_stateful_sets(
        cluster: Cluster, verb: str, resource: str, group: str, **more: bool
    ) -> bool:
        return resource != "statefulsets" and allowed(cluster, verb, resource, group, **more)

    monkeypatch.setattr(verbs, "allowed", but_stateful_sets)
    known = ground.run_storms(
        tmp_path, **PLAN, storms=["pod-kill"], storm_volumes=["storage-classes"]
    )
    found = {row["writer_kind"]: row for row in storm_rows(known)}
    assert found["Deployment"]["status"] == "measured"
    assert found["StatefulSet"]["status"] == "skipped"
    assert "manifests/rbac/stateful.yaml grants it" in found["StatefulSet"]["error"]
