"""An API server that is away for longer than a call is tried again: the storms after it go on."""

from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import watches
from tests.conftest import Cluster
from tests.flows.server import until
from tests.storms.ground import Ground, Rows, storm_rows


def test_the_storms_after_an_outage_are_measured(
    ground: Ground, session_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's pods are watched anew."""
    monkeypatch.setattr(k8s, "RETRIES", k8s.RETRIES.new(total=0))
    monkeypatch.setattr(watches, "SLICE_SECONDS", 0.1)

    def go_away(row: dict[str, Any], _events: Rows) -> None:
        if row["storm"] == "container-restart":
            session_cluster.fault("watch", "pods", 503)
            until(session_cluster.fired, lambda fired: fired == [1])

    known = ground.run_storms(
        tmp_path,
        watch=go_away,
        storm_volumes=["emptyDir"],
        storms=["container-restart", "pod-kill"],
        recovery_limit_seconds=180,
    )
    assert [row["error"] for row in storm_rows(known) if row["status"] != "measured"] == []
    assert [row["storm"] for row in storm_rows(known)] == ["container-restart", "pod-kill"]
