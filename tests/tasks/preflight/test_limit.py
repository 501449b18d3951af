"""How long a plan may take: each part counts, and what only may not fit is a warning."""

from typing import Any

import pytest

from tasks.plan import job_file
from tasks.plan.plan import Plan
from tasks.preflight import lost
from tasks.preflight.limit import run_limit
from tasks.results.checks import Check
from tests.tasks.sample import read

UNTIMED = "[global]\nsize=4m\n[a]\nrw=write\n"
TIMED = f"{UNTIMED}runtime=1\n"


def checked(flow: str = "nightly", nodes: int = 3, **fields: Any) -> Check:
    plan = Plan(**fields)
    workload = job_file.prepare(plan) if plan.fio_file is None else read(plan)
    return run_limit(flow, plan, workload, 3, nodes)


@pytest.mark.parametrize("flow", ["benchmark", "storms", "nightly"])
def test_the_default_plan_fits(flow: str) -> None:
    """Also at its most, on three classes and three nodes."""
    assert checked(flow).status == "pass"


def test_every_node_is_held_in_turn() -> None:
    """Those that a storm may touch, and never more than there are volumes."""
    fields: dict[str, Any] = {"hold_seconds": 3600, "storms": ["drain"], "run_limit_seconds": 7200}
    seen = checked("storms", **fields)
    assert seen.status == "warn"
    assert "10,800 s of nodes held" in seen.seen
    assert "3,600 s of nodes held" in checked("storms", storm_volumes=["emptyDir"], **fields).seen


def test_lay_out_provisioning_and_recovery_count() -> None:
    """Each is named with its seconds."""
    seen = checked(fio_file=TIMED, rounds=1, run_limit_seconds=600)
    assert seen.status == "warn"
    assert all(f"s of {part}" in seen.seen for part in ("lay-out", "provisioning", "recovery"))


@pytest.mark.parametrize(("file", "untimed"), [(UNTIMED, True), (TIMED, False)])
def test_jobs_that_end_by_themselves_are_told_beside_the_sum(file: str, *, untimed: bool) -> None:
    """They may take all that is left of the run."""
    seen = checked("benchmark", fio_file=file, rounds=1)
    words = ", and as long as 1 jobs take that end by themselves, on each of 3 volumes"
    assert (seen.status, seen.seen.endswith(words)) == ("pass", untimed)


FAULT = {"down": "stop {node}", "up": "start {node}"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        # two volumes, of which each is read back, 180 s + 120 s at the most
        ({"storms": ["pod-kill"]}, "300 s of read-back"),
        ({"storms": ["pod-kill"], "storm_rounds": 2}, "600 s of read-back"),
        ({"storms": ["drain"]}, "600 s of read-back"),
        ({"storms": ["drain"], "start_limit_seconds": 80}, "400 s of read-back"),
        # 120 s for each writer that a budget keeps; with `full` for all others of two nodes too
        ({"storms": ["drain"]}, "240 s of evictions"),
        ({"storms": ["drain"], "drain": "full"}, "480 s of evictions"),
        # `down` and `up`, 300 s each, on two nodes
        ({"storms": ["node-crash"], "node_fault": FAULT}, "1,200 s of node commands"),
    ],
)
def test_what_a_storm_waits_for_counts(fields: dict[str, Any], words: str) -> None:
    seen = checked("storms", storm_volumes=["emptyDir", "local"], **fields).seen
    assert words in seen
    assert ("evictions" in seen) is (fields["storms"] == ["drain"])
    assert ("node commands" in seen) is ("node_fault" in fields)


def test_a_lost_node_is_held_as_long_as_its_writers_are_waited_for() -> None:
    """Not for hold_seconds: 900 s, and 180 s to be Ready, on two nodes."""
    fields: dict[str, Any] = {"storms": ["node-lost"], "node_fault": FAULT, "hold_seconds": 3600}
    fields |= {"recovery_limit_seconds": 900, "storm_volumes": ["emptyDir", "local"]}
    assert "2,160 s of nodes held" in checked("storms", **fields).seen


@pytest.mark.parametrize(
    ("limit", "after", "status"),
    [(120, None, "warn"), (709, None, "warn"), (710, None, "pass"), (120, 30, "pass"),
     (120, 300, "warn"), (360, 300, "pass")],
)  # fmt: skip
def test_a_limit_that_is_over_before_the_volume_is_elsewhere(
    limit: int, after: int | None, status: str
) -> None:
    """By itself it takes 50 + 300 + 360 s."""
    plan = Plan.model_validate(
        {
            "storms": ["node-lost"],
            "node_fault": FAULT,
            "recovery_limit_seconds": limit,
            "out_of_service_after_seconds": after,
        }
    )
    assert [one.status for one in lost.check(plan)] == [status]
    assert lost.check(Plan(recovery_limit_seconds=limit)) == []
