"""What a plan demands of its classes: pass, fail or open, each with its opposite."""

from pathlib import Path
from typing import Any

import pytest

from reports.decision.requirements import counted, judge, unmet
from reports.decision.verdicts import Verdict
from reports.page.render import render
from tests.reports.decision_sample import GOOD, MIB, decided, storm, write_decision
from tests.reports.sample import RUN_ID, Row

MET, NOT_MET, OPEN = Verdict.MET, Verdict.NOT_MET, Verdict.OPEN


def verdict(root: Path, demand: dict[str, Any], **changes: Any) -> tuple[str, Verdict]:
    """What was seen of a single requirement of a class, and whether it is met."""
    jobs = changes.pop("jobs", GOOD)
    run = decided(root, {"fast": jobs}, plan={"requirements": {"fast": demand}}, **changes)
    (one,) = judge(run)
    assert (one.storage_class, one.requirement) == ("fast", next(iter(demand)))
    return one.seen, one.verdict


@pytest.mark.parametrize(
    ("field", "easy", "hard", "seen"),
    [
        ("min_read_iops", 11_999, 12_001, "12.0 k IOPS"),
        ("min_write_iops", 8_000, 8_001, "8.00 k IOPS"),
        ("min_read_bytes_per_second", 700 * MIB, 701 * MIB, "700 MiB/s"),
        ("min_write_bytes_per_second", 349 * MIB, 351 * MIB, "350 MiB/s"),
        ("max_commit_p99_seconds", 0.0017, 0.0015, "1.60 ms"),
        ("max_read_p99_seconds", 0.0021, 0.0019, "2.00 ms"),
        ("max_provision_seconds", 4.31, 4.3, "4.31 s"),
    ],
)
def test_equal_volumes_pass_or_fail(
    tmp_path: Path, field: str, easy: float, hard: float, seen: str
) -> None:
    """Of three volumes; of two the same figure is open, whatever is demanded."""
    found, met = verdict(tmp_path / "easy", {field: easy})
    assert found.startswith(seen)
    assert met is MET
    assert verdict(tmp_path / "hard", {field: hard})[1] is NOT_MET
    for folder, value in (("two easy", easy), ("two hard", hard)):
        found, met = verdict(tmp_path / folder, {field: value}, volumes=2)
        assert found == f"{seen}, two volumes"
        assert met is OPEN


def test_an_interval_that_holds_the_threshold_is_open(tmp_path: Path) -> None:
    """The mean satisfies it, and a class of such volumes may not; so do volumes that lie closer."""
    apart = GOOD | {"read_iops": (6_000, 12_000, 24_000)}
    close = GOOD | {"read_iops": (11_900, 12_000, 12_100)}
    demand = {"min_read_iops": 11_000}
    assert verdict(tmp_path / "apart", demand, jobs=apart)[1] is OPEN
    assert verdict(tmp_path / "close", demand, jobs=close)[1] is MET
    above = {"min_read_iops": 13_000}
    assert verdict(tmp_path / "apart above", above, jobs=apart)[1] is OPEN
    assert verdict(tmp_path / "close above", above, jobs=close)[1] is NOT_MET


def test_what_was_not_measured_is_open(tmp_path: Path) -> None:
    without = {"read_iops": GOOD["read_iops"]}
    assert verdict(tmp_path / "1", {"min_write_iops": 1}, jobs=without) == ("not measured", OPEN)
    assert verdict(tmp_path / "2", {"no_lost_records": True}) == ("no storm was measured", OPEN)
    assert verdict(tmp_path / "3", {"max_recovery_seconds": 1}) == ("no storm was measured", OPEN)


def test_a_volume_that_could_not_be_used_was_not_provisioned_in_time(tmp_path: Path) -> None:
    broken = {"error": "binding of PVC x did not happen", "first_pod_seconds": None}
    seen, met = verdict(tmp_path / "broken", {"max_provision_seconds": 60}, volume=broken)
    assert seen == "a volume could not be used: binding of PVC x did not happen"
    assert met is NOT_MET
    assert verdict(tmp_path / "sound", {"max_provision_seconds": 60})[1] is MET


@pytest.mark.parametrize(
    ("changes", "seen", "met"),
    [
        ({}, "lost in 0 of 2 faults", MET),
        (
            {"kept": False, "lost_records": 5},
            "lost 5 records (pod-kill), in 1 of 2 faults",
            NOT_MET,
        ),
        ({"kept": None}, "not read back after pod-kill", OPEN),
        ({"status": "failed", "error": "no node"}, "not read back after pod-kill", OPEN),
        ({"status": "skipped", "error": "forbidden"}, "lost in 0 of 1 fault", MET),
    ],
    ids=["kept", "lost", "unread", "failed", "skipped"],
)
def test_lost_records(tmp_path: Path, changes: dict[str, Any], seen: str, met: Verdict) -> None:
    storms = storm("fast", "pod-delete"), storm("fast", "pod-kill", **changes)
    assert verdict(tmp_path, {"no_lost_records": True}, storms=storms) == (seen, met)


