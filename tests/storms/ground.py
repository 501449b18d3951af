"""A run of storms in a namespace of a test's own, without Prefect, and what it leaves behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from kubernetes import client

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import labels, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon, record
from tasks.lifecycle.lease import lease
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run, owned
from tasks.plan.plan import Plan
from tasks.preflight import begin
from tasks.results.storm_columns import EventRow, StormRow
from tasks.storms import experiment, recovery
from tasks.storms.cells import part
from tasks.storms.outcome import Before
from tasks.storms.writers import Writer
from tests.flows.server import until

Rows = list[dict[str, Any]]
NAMESPACED = (
    "ConfigMap",
    "Deployment",
    "Job",
    "Lease",
    "PersistentVolumeClaim",
    "Pod",
    "StatefulSet",
)


def say_nothing_of(row: dict[str, Any], events: Rows) -> None:
    """Nobody looks at a cell before the run has ended."""


def say_nothing(progress: Progress) -> None:
    """Nobody listens to the run's progress."""


def storm_rows(known: Record) -> list[dict[str, Any]]:
    """Every cell of a run's storms."""
    return [row.columns() for row in known.sink.rows(StormRow)]


def event_rows(known: Record) -> list[dict[str, Any]]:
    """Every moment of a run's storms."""
    return [row.columns() for row in known.sink.rows(EventRow)]


class Ground(NamedTuple):
    """A cluster and a namespace in it; `plan` holds what every plan there needs."""

    cluster: Cluster
    plan: dict[str, Any]
    folders: list[Path]

    @property
    def core(self) -> Any:
        return client.CoreV1Api(self.cluster.api)

    def run_storms(
        self,
        results: Path,
        watch: Callable[[dict[str, Any], Rows], None] = say_nothing_of,
        report: Report = say_nothing,
        **plan: Any,
    ) -> Record:
        """Run the storms of a plan as the flow does; the record of what came of it.

        `watch` is given the rows of each cell while its volume is still there, `report` each step.
        """
        chosen = Plan(**(self.plan | {"results": str(results)} | plan))
        run, storage_classes, known = begin.begin(chosen, "storms", say_nothing)

        def keep(row: StormRow, events: list[EventRow]) -> None:
            known.sink.append(row, *events)
            watch(row.columns(), [event.columns() for event in events])

        with (
            lease(run, say_nothing),
            owned(run, say_nothing, known.warnings.append) as owner,
        ):
            known.parts.append(part(run.plan, experiment.planned(run, storage_classes)))
            experiment.run_storms(run, owner, storage_classes, report, keep)
        record.save(known, record.outcome_of(known), record.summary(known))
        return known

    def left(self) -> list[str]:
        """What a run could have left: objects in the namespace, its PVs, cordons and folders."""
        found = [
            f"{kind} {item['metadata']['name']}"
            for kind in NAMESPACED
            for item in verbs.find(self.cluster, kind)
            if item["metadata"]["name"] != "kube-root-ca.crt"  # the cluster's own
        ]
        for volume in verbs.find(self.cluster, "PersistentVolume"):
            claim = volume["spec"].get("claimRef") or {}
            if claim.get("namespace") == self.cluster.namespace:
                found.append(f"PersistentVolume {volume['metadata']['name']}")
        for node in verbs.find(self.cluster, "Node"):
            undoing = cordon.undoing_of(node)
            if undoing and undoing["namespace"] == self.cluster.namespace:
                found.append(f"cordon of {node['metadata']['name']}")
        return found + [
            str(folder) for path in self.folders for folder in path.glob("var/tmp/stormark-*")
        ]


@contextmanager
def new_namespace() -> Iterator[Cluster]:
    """A connection to the cluster of KUBECONFIG, with a namespace that ends with the block."""
    name = f"storms-{uuid4().hex[:8]}"
    cluster = k8s.connect(None, name)
    meta = {"name": name}
    verbs.create(cluster, {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    try:
        yield cluster
    finally:
        verbs.delete(cluster, "Namespace", name)
        cluster.api.close()


def wait_for_cold(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None) -> None:
    """Let no fault come before the writer's cold region is durable, and something is done then."""
    usual = recovery.writing

    def once_cold(run: Run, writer: Writer) -> Before:
        until(lambda: len(writer.observer.cold), bool)
        then()
        return usual(run, writer)

    monkeypatch.setattr(recovery, "writing", once_cold)


def made_by(cluster: Cluster, kind: str, run_id: str) -> list[Obj]:
    """The objects of a kind that carry a run's labels."""
    return verbs.find(cluster, kind, label=labels.selector(run_id))
