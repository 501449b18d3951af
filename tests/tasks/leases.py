"""Leases of other runs: of one that renews it, and of one that died."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tasks.kubernetes import verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import lease


def micro_time(ahead_seconds: float = 0) -> str:
    """Now, by a clock that is so many seconds ahead."""
    now = datetime.now(UTC) + timedelta(seconds=ahead_seconds)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def a_lease(holder: str, *, ahead_seconds: float = 0, duration_seconds: int = 1) -> Obj:
    """The Lease of a run whose clock is so many seconds ahead, as it was renewed last."""
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration_seconds,
        "renewTime": micro_time(ahead_seconds),
    }
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "stormark"},
        "spec": spec,
    }


@contextmanager
def renewed(cluster: Cluster, holder: str, *, ahead_seconds: float = 0) -> Iterator[None]:
    """A Lease that a run renews for the block, all the time, and then gives back."""
    verbs.create(cluster, a_lease(holder, ahead_seconds=ahead_seconds, duration_seconds=60))
    try:
        with renewing(cluster, ahead_seconds=ahead_seconds):
            yield
    finally:
        verbs.delete(cluster, "Lease", lease.LEASE)


@contextmanager
def renewing(cluster: Cluster, *, ahead_seconds: float = 0) -> Iterator[None]:
    """Renew the Lease that is there for the block; it has been once when the block begins."""
    ended = threading.Event()

    def renew() -> None:
        # no reader may wait longer for a change, however busy the machine is
        spec = {"renewTime": micro_time(ahead_seconds), "leaseDurationSeconds": 60}
        verbs.patch(cluster, "Lease", lease.LEASE, {"spec": spec})

    def renew_on() -> None:
        while not ended.wait(0.1):
            renew()

    renew()
    renewer = threading.Thread(target=renew_on)
    renewer.start()
    try:
        yield
    finally:
        ended.set()
        renewer.join()
