"""The decision table: which class fits which workload, and on how much that rests."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reports.decision.figures import KINDS, summary
from reports.decision.workloads import STATED
from reports.page.render import render
from tasks.results.store import write_table
from tests.reports.decision_sample import GOOD, MIB, storm, under_other_conditions, write_decision
from tests.reports.sample import RUN_ID, STARTED, Row, volume_row

LOG, PAGES = "a database's log (PostgreSQL's WAL)", "a database's data pages (PostgreSQL, MySQL)"
SHARED = {"volume": "fast (RWX)", "access_mode": "ReadWriteMany"}


def report_of(root: Path, figures: Any, **changes: Any) -> str:
    return render(write_decision(root, figures, **changes), RUN_ID).markdown


def section(report: str) -> str:
    return report.partition("\n## Decision\n")[2].partition("\n## ")[0]


def cells(report: str, workload: str) -> list[str]:
    """The cells of a row of the decision table, one a class."""
    row = re.search(rf"^\| {re.escape(workload)} +\|(.*)\|$", section(report), re.MULTILINE)
    assert row, section(report)
    return [cell.strip() for cell in row[1].split(" | ")]


def cell(root: Path, workload: str, jobs: dict[str, Any], **changes: Any) -> str:
    (text,) = cells(report_of(root, {"fast": GOOD | jobs}, **changes), workload)
    return text


@pytest.mark.parametrize(
    ("workload", "jobs", "words"),
    [
        ("etcd", {}, "**fits**: commit p99 1.60 ms (≤ 10 ms), speed alone"),
        ("etcd", {"etcd_fdatasync": 0.04}, "**does not fit**: commit p99 40.0 ms (≤ 10 ms)"),
        (LOG, {}, "**fits**: commit p99 1.20 ms (≤ 5 ms), speed alone"),
        (LOG, {"commit_8k": 0.006}, "**does not fit**: commit p99 6.00 ms (≤ 5 ms)"),
        (
            PAGES,
            {},
            "**fits**: random reads 12.0 k IOPS (≥ 2,700 IOPS), random writes 8.00 k IOPS "
            "(≥ 2,700 IOPS), read p99 2.00 ms (≤ 10 ms), speed alone",
        ),
        (
            PAGES,
            {"write_iops": 1_000},
            "**does not fit**: random writes 1.00 k IOPS (≥ 2,700 IOPS)",
        ),
        (
            "streaming and backup",
            {},
            "**fits**: reading 700 MiB/s (≥ 100 MiB/s), writing 350 MiB/s (≥ 100 MiB/s), "
            "speed alone",
        ),
        (
            "streaming and backup",
            {"seq_read": 90 * MIB},
            "**does not fit**: reading 90.0 MiB/s (≥ 100 MiB/s)",
        ),
        ("files shared by pods", {}, "not known: no ReadWriteMany volume was asked for"),
        (
            "scratch space of CI",
            {},
            "**fits**: ready after 4.31 s (≤ 30 s), writing 350 MiB/s (≥ 100 MiB/s)",
        ),
        (
            "scratch space of CI",
            {"seq_write": 40 * MIB},
            "**does not fit**: writing 40.0 MiB/s (≥ 100 MiB/s)",
        ),
    ],
)
def test_three_equal_volumes_decide(
    tmp_path: Path, workload: str, jobs: dict[str, Any], words: str
) -> None:
    """Each workload fits a class that has what it needs, and not one that lacks it."""
    assert cell(tmp_path, workload, jobs) == words


def test_an_interval_that_holds_the_threshold_decides_nothing(tmp_path: Path) -> None:
    """The same mean is known where the volumes lie close, and not where they lie apart."""
    near, apart = (0.0079, 0.008, 0.0081), (0.004, 0.008, 0.016)
    fits = cell(tmp_path / "near", "etcd", {"etcd_fdatasync": near})
    assert fits.startswith("**fits**: commit p99 8.00 ms (≤ 10 ms)")
    assert cell(tmp_path / "apart", "etcd", {"etcd_fdatasync": apart}) == (
        "not known: commit p99 8.00 ms, between 1.43 ms and 44.8 ms (≤ 10 ms)"
    )


@pytest.mark.parametrize("seconds", [0.0001, 0.009, 0.011, 1.0])
@pytest.mark.parametrize("volumes", [1, 2])
def test_below_three_volumes_no_figure_decides(
    tmp_path: Path, seconds: float, volumes: int
) -> None:
    """However far from the threshold; three volumes of the same decide it."""
    figures = {"fast": GOOD | {"etcd_fdatasync": seconds}}
    report = report_of(tmp_path / "few", figures, volumes=volumes)
    words = {1: "one volume", 2: "two volumes"}[volumes]
    (text,) = cells(report, "etcd")
    assert text.startswith("not known: commit p99 ")
    assert f"(≤ 10 ms, {words})" in text
    assert "fit" not in "".join(cells(report, LOG) + cells(report, PAGES))
    assert "Of fewer than three volumes no figure decides" in section(report)
    three = report_of(tmp_path / "three", figures)
    assert cells(three, "etcd")[0].startswith("**fits**" if seconds < 0.01 else "**does not fit**")
    assert words not in section(three)
    assert "Of fewer than three" not in section(three)


def test_repeats_on_one_volume_are_one_volume(tmp_path: Path) -> None:
    """Three repeats say nothing of the class that one does not; three volumes do."""
    jobs = {"etcd_fdatasync": 0.008}
    one = {"round": None, "pvc": "the-one"}
    text = cell(tmp_path / "repeats", "etcd", jobs, cell=one)
    assert text == "not known: commit p99 8.00 ms (≤ 10 ms, one volume)"
    assert cell(tmp_path / "volumes", "etcd", jobs).startswith("**fits**")
    existing = cell(tmp_path / "existing", "etcd", jobs, plan={"pvc": "mine"})
    assert existing.startswith("not known")


@under_other_conditions
def test_a_job_under_other_conditions_measures_nothing(tmp_path: Path, conditions: Row) -> None:
    """It has the same name and the same figure, and is not taken for what it is not."""
    text = cell(tmp_path, PAGES, {}, cell=conditions)
    assert "random reads was not measured" in text
    assert text.startswith("not known")


def test_a_paced_job_stands_before_one_read_at_a_time(tmp_path: Path) -> None:
    """At depth 1 a throttled class's p99 is the throttle's; where it is alone, it is taken."""
    both = GOOD | {"read_latency": 0.077}
    (paced,) = cells(report_of(tmp_path / "both", {"fast": both}), PAGES)
    assert paced.startswith("**fits**")
    alone = {job: figure for job, figure in both.items() if job != "paced_4k"}
    (single,) = cells(report_of(tmp_path / "alone", {"fast": alone}), PAGES)
    assert single == "**does not fit**: read p99 77.0 ms (≤ 10 ms)"


def test_a_lost_record_decides_but_for_scratch_space(tmp_path: Path) -> None:
    """And where nothing was lost, it says how often nothing was."""
    kept = storm("fast", "pod-delete"), storm("fast", "pod-kill")
    lost = kept[0], storm("fast", "pod-kill", kept=False, lost_records=12)
    unread = kept[0], storm("fast", "pod-kill", kept=None)
    figures = {"fast": GOOD}
    report = report_of(tmp_path / "kept", figures, storms=kept)
    assert cells(report, "etcd") == ["**fits**: commit p99 1.60 ms (≤ 10 ms)"]
    assert cells(report, "acknowledged records") == ["kept in 2 storms"]
    report = report_of(tmp_path / "lost", figures, storms=lost)
    assert cells(report, "etcd") == ["**does not fit**: lost 12 records (pod-kill)"]
    assert cells(report, "acknowledged records") == ["lost 12 records (pod-kill)"]
    assert cells(report, "scratch space of CI")[0].startswith("**fits**")
    report = report_of(tmp_path / "unread", figures, storms=unread)
    assert cells(report, "etcd") == ["not known: not read back after pod-kill"]


def test_files_are_shared_where_a_class_gives_such_volumes(tmp_path: Path) -> None:
    figures = {"fast": GOOD}
    given = [storm("fast", "drain", **SHARED)]
    refused = [storm("fast", "drain", **SHARED | {"status": "not offered", "error": "no RWX"})]
    lossy = [storm("fast", "drain", **SHARED, kept=False, lost_records=3)]
    for storms, words in (
        (given, "**fits**: ReadWriteMany, kept in 1 storm"),
        (refused, "**does not fit**: no ReadWriteMany"),
        (lossy, "**does not fit**: lost 3 records (drain)"),
    ):
        report = report_of(tmp_path / words[2:8], figures, storms=storms)
        assert cells(report, "files shared by pods") == [words]
        assert "speed alone" in cells(report, "etcd")[0]  # of other volumes
    asked = report_of(tmp_path / "asked", figures, volume={"access_mode": "ReadWriteMany"})
    assert cells(asked, "files shared by pods") == ["**fits**: ReadWriteMany, speed alone"]


def test_what_happens_when_the_node_goes(tmp_path: Path) -> None:
    """Each class in its own words, and a class whose node never went is not known."""
    drains = [
        storm("local-path", "drain"),
        storm("nfs-client", "drain"),
        storm("third", "pod-kill"),
    ]
    lost = {"storm": "node-crash", "came_back": "never", "kept": False, "lost_records": 7}
    figures = dict.fromkeys(("local-path", "nfs-client", "third"), GOOD)
    report = report_of(tmp_path / "drain", figures, storms=drains)
    assert cells(report, "when its node is drained") == [
        "kept; waits for its node",
        "kept; on another node after 3.4 s",
        "not known: no node was taken away",
    ]
    assert "a node that dies" in section(report)
    crash = [*drains, storm("nfs-client", "drain", **lost)]
    report = report_of(tmp_path / "crash", figures, storms=crash)
    assert cells(report, "when its node is drained or dies") == [
        "kept; waits for its node",
        "lost 7 records; on another node after 3.4 s (drain); never came back (node-crash)",
        "not known: no node was taken away",
    ]
    assert "a node that dies" not in section(report)


def test_on_how_much_it_rests_and_what_was_not_tested(tmp_path: Path) -> None:
    report = section(report_of(tmp_path / "speed", {"fast": GOOD}))
    assert (
        "Measured: three volumes a class, 2 nodes, one night, 15.0 s a job at most, a working set "
        "of 0.38 × the node's memory at most. **Not tested**: other nights, a loss of power, a "
        "fault of the storage behind a class, any storm and a working set that memory cannot hold."
    ) in report
    large, storms = {"file_size_bytes": 9 * 2**30}, [storm("fast", "drain")]
    report = section(report_of(tmp_path / "all", {"fast": GOOD}, cell=large, storms=storms))
    assert (
        "**Not tested**: other nights, a loss of power, a fault of the storage behind a class and "
        "a node that dies."
    ) in report


def crash(name: str, held: float, **changes: Any) -> Row:
    """A node that was broken for so long, and whose pod waited for it."""
    back = {"storm": "node-crash", "came_back": "after repair", "hold_seconds": held}
    return storm(name, "drain", **back | changes)


def test_a_node_that_was_soon_back_is_none_that_stays_away(tmp_path: Path) -> None:
    """Below the five minutes after which pods move; beyond them, or where one was lost, it is."""
    soon, lost = crash("fast", 10.4), crash("fast", 60.0, storm="node-lost", came_back="other node")
    stays = "and a node that stays away: it was back after 10.4 s, and Kubernetes moves its pods"
    report = report_of(tmp_path / "soon", {"fast": GOOD}, storms=[soon])
    assert cells(report, "when its node dies") == [
        "kept; waited for its node, which was away for 10.4 s (node-crash)"
    ]
    assert stays in section(report)
    for folder, storms in (("long", [crash("fast", 400.0)]), ("lost", [soon, lost])):
        report = section(report_of(tmp_path / folder, {"fast": GOOD}, storms=storms))
        assert "stays away" not in report


def test_each_storm_has_its_own_seconds(tmp_path: Path) -> None:
    """And a class that is tied to a lost node waits for it, as long as it was waited for."""
    moved = {"storm": "node-lost", "came_back": "other node", "recovery_seconds": 40.9}
    storms = [storm("nfs-client", "drain"), storm("nfs-client", "drain", **moved)]
    tied = {"storm": "node-lost", "came_back": "never"}
    storms.append(storm("local-path", "drain", **tied))
    figures = {"local-path": GOOD, "nfs-client": GOOD}
    report = report_of(tmp_path, figures, storms=storms, plan={"recovery_limit_seconds": 120})
    assert cells(report, "when its node is drained or is lost") == [
        "kept; waits for its node, not elsewhere within 120 s (node-lost)",
        "kept; on another node after 3.4 s (drain); on another node after 40.9 s (node-lost)",
    ]


def test_a_loss_of_power_is_told_of_each_class(tmp_path: Path) -> None:
    """Of the class whose fsync a fault showed it is not said, of the other it is."""
    teeth = {"unsynced_records": 40, "unsynced_lost_records": 40}
    proved = crash("fast", 10.0, node_before="w1", **teeth)
    spared = crash("slow", 10.0, node_before="w2", unsynced_records=40, unsynced_lost_records=0)
    figures = {"fast": GOOD, "slow": GOOD}
    untested = "**Not tested**: other nights, a loss of power"
    report = section(report_of(tmp_path / "one", figures, storms=[proved, spared]))
    assert f"{untested} of slow, a fault" in report
    both = [proved, crash("slow", 10.0, node_before="w1", **teeth)]
    assert "a loss of power" not in section(report_of(tmp_path / "both", figures, storms=both))
    assert f"{untested}, a fault" in section(report_of(tmp_path / "no", figures, storms=[spared]))


def test_the_decision_and_provisioning_have_one_median(tmp_path: Path) -> None:
    location = write_decision(tmp_path, {"fast": GOOD})
    volumes = [
        volume_row("fast")
        | {"round": number, "pvc": f"fast-{number}", "first_pod_seconds": seconds}
        for number, seconds in enumerate((4.0, 4.1, 9.0), start=1)
    ]
    write_table(location, "volumes", RUN_ID, STARTED, volumes)
    report = render(location, RUN_ID).markdown
    assert "ready after 4.10 s (≤ 30 s)" in section(report)
    assert "4.10 s (4.00 s – 9.00 s)" in report.partition("Provisioning")[2]


def test_a_control_is_no_class_to_choose(tmp_path: Path) -> None:
    report = section(report_of(tmp_path, {"fast": GOOD, "fast (control)": GOOD}))
    assert "| for " in report
    assert "control" not in report


def test_every_workload_says_what_its_thresholds_mean() -> None:
    """Each is of a figure that is known, has a reason, and a date where it has a source."""
    for row in yaml.safe_load(STATED.read_text()):
        for need in row.get("needs", []):
            assert need["figure"] in KINDS
            assert ("at_least" in need) != ("at_most" in need)
            assert need["why"]
            assert ("source" in need) == ("read_on" in need)


def test_the_interval_is_students_of_the_logarithms() -> None:
    """Logarithms 0, 1 and 2 have mean 1 and s = 1: 4.303 / sqrt(3) to each side, t of 2 degrees."""
    figure = summary(KINDS["read_iops"], [1.0, 2.718281828459045, 7.38905609893065])
    assert figure is not None
    assert figure.low is not None
    assert figure.value == pytest.approx(2.71828, rel=1e-5)
    assert figure.low == pytest.approx(2.71828 ** (1 - 4.30265 / 3**0.5), rel=1e-4)
    assert summary(KINDS["read_iops"], []) is None


RAM = "the volume is tmpfs: this measures RAM, not storage"
ANSWERS = "half of its reads took less than 50 µs, as no network can: a cache answers"
POWER = "half of its fsyncs took less than 200 µs, as no network and flush can: what they acknowl"
HOLDS = (
    "its working set is less than 25 s of what was read and written: a cache on the way may hold"
)
WIRE_NONE = {"fast": {"parameters": '{"wire": "none"}'}}


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"cell": {"warnings": [RAM]}}, "it measures RAM"),
        ({"cell": {"warnings": [ANSWERS]}}, "a cache answers"),
        ({"cell": {"warnings": [POWER]}}, "a cache may acknowledge"),
        ({"classes": WIRE_NONE}, "no network in its path"),
    ],
    ids=["RAM", "reads from a cache", "commits to a cache", "no wire"],
)
def test_what_is_not_the_storages_fits_nothing(
    tmp_path: Path, changes: dict[str, Any], doubt: str
) -> None:
    """It makes a class look faster: whatever fits is not known, and what does not fit, does not."""
    assert cell(tmp_path / "sound", "etcd", {}).startswith("**fits**: ")
    text = cell(tmp_path / "doubtful", "etcd", {}, **changes)
    assert text == f"not known [⚠](#warnings): {doubt}"
    slow = cell(tmp_path / "slow", "etcd", {"etcd_fdatasync": 0.04}, **changes)
    assert slow.replace("**", "").startswith("does not fit [⚠](#warnings): commit p99 40.0 ms")
    ci = cell(tmp_path / "several", "scratch space of CI", {}, **changes)
    assert ci == f"not known [⚠](#warnings): {doubt}"


def test_any_other_warning_marks_a_verdict_and_takes_its_bold(tmp_path: Path) -> None:
    """As that of a working set that a cache may hold: of the figures that it touches alone."""
    report = report_of(tmp_path, {"fast": GOOD}, cell={"warnings": [HOLDS]})
    assert cells(report, "etcd")[0].startswith("fits [⚠](#warnings): commit p99 1.60 ms (≤ 10 ms)")
    assert "Nothing here is bold: each rests on a figure with a warning." in section(report)
    shared = {"cell": {"warnings": [HOLDS]}, "storms": [storm("fast", "drain", **SHARED)]}
    some = section(report_of(tmp_path / "some", {"fast": GOOD}, **shared))
    assert "In bold is what rests on three volumes" in some
    sound = section(report_of(tmp_path / "sound", {"fast": GOOD}))
    assert "⚠" not in sound
    assert "In bold" not in sound


def test_what_ran_for_a_moment_is_not_in_bold(tmp_path: Path) -> None:
    brief = cell(tmp_path / "brief", "etcd", {}, cell={"runtime_seconds": 3.0})
    assert brief == "fits: commit p99 1.60 ms (≤ 10 ms, jobs of 3.0 s), speed alone"
    assert cell(tmp_path / "long", "etcd", {}, cell={"runtime_seconds": 5.0}).startswith("**fits**")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"runtime_seconds": 3.0}, "Nothing here is bold: no job ran for 5 s. Take it as a first"),
        ({"warnings": ["HOLDS"]}, "Nothing here is bold: each rests on a figure with a warning."),
        ({}, ""),
    ],
    ids=["brief", "warned", "sound"],
)
def test_where_nothing_is_bold_it_says_why(tmp_path: Path, change: Row, why: str) -> None:
    figures = {job: GOOD[job] for job in GOOD if job != "seq_write"}  # it is in bold by itself
    report = section(report_of(tmp_path, {"fast": figures}, cell=change))
    assert ("Nothing here is bold" in report) is bool(why)
    assert why in report


def test_a_lost_record_is_bold_whatever_the_speed_rests_on(tmp_path: Path) -> None:
    lossy = [storm("fast", "drain", kept=False, lost_records=3)]
    report = report_of(tmp_path, {"fast": GOOD}, storms=lossy, volumes=1)
    assert cells(report, "etcd") == ["**does not fit**: lost 3 records (drain)"]


def bins(*counts: tuple[float, int]) -> Row:
    """A histogram of syncs: so many took so many seconds."""
    return {"sync_latency_bins": [{"ns": int(t * 1e9), "count": n} for t, n in counts]}


@pytest.mark.parametrize(("each", "printed"), [(3_333, False), (3_334, True)])
def test_a_percentile_is_printed_of_a_hundred_ios_beyond_it(
    tmp_path: Path, each: int, printed: bool
) -> None:
    """Of three volumes together 10,000 commits; of fewer it is said how many took longer."""
    few, total = bins((0.001, each)), 3 * each
    words = "1.00 ms" if printed else f"0 of {total:,} I/Os took longer"
    text = cell(tmp_path / "fast", "etcd", {}, cell=few)
    assert text == f"**fits**: commit p99 {words} (≤ 10 ms), speed alone"
    slow = bins((0.02, each))
    text = cell(tmp_path / "slow", "etcd", {"etcd_fdatasync": 0.02}, cell=slow)
    words = "20.0 ms" if printed else f"{total:,} of {total:,} I/Os took longer"
    assert text == f"**does not fit**: commit p99 {words} (≤ 10 ms)"


@pytest.mark.parametrize("seconds", [0.0001, 0.9])
def test_of_one_volume_no_count_decides(tmp_path: Path, seconds: float) -> None:
    text = cell(
        tmp_path, "etcd", {"etcd_fdatasync": seconds}, volumes=1, cell=bins((seconds, 9000))
    )
    assert text.startswith("not known: commit p99 ")
    assert "(≤ 10 ms, one volume)" in text


@pytest.mark.parametrize(
    ("seconds", "fit"), [(0.0037, "**fits**: "), (0.012, "**does not fit**: ")]
)
def test_three_paced_seconds_decide(tmp_path: Path, seconds: float, fit: str) -> None:
    """350 reads a second: too few to print a p99, and enough to know it from 10 ms."""
    reads = {"read_latency_bins": [{"ns": int(seconds * 1e9), "count": 1_045}]}
    text = cell(tmp_path, PAGES, {"paced_4k": seconds}, of_job={"paced_4k": reads})
    assert text.startswith(fit)
    assert f"read p99 {0 if seconds < 0.01 else 3135:,} of 3,135 I/Os took longer" in text


def test_the_percentile_of_several_volumes_is_the_one_of_the_table_of_speeds(
    tmp_path: Path,
) -> None:
    """That of all I/Os, not the mean of each volume's; without histograms it is the mean."""
    pooled = bins((0.001, 9_700), (0.004, 300))
    report = report_of(tmp_path / "1", {"fast": GOOD}, cell=pooled)
    assert cells(report, "etcd")[0].startswith("**fits**: commit p99 4.00 ms (≤ 10 ms)")
    assert re.search(r"\| sync p99 +\| 4\.00 ms", report)
    assert cell(tmp_path / "2", "etcd", {}).startswith("**fits**: commit p99 1.60 ms")


@pytest.mark.parametrize(
    ("profile", "jobs", "said"),
    [
        ("quick", ["read_iops"], "Profile quick measures no commits and no read latency; "),
        ("quick", ["etcd_fdatasync", "commit_8k"], "Profile quick measures no read latency; "),
        ("quick", list(GOOD), ""),
        ("standard", ["read_iops"], ""),
    ],
)
def test_what_a_quick_run_lacks_has_a_way_to_be_known(
    tmp_path: Path, profile: str, jobs: list[str], said: str
) -> None:
    figures = {"fast": {job: GOOD[job] for job in jobs}}
    report = section(report_of(tmp_path, figures, plan={"profile": profile}))
    assert (f"{said}`--profile standard` does." in report) == bool(said)
    assert ("Profile quick" in report) == bool(said)
