"""What Kubernetes promises, and what differs from it."""

from typing import get_args

import pytest

from reports.storms.expectations import Expectation, expectation, is_surprise, kind, tied_to
from reports.storms.survival import PLACES
from tasks.plan.plan import Storm, StormVolume
from tests.reports.sample import Row
from tests.reports.storm_sample import CLASSES, KINDS, STORMS, storm_row


def promise_of(row: Row) -> Expectation:
    found = expectation(ROW | row)
    assert found is not None
    return found


ROW: Row = {"storage_class": None, "node_affinity": None, "access_mode": None} | dict.fromkeys(
    (
        "pending_reason", "came_back", "kept", "out_of_service_seconds", "writer_kind",
        "new_pod_created_seconds", "verified_on", "node_before",
    )
)  # fmt: skip


@pytest.mark.parametrize("storm", get_args(Storm))
@pytest.mark.parametrize(
    "volume", [v for v in get_args(StormVolume) if not v.startswith("storage-classes")]
)
def test_every_storm_on_every_volume_of_a_plan_has_a_promise(volume: str, storm: str) -> None:
    promised = promise_of({"volume": volume, "storm": storm})
    of_set = {"volume": f"{volume} (StatefulSet)", "writer_kind": "StatefulSet", "storm": storm}

    assert promise_of(of_set).allowed.items() <= promised.allowed.items()
    never = {"never"} if storm == "node-lost" else set()
    assert set(promised.allowed) <= {*PLACES} - {"never"} | never
    assert set(promised.allowed.values()) <= {"kept", "lost"}
    assert promised.why.endswith(".")
    assert bool(promised.waits_for) == ("after uncordon" in promised.allowed)


@pytest.mark.parametrize(
    ("volume", "without", "with_taint"),
    [
        ("emptyDir", {"other node": "lost", "never": "kept"}, {"other node": "lost"}),
        ("local", {"never": "kept"}, {"never": "kept"}),
        ("gp3", {"other node": "kept", "never": "kept"}, {"other node": "kept"}),
    ],
)
def test_of_a_lost_node_more_is_promised_with_the_taint(
    volume: str, without: dict[str, str], with_taint: dict[str, str]
) -> None:
    row = {"volume": volume, "storm": "node-lost"}
    row |= {"storage_class": "gp3"} if volume == "gp3" else {}
    assert promise_of(row).allowed == without
    assert promise_of(row | {"out_of_service_seconds": 24.0}).allowed == with_taint


@pytest.mark.parametrize("affinity", ["kubernetes.io/hostname In w2", "zone In a", None])
@pytest.mark.parametrize("storm", get_args(Storm))
def test_a_class_keeps_its_records_in_every_storm(storm: str, affinity: str | None) -> None:
    row = {"volume": "gp3", "storage_class": "gp3", "storm": storm, "node_affinity": affinity}

    assert set(promise_of(row).allowed.values()) == {"kept"}


@pytest.mark.parametrize(
    ("affinity", "name", "expected"),
    [
        ("kubernetes.io/hostname In w2", "w2", "class tied to a node"),
        ("topology.topolvm.io/node In w2", "w2", "class tied to a node"),
        ("zone In a and kubernetes.io/hostname In w2", "w2", "class tied to a node"),
        ("kubernetes.io/hostname In w1, w2", None, "class tied to some nodes"),
        ("kubernetes.io/hostname In w1 or kubernetes.io/hostname In w2", None,
         "class tied to some nodes"),
        ("topology.kubernetes.io/zone In eu-1a", None, "class tied to some nodes"),
        ("kubernetes.io/hostname NotIn w2", None, "class tied to some nodes"),
        (None, None, "class on any node"),
    ],
)  # fmt: skip
def test_a_class_is_known_by_the_node_affinity_of_its_pv(
    affinity: str | None, name: str | None, expected: str
) -> None:
    assert tied_to(affinity) == name
    assert kind(ROW | {"volume": "gp3", "storage_class": "gp3", "node_affinity": affinity}) == (
        expected
    )