@pytest.mark.parametrize(
    ("changes", "seen", "met"),
    [
        ({}, "2.2 s at most, in 2 faults (pod-delete)", MET),
        ({"recovery_seconds": 61.0}, "61.0 s at most, in 2 faults (pod-kill)", NOT_MET),
        (
            {"came_back": "never", "recovery_seconds": None},
            "came back never (pod-kill)",
            NOT_MET,
        ),
        ({"came_back": "after repair"}, "came back only with its node (pod-kill)", NOT_MET),
        ({"status": "failed", "error": "no node"}, "2.2 s at most, in 1 fault (pod-delete)", OPEN),
    ],
    ids=["in time", "late", "never", "with its node", "failed"],
)
def test_recovery(tmp_path: Path, changes: dict[str, Any], seen: str, met: Verdict) -> None:
    """By the slowest round; a wait for one's node is as long as the node is away."""
    storms = storm("fast", "pod-delete"), storm("fast", "pod-kill", **changes)
    assert verdict(tmp_path, {"max_recovery_seconds": 60}, storms=storms) == (seen, met)


def test_a_class_of_its_own_and_every_class(tmp_path: Path) -> None:
    """What a class demands takes the place of what all do; a class that is not there is open."""
    demands = {
        "*": {"min_read_iops": 10_000, "max_commit_p99_seconds": 0.01},
        "slow": {"min_read_iops": 500, "min_write_iops": None},
        "gone": {"no_lost_records": True},
    }
    slow = GOOD | {"read_iops": 1_000}
    run = decided(tmp_path, {"fast": GOOD, "slow": slow}, plan={"requirements": demands})
    found = {
        (one.storage_class, one.requirement): (one.demanded, one.verdict) for one in judge(run)
    }
    assert found == {
        ("fast", "min_read_iops"): ("10,000 IOPS", MET),
        ("fast", "max_commit_p99_seconds"): ("10 ms", MET),
        ("slow", "min_read_iops"): ("500 IOPS", MET),
        ("slow", "max_commit_p99_seconds"): ("10 ms", MET),
        ("gone", "min_read_iops"): ("10,000 IOPS", OPEN),
        ("gone", "max_commit_p99_seconds"): ("10 ms", OPEN),
        ("gone", "no_lost_records"): ("none", OPEN),
    }


def test_the_report_says_what_is_not_met(tmp_path: Path) -> None:
    """And where the plan demands nothing, it says nothing."""
    demands = {"fast": {"min_read_iops": 13_000, "min_write_iops": 1, "no_lost_records": True}}
    location = write_decision(tmp_path / "3", {"fast": GOOD}, plan={"requirements": demands})
    report = render(location, RUN_ID).markdown
    said = report.partition("### Requirements of the plan\n")[2].partition("\n## ")[0]
    assert "**Of 3 requirements 1 not met, 1 open, 1 met.**" in said
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert ["fast", "min_read_iops", "13,000 IOPS"] in [row[:3] for row in rows]
    assert [row[-1] for row in rows if row[:1] == ["fast"]] == ["**fail**", "pass", "open"]
    location = write_decision(tmp_path / "0", {"fast": GOOD})
    assert "Requirements of the plan" not in render(location, RUN_ID).markdown


def test_the_sentence_of_a_state(tmp_path: Path) -> None:
    demands = {"fast": {"min_read_iops": 13_000, "no_lost_records": True}}
    judged = judge(decided(tmp_path, {"fast": GOOD}, plan={"requirements": demands}))
    assert counted(judged) == "of 2 requirements 1 not met, 1 open"
    assert unmet(judged) == (
        "of 2 requirements 1 not met, 1 open: fast min_read_iops 13,000 IOPS: 12.0 k IOPS"
    )
    assert unmet(judged[1:]) == ""
    assert counted(()) == ""


@pytest.mark.parametrize(
    ("own", "demanded"),
    [({}, ["slow"]), ({"no_lost_records": None}, ["slow"]), ({"no_lost_records": False}, [])],
    ids=["empty", "none", "false"],
)
def test_a_class_can_be_excused(tmp_path: Path, own: dict[str, Any], demanded: list[str]) -> None:
    """False takes the place of what every class has to do; what is left empty does not."""
    demands = {"*": {"no_lost_records": True}, "slow": own}
    run = decided(tmp_path, {"fast": GOOD, "slow": GOOD}, plan={"requirements": demands})
    assert [one.storage_class for one in judge(run)] == ["fast", *demanded]


