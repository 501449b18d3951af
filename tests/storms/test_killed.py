"""A run that is killed at any of its steps: `reap` makes the cluster as it was."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from tasks.kubernetes import objects, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon
from tasks.lifecycle.reap import reap
from tests.flows.server import until
from tests.storms.ground import Ground, new_namespace

# Each kind of call that a run of storms makes, in the order in which it makes them first.
CALLS = [
    "POST leases",
    "POST configmaps",
    "PATCH configmaps",
    "POST jobs",
    "DELETE jobs",
    "POST persistentvolumeclaims",
    "POST persistentvolumes",
    "POST deployments",
    "PATCH nodes",
    "POST eviction",
    "DELETE deployments",
    "DELETE persistentvolumeclaims",
    "DELETE persistentvolumes",
    "DELETE configmaps",
    "DELETE leases",
]


class Lane(NamedTuple):
    """A namespace and a node, so that two runs may die at the same time."""

    ground: Ground
    node: str
    numbers: IO[str]
    answers: IO[str]

    def die(self, number: int) -> str:
        """Let a run die after so many calls; the call, or `ended`."""
        self.numbers.write(f"{number}\n")
        self.numbers.flush()
        return self.answers.readline().strip()


@pytest.mark.usefixtures("nobody_lives")
def test_what_a_killed_run_left_is_released(ground: Ground, tmp_path: Path) -> None:
    """Killed after each of its calls in turn; a node that somebody else cordoned stays cordoned."""
    verbs.patch(ground.cluster, "Node", "w3", {"spec": {"unschedulable": True}})
    until(lambda: ending(ground.cluster), lambda names: names == [])  # those of earlier tests
    before = everything(ground.cluster)
    try:
        with (
            lane(ground.folders[0], tmp_path) as first,
            lane(ground.folders[1], tmp_path) as second,
            ThreadPoolExecutor(1) as pool,  # two runs never cordon at the same time
        ):
            odd = pool.submit(die_at_every, first, 1)
            even = pool.submit(die_at_every, second, 2)
            seen = odd.result() | even.result()
        assert everything(ground.cluster) == before
    finally:
        verbs.patch(ground.cluster, "Node", "w3", {"spec": {"unschedulable": None}})
    in_order = [seen[number] for number in sorted(seen)]
    assert list(dict.fromkeys(in_order)) == CALLS, "\n".join(in_order)
    assert in_order.count("PATCH nodes") == 3, "\n".join(in_order)


def die_at_every(lane: Lane, first: int) -> dict[int, str]:
    """Let a run die after every second call, and reap each; the calls by their number."""
    seen: dict[int, str] = {}
    for number in count(first, 2):
        call = lane.die(number)
        if call == "ended":
            assert lane.ground.left() == []
            return seen
        seen[number] = kind_of(call)
        reap(lane.ground.cluster, dry_run=False)
        assert lane.ground.left() == [], f"killed after {call}"
        assert not is_cordoned(lane.ground.cluster, lane.node), f"killed after {call}"
    raise AssertionError


@contextmanager
def lane(folder: Path, results: Path) -> Iterator[Lane]:
    with new_namespace() as cluster:
        command = [sys.executable, "-m", "tests.storms.dying", str(results), cluster.namespace]
        with subprocess.Popen(
            [*command, folder.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            yield Lane(Ground(cluster, {}, [folder]), folder.name, process.stdin, process.stdout)


def kind_of(call: str) -> str:
    """A call's method, and the plural or subresource that it is for."""
    method, path = call.split(" ")
    words = path.split("/")
    if words[-1] == "eviction" or method == "POST":
        return f"{method} {words[-1]}"
    return f"{method} {words[-2]}"


def is_cordoned(cluster: Cluster, node: str) -> bool:
    found = verbs.get(cluster, "Node", node)
    return "unschedulable" in found["spec"] or cordon.undoing_of(found) is not None


def ending(cluster: Cluster) -> list[str]:
    """The namespaces that are being deleted, whose objects are still there."""
    return [
        namespace["metadata"]["name"]
        for namespace in verbs.find(cluster, "Namespace")
        if "deletionTimestamp" in namespace["metadata"]
    ]


def everything(cluster: Cluster) -> set[str]:
    """All objects of the cluster but events, nodes with their spec and annotations."""
    found = set()
    for kind in objects.KINDS.keys() - {"Event", "Namespace", "VolumeSnapshotClass"}:  # not served
        for item in verbs.find(cluster, kind, every_namespace=True):
            meta = item["metadata"]
            about: Obj = {"kind": kind, "name": meta["name"], "namespace": meta.get("namespace")}
            if kind == "Node":
                about |= {"spec": item["spec"], "annotations": meta.get("annotations") or {}}
            found.add(json.dumps(about, sort_keys=True))
    return found
