"""Reaping: what is released, and what is somebody else's."""

from datetime import UTC, datetime

from tasks import cluster as k8s
from tasks import labels
from tasks.cluster import Obj
from tasks.manifest import render
from tasks.plan import Plan
from tasks.reap import Remains, reap
from tests.storms.ground import Ground, new_namespace

LIVING, DEAD = "20261123-031500-a1b2c3", "20261122-031500-d4e5f6"
LATER = "2099-01-01T00:00:00+00:00"


def local_pv(run_id: str, namespace: str) -> Obj:
    """A PV as a run in that namespace makes it."""
    return render(
        "local-pv",
        name=f"stormark-{run_id}-0-local-storm",
        labels=labels.of_run(run_id),
        deadline=LATER,
        namespace=namespace,
        plan=Plan(),
        path="/var/tmp/stormark",
        hostname="w1",
    )


def test_the_pv_of_a_run_that_lives_in_another_namespace_is_left_alone(ground: Ground) -> None:
    """A PV belongs to no namespace, and its run's Lease is where the run works."""
    with new_namespace() as other:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease = {
            "run_id": LIVING,
            "labels": labels.of_run(LIVING),
            "duration_seconds": 60,
            "now": now,
        }
        k8s.create(other, render("lease", **lease))
        k8s.create(other, local_pv(LIVING, other.namespace))
        try:
            assert reap(ground.cluster, dry_run=False) == []
            assert k8s.get(other, "PersistentVolume", f"stormark-{LIVING}-0-local-storm")
        finally:
            k8s.delete(other, "PersistentVolume", f"stormark-{LIVING}-0-local-storm")


def test_the_pv_of_a_dead_run_is_released(ground: Ground) -> None:
    """Also when nothing else of the run is left."""
    k8s.create(ground.cluster, local_pv(DEAD, ground.cluster.namespace))
    why = "dead: it no longer renews its Lease"
    left = [f"PersistentVolume/stormark-{DEAD}-0-local-storm"]
    assert reap(ground.cluster, dry_run=True) == [Remains(DEAD, why, left)]
    assert reap(ground.cluster, dry_run=False) == [Remains(DEAD, why, left)]
    assert reap(ground.cluster, dry_run=False) == []
