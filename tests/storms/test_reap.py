"""Reaping: what is released, and what is somebody else's."""

import json
from contextlib import ExitStack

import pytest

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import labels, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.manifest import render, script
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon, lease
from tasks.lifecycle import reap as reaping
from tasks.lifecycle.cleanup import host_folder
from tasks.lifecycle.reap import NotReleased, Remains, reap
from tasks.plan.plan import Plan
from tests.conftest import Cluster as Embedded
from tests.storms.ground import Ground, new_namespace
from tests.tasks.leases import a_lease, renewed, renewing

LIVING, DEAD = "20261123-031500-a1b2c3", "20261122-031500-d4e5f6"
LATER_DEAD, LAST_DEAD = "20261122-131500-d4e5f6", "20261122-231500-d4e5f6"
EARLIER, LATER = "2020-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"


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


def configmap(run_id: str, flow_run: str, deadline: str = LATER) -> Obj:
    """The owner of a run, as far as its release looks at it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"stormark-{run_id}",
            "labels": labels.of_owner(run_id, flow_run),
            "annotations": {labels.DEADLINE: deadline},
        },
    }


def test_the_pv_of_a_run_that_lives_in_another_namespace_is_left_alone(ground: Ground) -> None:
    """A PV belongs to no namespace, and its run's Lease is where the run works."""
    with new_namespace() as other:
        verbs.create(other, a_lease(LIVING))
        verbs.create(other, local_pv(LIVING, other.namespace))
        try:
            assert reap(ground.cluster, dry_run=False) == []
            assert verbs.get(other, "PersistentVolume", f"stormark-{LIVING}-0-local-storm")
        finally:
            verbs.delete(other, "PersistentVolume", f"stormark-{LIVING}-0-local-storm")


@pytest.mark.parametrize("deadline", [EARLIER, LATER])
@pytest.mark.parametrize("ahead_seconds", [-75, 0, 75])
def test_a_run_that_lives_is_left_alone(ground: Ground, ahead_seconds: int, deadline: str) -> None:
    """Whatever its machine's clock and its deadline say; who died beside it is released."""
    verbs.create(ground.cluster, configmap(LIVING, "", deadline))
    verbs.create(ground.cluster, configmap(DEAD, "", deadline))
    with renewed(ground.cluster, LIVING, ahead_seconds=ahead_seconds):
        found = reap(ground.cluster, dry_run=False)
        assert verbs.get(ground.cluster, "Lease", "stormark")
    assert found == [Remains(DEAD, reaping.DEAD, [f"ConfigMap/stormark-{DEAD}"])]
    assert ground.left() == [f"ConfigMap stormark-{LIVING}"]
    verbs.delete(ground.cluster, "ConfigMap", f"stormark-{LIVING}")


@pytest.mark.parametrize("deadline", [EARLIER, LATER])
@pytest.mark.parametrize("ahead_seconds", [-75, 0, 75])
def test_a_run_that_is_dead_is_released(ground: Ground, ahead_seconds: int, deadline: str) -> None:
    """Its Lease too; a dry run leaves both."""
    verbs.create(ground.cluster, configmap(DEAD, "", deadline))
    verbs.create(ground.cluster, a_lease(DEAD, ahead_seconds=ahead_seconds))
    found = reap(ground.cluster, dry_run=True)
    assert [(one.run_id, one.why) for one in found] == [(DEAD, reaping.DEAD)]
    assert ground.left() == [f"ConfigMap stormark-{DEAD}", "Lease stormark"]
    assert reap(ground.cluster, dry_run=False) == found
    assert ground.left() == []


