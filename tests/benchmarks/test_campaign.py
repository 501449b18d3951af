"""The campaign counts what a run leaves: nothing, and with a release that releases nothing, all."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign.__main__ import table
from benchmarks.campaign.parts import Field, killed
from benchmarks.campaign.runs import STORMARK, Outcome
from tests.conftest import Cluster

RELEASES_NOTHING = (
    "import tasks.lifecycle.reap as reap, tasks.lifecycle.run as run\n"
    "run.release = reap.release = lambda *_, **__: []\n"
    "import stormark; stormark.main()\n"
)
COLUMNS = ("objects left", "cordons left", "rows lost", "hangs", "tracebacks")


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("command", "good"), [(STORMARK, True), ((sys.executable, "-c", RELEASES_NOTHING), False)]
)
def test_a_killed_run_leaves_what_is_not_released(
    session_cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    good: bool,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(session_cluster.kubeconfig))
    field = Field(session_cluster.kubeconfig, tmp_path, {}, [], short=True, command=command)
    (outcome,) = killed(field)
    assert outcome.what == "create persistentvolumeclaims 1"  # it was reached
    assert outcome.good is good, outcome.said
    kinds = {one.split()[0] for one in outcome.objects}
    assert kinds == (
        set() if good else {"ConfigMap", "Job", "PersistentVolumeClaim", "Pod"} & kinds
    )
    assert bool(outcome.objects) is not good


def outcome(**fields: Any) -> Outcome:
    return Outcome("what", 0, [], [], 0, "")._replace(**fields)


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"objects": ["Pod a"]}, "objects left"),
        ({"cordons": ["w1"]}, "cordons left"),
        ({"lost": 1}, "rows lost"),
        ({"status": None}, "hangs"),
        ({"said": "Traceback (most recent call last):"}, "tracebacks"),
        ({}, ""),
    ],
)
def test_what_is_counted(fields: dict[str, object], column: str) -> None:
    """One in its column, and in no other."""
    shown = table({"killed": ([outcome(**fields), outcome()], 60.0)})
    found = {str(c.header): next(iter(c.cells)) for c in shown.columns}
    assert found["runs"] == "2"
    assert [name for name in COLUMNS if found[name] != "0"] == ([column] if column else [])
    assert outcome(**fields).good is not bool(column)
