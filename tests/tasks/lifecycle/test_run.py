"""A run's owner, on an embedded cluster: nothing is left behind."""

import json
from datetime import UTC, datetime

import pytest

from tasks.kubernetes import verbs
from tasks.kubernetes.errors import ClusterError, Forbidden
from tasks.lifecycle.cleanup import release
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.run import Run, new_run_id, owned
from tests.conftest import Cluster as Embedded
from tests.tasks.sample import make_run


def test_a_run_s_owner_says_all_that_its_release_needs(run: Run) -> None:
    """Labels, deadline, plan, and what the pods run."""
    seen: list[Progress] = []
    with owned(run, seen.append, warn=pytest.fail) as (owner,):
        configmap = verbs.get(run.cluster, "ConfigMap", f"stormark-{run.run_id}")
        assert owner["uid"] == configmap["metadata"]["uid"]
        assert configmap["metadata"]["labels"].items() >= run.labels.items()
        assert configmap["metadata"]["annotations"]["stormark/deadline"] == run.deadline
        assert json.loads(configmap["data"]["plan.json"]) == run.plan.model_dump()
        assert configmap["data"]["job.fio"] == run.plan.fio_file
        assert configmap["data"]["fio.sh"].startswith("#!/bin/sh\n")
    assert verbs.find(run.cluster, "ConfigMap", label=f"stormark/run={run.run_id}") == []
    assert [progress.step for progress in seen] == ["clean up the cluster", "the cluster is clean"]


def test_the_scripts_of_a_run_cannot_be_changed(run: Run) -> None:
    """Its later pods run them, whoever else may write ConfigMaps here; an annotation can be."""
    with owned(run, lambda progress: None, warn=pytest.fail) as (owner,):  # noqa: ARG005
        change = {"data": {"fio.sh": "echo changed"}}
        with pytest.raises(ClusterError, match="field is immutable when `immutable` is set"):
            verbs.patch(run.cluster, "ConfigMap", owner["name"], change)
        noted = {"metadata": {"annotations": {"note": "w1"}}}
        verbs.patch(run.cluster, "ConfigMap", owner["name"], noted)


def test_a_run_that_fails_is_released(run: Run) -> None:
    """Its own error is what the caller sees."""
    with pytest.raises(LookupError), owned(run, lambda progress: None, warn=pytest.fail):  # noqa: ARG005
        raise LookupError
    assert verbs.find(run.cluster, "ConfigMap", label=f"stormark/run={run.run_id}") == []


def test_a_release_that_fails_hides_no_earlier_error(run: Run, cluster: Embedded) -> None:
    """Both are told, in their order; without an earlier one it is told alone."""
    cluster.fault("delete", "configmaps", 403, times=2)
    with (
        pytest.raises(ClusterError, match=r"^fio is gone; and then deleting ConfigMap"),
        owned(run, lambda progress: None, warn=pytest.fail),  # noqa: ARG005
    ):
        raise ClusterError("fio is gone")
    with (
        pytest.raises(Forbidden, match=r"^deleting ConfigMap"),
        owned(run, lambda progress: None, warn=pytest.fail),  # noqa: ARG005
    ):
        pass
    release(run.cluster, run.run_id, run.plan)


def test_an_interrupt_outlives_a_release_that_fails(run: Run, cluster: Embedded) -> None:
    """The run counts as interrupted; what is left is said with it."""
    cluster.fault("delete", "configmaps", 403)
    with (
        pytest.raises(KeyboardInterrupt) as interrupt,
        owned(run, lambda progress: None, warn=pytest.fail),  # noqa: ARG005
    ):
        raise KeyboardInterrupt
    (left,) = interrupt.value.__notes__
    assert left.startswith("deleting ConfigMap ")
    release(run.cluster, run.run_id, run.plan)


def test_a_deadline_is_the_plan_s_limit_after_the_start(run: Run) -> None:
    """ISO 8601 in UTC, for whoever reaps."""
    limited = make_run(run.cluster, run_limit_seconds=3600)
    assert limited.deadline == "2026-11-23T04:15:00+00:00"


def test_run_ids_sort_by_start_and_are_unique() -> None:
    """Two runs of one second differ."""
    now = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
    first, second = new_run_id(now), new_run_id(now)
    assert first != second
    assert first[:16] == second[:16] == "20261123-031500-"