def test_a_run_that_wakes_at_the_last_moment_is_left_alone(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It renews its Lease after that was judged and before it is deleted: it is judged again."""
    verbs.create(ground.cluster, configmap(LIVING, ""))
    verbs.create(ground.cluster, a_lease(LIVING))
    free = lease.free
    with ExitStack() as stack:

        def late(cluster: Cluster, held: Obj) -> bool:
            monkeypatch.setattr(lease, "free", free)
            stack.enter_context(renewing(cluster))
            return free(cluster, held)

        monkeypatch.setattr(lease, "free", late)
        assert reap(ground.cluster, dry_run=False) == []
    assert ground.left() == [f"ConfigMap stormark-{LIVING}", "Lease stormark"]
    verbs.delete(ground.cluster, "Lease", "stormark")
    verbs.delete(ground.cluster, "ConfigMap", f"stormark-{LIVING}")


def test_a_night_reaps_beside_its_own_lease(ground: Ground) -> None:
    """It lives, and nobody has to watch for that."""
    verbs.create(ground.cluster, configmap(DEAD, ""))
    verbs.create(ground.cluster, a_lease(LIVING, duration_seconds=3600))
    (found,) = reap(ground.cluster, dry_run=False, own=LIVING)
    assert found.run_id == DEAD
    assert ground.left() == ["Lease stormark"]
    verbs.delete(ground.cluster, "Lease", "stormark")


def test_a_flow_run_known_to_be_dead_need_not_lapse(ground: Ground) -> None:
    """Its Lease goes with what it left; the run of another flow run stays."""
    for run_id, flow_run in ((DEAD, "0a"), (LIVING, "0b")):
        verbs.create(ground.cluster, configmap(run_id, flow_run))
    with renewed(ground.cluster, DEAD):
        assert reaping.lives(ground.cluster, "0a")
        assert not reaping.lives(ground.cluster, "0b")
        assert not reaping.lives(ground.cluster, "0c")
    verbs.create(ground.cluster, a_lease(DEAD))
    try:
        assert not reaping.lives(ground.cluster, "0a")
        assert reaping.release_flow_run(ground.cluster, "0a", Plan()) == [DEAD]
        assert ground.left() == [f"ConfigMap stormark-{LIVING}"]
        assert reaping.release_flow_run(ground.cluster, "0a", Plan()) == []
    finally:
        verbs.delete(ground.cluster, "ConfigMap", f"stormark-{LIVING}")


@pytest.mark.usefixtures("nobody_lives")
def test_a_run_that_cannot_be_released_keeps_no_other_from_it(
    ground: Ground, session_cluster: Embedded
) -> None:
    """At the end the error has a line for each run that was found."""
    for run_id in (DEAD, LATER_DEAD, LAST_DEAD):
        verbs.create(ground.cluster, configmap(run_id, ""))
    cordon.cordon(ground.cluster, "w1", run_id=LAST_DEAD, deadline=LATER)
    on_node = {"metadata": {"annotations": {labels.HOST_FOLDERS: "w1"}}}
    verbs.patch(ground.cluster, "ConfigMap", f"stormark-{LATER_DEAD}", on_node)
    session_cluster.fault("delete", "configmaps", 403)
    session_cluster.fault("create", "jobs", 403)
    with pytest.raises(NotReleased) as failed:
        reap(ground.cluster, dry_run=False)
    refused, remaining, released = failed.value.args[0].split("\nrun ")
    why = "dead: it no longer renews its Lease"
    assert refused.startswith(
        f"run {DEAD}, {why}: not released: deleting ConfigMap stormark-{DEAD}"
    )
    assert remaining.startswith(f"{LATER_DEAD}, {why}: not released: ")
    assert released == f"{LAST_DEAD}, {why}: released"
    assert ground.left() == [f"ConfigMap stormark-{DEAD}", f"ConfigMap stormark-{LATER_DEAD}"]
    change = {"metadata": {"annotations": {labels.HOST_FOLDERS: None}}}
    verbs.patch(ground.cluster, "ConfigMap", f"stormark-{LATER_DEAD}", change)
    assert [one.run_id for one in reap(ground.cluster, dry_run=False)] == [DEAD, LATER_DEAD]


@pytest.mark.usefixtures("nobody_lives")
def test_the_pv_of_a_dead_run_is_released(ground: Ground) -> None:
    """Also when nothing else of the run is left."""
    verbs.create(ground.cluster, local_pv(DEAD, ground.cluster.namespace))
    why = "dead: it no longer renews its Lease"
    left = [f"PersistentVolume/stormark-{DEAD}-0-local-storm"]
    assert reap(ground.cluster, dry_run=True) == [Remains(DEAD, why, left)]
    assert reap(ground.cluster, dry_run=False) == [Remains(DEAD, why, left)]
    assert reap(ground.cluster, dry_run=False) == []


# What somebody who may write a ConfigMap, and create no pod, would like to have run as root.
HOSTILE = {
    "host-folder.sh": "echo hostile; touch host/hostile",
    "plan.json": json.dumps({"image": "example.com/hostile:1", "image_pull_policy": "Always"}),
}


def on_node(run_id: str, node: str, **data: str) -> Obj:
    """The owner of a run that has made a folder on a node."""
    made = configmap(run_id, "") | {"data": data}
    made["metadata"]["annotations"][labels.HOST_FOLDERS] = node
    return made


def jobs_created(monkeypatch: pytest.MonkeyPatch) -> list[Obj]:
    """The Jobs that are created from now on."""
    created: list[Obj] = []
    create = verbs.create

    def noted(cluster: k8s.Cluster, body: Obj) -> Obj:
        if body["kind"] == "Job":
            created.append(body)
        return create(cluster, body)

    monkeypatch.setattr(verbs, "create", noted)
    return created


@pytest.mark.usefixtures("nobody_lives")
def test_nothing_that_a_configmap_says_is_run(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is still removed: by the reaper's own text and image, also from a tainted node."""
    jobs, node = jobs_created(monkeypatch), ground.folders[0]
    folder = node / "var/tmp" / host_folder(ground.cluster.namespace, DEAD)
    (folder / "local").mkdir(parents=True)
    verbs.create(ground.cluster, on_node(DEAD, node.name, **HOSTILE))
    taints = [{"key": "gpu", "value": "", "effect": "NoSchedule"}]
    verbs.patch(ground.cluster, "Node", node.name, {"spec": {"taints": taints}})
    try:
        reap(ground.cluster, dry_run=False, plan=Plan(image="example.com/own:1"))
    finally:
        verbs.patch(ground.cluster, "Node", node.name, {"spec": {"taints": None}})
    assert not folder.exists()
    assert not (node / "var/tmp/hostile").exists()
    (job,) = jobs
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "example.com/own:1"
    assert container["command"] == [
        "sh",
        "-c",
        script("host-folder.sh"),
        "host-folder.sh",
        "remove",
    ]
    assert [volume["name"] for volume in pod["volumes"]] == ["volume"]
    assert ground.left() == []


@pytest.mark.usefixtures("nobody_lives")
@pytest.mark.parametrize("run_id", ["a.b", "20261122-031500-d4e5f6.x", "1"])
def test_a_run_id_that_is_none_is_no_path(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    """Labels may hold what no run is called; a person looks at it."""
    jobs = jobs_created(monkeypatch)
    verbs.create(ground.cluster, on_node(run_id, ground.folders[0].name))
    try:
        with pytest.raises(NotReleased, match="is none of stormark's"):
            reap(ground.cluster, dry_run=False)
        assert jobs == []
    finally:
        verbs.delete(ground.cluster, "ConfigMap", f"stormark-{run_id}")


@pytest.mark.usefixtures("nobody_lives")
def test_a_configmap_names_nothing_of_another_namespace(ground: Ground) -> None:
    """The run's PV, cordon and folder stay, until its own namespace is reaped."""
    node = ground.folders[0]
    with new_namespace() as other:
        folder = node / "var/tmp" / host_folder(other.namespace, DEAD)
        folder.mkdir(parents=True)
        cordon.cordon(other, node.name, run_id=DEAD, deadline=LATER)
        verbs.create(other, local_pv(DEAD, other.namespace))
        verbs.create(ground.cluster, on_node(DEAD, node.name))
        reap(ground.cluster, dry_run=False)
        assert ground.left() == [str(folder)]
        assert verbs.get(other, "PersistentVolume", f"stormark-{DEAD}-0-local-storm")
        assert cordon.undoing_of(verbs.get(other, "Node", node.name))
        verbs.create(other, on_node(DEAD, node.name))
        reap(other, dry_run=False)
        assert Ground(other, {}, ground.folders).left() == []


@pytest.mark.usefixtures("nobody_lives")
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside-its-configmap"])
@pytest.mark.parametrize("fault", [{}, {"fault": "node-crash"}], ids=["cordon", "fault"])
def test_a_mark_is_believed_beside_its_run_s_configmap_alone(
    ground: Ground, fault: dict[str, str], *, beside: bool
) -> None:
    """Else no node is uncordoned by it, and no reap fails: it is told what a person may do."""
    node = "w1"
    mark = {"run": DEAD, "namespace": ground.cluster.namespace, "deadline": LATER}
    text = json.dumps(mark | {"was_schedulable": True} | fault)
    change: Obj = {"metadata": {"annotations": {cordon.ANNOTATION: text}}}
    verbs.patch(ground.cluster, "Node", node, change | {"spec": {"unschedulable": True}})
    if beside:
        verbs.create(ground.cluster, configmap(DEAD, ""))
    try:
        if beside and fault:
            with pytest.raises(NotReleased, match="may still be down from storm node-crash"):
                reap(ground.cluster, dry_run=False)
            return
        for dry_run in (True, False, False) if not beside else (False,):
            (remains,) = reap(ground.cluster, dry_run=dry_run)
            assert bool(remains.objects) is beside
            words = f"kubectl annotate node {node} {cordon.ANNOTATION}-"
            assert [words in note for note in remains.notes] == [True] * (not beside)
        found = verbs.get(ground.cluster, "Node", node)
        assert found["spec"].get("unschedulable", False) is not beside
        assert (cordon.undoing_of(found) is None) is beside
    finally:
        change = {"metadata": {"annotations": {cordon.ANNOTATION: None}}}
        verbs.patch(ground.cluster, "Node", node, change | {"spec": {"unschedulable": None}})
        if beside and fault:
            verbs.delete(ground.cluster, "ConfigMap", f"stormark-{DEAD}")


@pytest.mark.usefixtures("nobody_lives")
def test_what_else_a_run_has_left_goes_beside_a_mark_that_is_not_believed(ground: Ground) -> None:
    """A run whose ConfigMap somebody deleted: its PV is its own, by its label."""
    verbs.create(ground.cluster, local_pv(DEAD, ground.cluster.namespace))
    cordon.cordon(ground.cluster, "w1", run_id=DEAD, deadline=LATER)
    try:
        (remains,) = reap(ground.cluster, dry_run=False)
        assert remains.objects == [f"PersistentVolume/stormark-{DEAD}-0-local-storm"]
        assert remains.notes[0].startswith("Node/w1 (cordoned) is left alone")
        assert verbs.get(ground.cluster, "Node", "w1")["spec"]["unschedulable"] is True
    finally:
        cordon.uncordon(ground.cluster, "w1")