@pytest.mark.parametrize("storm", STORMS)
@pytest.mark.parametrize("volume", [*KINDS, *CLASSES])
def test_what_keeps_the_promise_is_no_surprise(volume: str, storm: str) -> None:
    row = ROW | storm_row(volume, storm, 1)

    assert not is_surprise(promise_of(row), row)


@pytest.mark.parametrize(
    ("volume", "storm", "change"),
    [
        ("emptyDir", "pod-delete", {"kept": True}),
        ("emptyDir", "container-restart", {"kept": False}),
        ("hostPath", "pod-delete", {"kept": False}),
        ("hostPath", "drain", {"kept": True}),
        ("hostPath-pinned", "pod-kill", {"came_back": "other node"}),
        ("local", "pod-delete", {"kept": False}),
        ("local", "drain", {"came_back": "other node"}),
        ("local-path", "drain", {"came_back": "never", "kept": None}),
        ("nfs-client", "drain",
         {"came_back": "after uncordon", "pending_reason": "volume node affinity"}),
        ("nfs-client", "drain", {"came_back": "after uncordon", "pending_reason": "multi-attach"}),
    ],
)  # fmt: skip
def test_what_breaks_the_promise_is_a_surprise(volume: str, storm: str, change: Row) -> None:
    row = ROW | storm_row(volume, storm, 1) | change

    assert is_surprise(promise_of(row), row)


@pytest.mark.parametrize(
    ("volume", "storm", "change"),
    [
        ("hostPath", "pod-kill", {"came_back": "other node", "kept": False}),
        ("hostPath", "drain", {"came_back": "after uncordon", "kept": True, "verified_on": "w2"}),
        ("nfs-client", "drain",
         {"came_back": "after uncordon", "pending_reason": "unschedulable nodes"}),
        ("nfs-client", "pod-delete", {"kept": None}),
    ],
    ids=["not seen elsewhere", "one node, kept", "one node", "not read back"],
)  # fmt: skip
def test_a_promise_depends_on_where_the_writer_came_back(
    volume: str, storm: str, change: Row
) -> None:
    row = ROW | storm_row(volume, storm, 1) | change

    assert not is_surprise(promise_of(row), row)


@pytest.mark.parametrize("writer", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize(
    "back",
    [("node-crash", "after repair"), ("node-partition", "after repair"), ("node-lost", "never")],
)
@pytest.mark.parametrize(
    ("volume", "same", "another"),
    [
        ("emptyDir", {}, {"new_pod_created_seconds": 331.0}),
        ("hostPath", {"verified_on": "w2"}, {"verified_on": "w3"}),
    ],
)
def test_what_is_a_pods_or_a_nodes_own_is_lost_with_it(
    volume: str, same: Row, another: Row, back: tuple[str, str], writer: str
) -> None:
    """Of a node that is away for longer than pods tolerate, a new pod may come back with it."""
    row = {"volume": volume, "storm": back[0], "came_back": back[1], "writer_kind": writer}
    row = ROW | row | {"node_before": "w2"}
    for change, kept in ((same, True), (another, False)):
        known = row | change
        assert not is_surprise(promise_of(known), known | {"kept": kept})
        assert is_surprise(promise_of(known), known | {"kept": not kept})
    assert promise_of(row | same).why != promise_of(row | another).why


def test_the_access_mode_is_explained_where_a_volume_can_move() -> None:
    row = {"volume": "nfs", "storage_class": "nfs", "access_mode": "ReadWriteMany"}

    assert "ReadWriteMany lets" in promise_of(row | {"storm": "drain"}).why
    assert "ReadWriteMany" not in promise_of(row | {"storm": "container-restart"}).why


def test_a_storm_that_the_file_does_not_know_is_no_surprise() -> None:
    assert expectation(ROW | {"volume": "local", "storm": "earthquake"}) is None
