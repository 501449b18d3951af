"""Nodes whose CPUs the image is not for."""

from pathlib import Path

import pytest
import yaml

from tasks.kubernetes import pods
from tasks.kubernetes.cluster import Cluster as Connection
from tasks.kubernetes.objects import Obj
from tests.conftest import TINY_FIO, Stormark

pytestmark = pytest.mark.usefixtures("prefect_server")
OK = 0
WORDS = "exec /usr/bin/sh: exec format error"


def image_fails_on(monkeypatch: pytest.MonkeyPatch, *nodes: str) -> list[str]:
    """Let no pod start on these nodes; the pods that the run tried there."""
    tried: list[str] = []
    cannot_start = pods.cannot_start

    def refused(cluster: Connection, pod: Obj) -> str | None:
        if pod["spec"].get("nodeName") in nodes:
            tried.append(pod["metadata"]["name"])
            return WORDS
        return cannot_start(cluster, pod)

    monkeypatch.setattr(pods, "cannot_start", refused)
    return tried


def test_pods_go_where_the_image_runs(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known after the probes, and said; only probes and a first check were on the others."""
    tried = image_fails_on(monkeypatch, "w1", "w2")
    plan = {"storms": ["pod-delete"], "storm_volumes": ["emptyDir", "hostPath-pinned"]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan | {"fio_file": TINY_FIO}))
    result = stormark("--flow", "nightly", "--plan", str(tmp_path / "plan.yaml"))
    assert result.exit_code == OK, result.output
    assert {row["node"] for row in stormark.rows("volumes")} == {"w3"}
    storms = stormark.rows("storms")
    assert {row["status"] for row in storms} == {"measured"}
    assert {row["node_after"] for row in storms} == {"w3"}
    images = {row["object"]: row for row in stormark.rows("checks") if row["check"] == "image"}
    assert {name: row["status"] for name, row in images.items()} == {
        "node w1": "warn",
        "node w2": "warn",
        "node w3": "pass",
    }
    assert images["node w1"]["seen"] == WORDS
    assert all("-probe-" in pod or "-check-" in pod for pod in tried)


def test_an_image_that_runs_nowhere_is_no_matter_of_nodes(
    stormark: Stormark, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with the node's words, as it always did."""
    image_fails_on(monkeypatch, "w1", "w2", "w3")
    result = stormark()
    assert result.exit_code != OK
    assert WORDS in result.stderr