def test_a_figure_in_doubt_is_never_met_and_may_fail(tmp_path: Path) -> None:
    """RAM is faster than storage: what it reaches says nothing, what it misses fails."""
    ram = {"warnings": ["the volume is tmpfs: this measures RAM, not storage"]}
    seen, met = verdict(tmp_path / "1", {"min_read_iops": 11_000}, cell=ram)
    assert (seen, met) == ("12.0 k IOPS, it measures RAM", OPEN)
    assert verdict(tmp_path / "2", {"min_read_iops": 13_000}, cell=ram)[1] is NOT_MET
    assert verdict(tmp_path / "3", {"min_read_iops": 11_000})[1] is MET


MS = 0.001
# Of each of three volumes: a latency in seconds, and how many I/Os took that.
COUNTED = {
    "none, enough": ([(3 * MS, 123)], "0 of 369 I/Os took longer", MET),
    "none, too few": ([(3 * MS, 122)], "0 of 366 I/Os took longer", OPEN),
    "few": ([(3 * MS, 1_030), (30 * MS, 3)], "9 of 3,099 I/Os took longer", MET),
    "one in a hundred": ([(3 * MS, 1_025), (30 * MS, 10)], "30 of 3,105 I/Os took longer", OPEN),
    "many": ([(8 * MS, 2_400), (100 * MS, 100)], "300 of 7,500 I/Os took longer", NOT_MET),
    "in the threshold's bin": ([(9.99 * MS, 2_400)], "7,200 of 7,200 I/Os took longer", OPEN),
    "below that bin": ([(9.8 * MS, 2_400)], "0 of 7,200 I/Os took longer", MET),
}  # fmt: skip


def bins(*counts: tuple[float, int]) -> Row:
    """A histogram of syncs."""
    return {"sync_latency_bins": [{"ns": int(t * 1e9), "count": count} for t, count in counts]}


@pytest.mark.parametrize(("commits", "seen", "met"), COUNTED.values(), ids=COUNTED)
def test_a_threshold_needs_no_hundred_ios_beyond_the_percentile(
    tmp_path: Path, commits: list[tuple[float, int]], seen: str, met: Verdict
) -> None:
    """It needs the count of those beyond itself: 5 % of nothing, or much more than 1 %."""
    jobs = {"etcd_fdatasync": commits[-1][0] if met is NOT_MET else commits[0][0]}
    found = verdict(tmp_path, {"max_commit_p99_seconds": 0.01}, jobs=jobs, cell=bins(*commits))
    assert found == (seen, met)


@pytest.mark.parametrize(
    ("slow", "met"), [((10, 10, 10), MET), ((0, 0, 30), OPEN), ((60, 60, 60), NOT_MET)]
)
def test_each_volume_has_to_be_on_the_same_side(
    tmp_path: Path, slow: tuple[int, int, int], met: Verdict
) -> None:
    """As many I/Os of all together took too long; all of them on one volume are its own."""
    jobs = {"etcd_fdatasync": 0.1 if min(slow) > 20 else 3 * MS}
    cells = [bins((3 * MS, 2_000 - count), (100 * MS, count)) for count in slow]
    found = verdict(tmp_path, {"max_commit_p99_seconds": 0.01}, jobs=jobs, of_volume=cells)
    assert found[1] is met


def test_without_histograms_too_few_ios_decide_nothing(tmp_path: Path) -> None:
    """As in files of old runs."""
    few = {"write_ios": 100}
    seen, met = verdict(tmp_path / "few", {"max_commit_p99_seconds": 0.01}, cell=few)
    assert (seen, met) == ("too few I/Os (300 of 10,000)", OPEN)
    many = {"write_ios": 4_000}
    assert verdict(tmp_path / "many", {"max_commit_p99_seconds": 0.01}, cell=many)[1] is MET


@pytest.mark.parametrize(
    ("commits", "met"),
    [
        ([(0.001, 100)], OPEN),
        ([(0.001, 10_000)], MET),
        ([(0.004, 9_000), (0.3, 1_000)], NOT_MET),
    ],
    ids=["too few", "fast", "slow"],
)
def test_every_job_has_to_meet_it(
    tmp_path: Path, commits: list[tuple[float, int]], met: Verdict
) -> None:
    """A job that nothing is known of is not outvoted by one with a longer p99 that meets it."""
    two = GOOD | {"etcd_fdatasync": commits[-1][0], "commit_8k": 0.006}
    changes = {"jobs": two, "of_job": {"etcd_fdatasync": bins(*commits)}}
    assert verdict(tmp_path, {"max_commit_p99_seconds": 0.01}, **changes)[1] is met
