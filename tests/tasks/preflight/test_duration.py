"""How long a run will take: said beforehand, and chosen where a plan says how long it may."""

from typing import Any

import pytest

from tasks.plan import job_file
from tasks.plan.plan import Plan, PlanError
from tasks.preflight import duration
from tasks.preflight.duration import Size
from tests.tasks.sample import read

OWN = "[global]\nsize=4m\n[a]\nrw=write\nruntime=30\ntime_based\n[b]\nstonewall\nrw=read\n"


def fitted(within: str, *, flow: str = "benchmark", classes: int = 2, **fields: Any) -> Plan:
    plan = Plan(within=within, **fields)
    workload = read(plan) if plan.fio_file else job_file.prepare(plan)
    return duration.fitted(Size(flow, classes, 3), plan, workload)


def seconds(plan: Plan, *, flow: str = "benchmark", classes: int = 2) -> float:
    workload = read(plan) if plan.fio_file else job_file.prepare(plan)
    return duration.expected_seconds(Size(flow, classes, 3), plan, workload)


@pytest.mark.parametrize("within", ["30m", "45m", "2h"])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_what_is_chosen_fits_and_has_three_rounds(within: str, classes: int) -> None:
    """Never more than was given, never too few for a verdict, never more rounds than help."""
    plan = fitted(within, classes=classes)
    minutes = {"30m": 30, "45m": 45, "2h": 120}[within]
    assert seconds(plan, classes=classes) <= 60 * minutes
    assert 3 <= plan.rounds <= 10
    more = plan.model_copy(update={"rounds": plan.rounds + 1})
    assert plan.rounds == 10 or seconds(more, classes=classes) > 60 * minutes


def test_seconds_become_less_only_for_the_third_round() -> None:
    """More time is more rounds; less time is shorter jobs."""
    assert fitted("2h").runtime_seconds is None
    short = fitted("20m")
    assert short.rounds == 3
    assert short.runtime_seconds is not None
    assert 5 <= short.runtime_seconds < 15


def test_an_own_file_keeps_its_seconds() -> None:
    """They are somebody's: rounds alone are chosen."""
    plan = fitted("10m", fio_file=OWN, volume_size="64Mi")
    assert plan.runtime_seconds is None
    assert plan.rounds > 3
    with pytest.raises(PlanError, match="plan field within"):
        fitted("2m", fio_file=OWN, volume_size="64Mi")


def test_what_three_rounds_cannot_do_is_refused_with_what_they_take() -> None:
    """Three rounds, on how many volumes, how long, and what to do."""
    words = r"plan field within: 3 rounds on 3 volumes take about .* min .* not 5m.*profile quick"
    with pytest.raises(PlanError, match=words):
        fitted("5m", control=True)


def test_a_plan_that_names_no_time_stays_as_it_is() -> None:
    """So do storms, whose rounds are not fio's."""
    assert fitted("", rounds=4).rounds == 4
    assert fitted("1m", flow="storms", rounds=4).rounds == 4


def test_a_run_says_how_long_it_takes_and_what_it_writes() -> None:
    """Files are counted; what timed writes come to is the classes' own."""
    plan = Plan(rounds=2, volume_size="1Gi", control=True)
    seen = duration.check(Size("benchmark", 2, 3), plan, job_file.prepare(plan))
    assert (seen.check, seen.object, seen.status) == ("time", "duration", "pass")
    assert seen.seen.startswith("about 21 min ")
    assert "2 rounds of 3 volumes, 3 min 22 s of timed fio on each" in seen.seen
    assert "it writes 4.7 GiB of files, and for 13 min 24 s what the classes take" in seen.seen
    assert seen.seen.endswith(": at 500 MiB/s that is 393 GiB")


def test_a_run_that_only_reads_writes_its_files_alone() -> None:
    plan = Plan(fio_file="[read]\nrw=randread\nbs=4k\nruntime=10\ntime_based\n")
    assert duration.check(Size("benchmark", 2, 3), plan, read(plan)).seen.endswith(" GiB of files")


def test_nights_take_longer_than_their_parts() -> None:
    """Storms count, and each node that is held."""
    plan = Plan()
    night, fio = seconds(plan, flow="nightly"), seconds(plan, flow="benchmark")
    storms = seconds(plan, flow="storms")
    assert night > fio
    assert night == pytest.approx(fio + storms - duration.RUN_SECONDS)
    assert (
        "timed fio" not in duration.check(Size("storms", 2, 3), plan, job_file.prepare(plan)).seen
    )
