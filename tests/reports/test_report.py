"""The report as its reader meets it, from Parquet to markdown."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from reports.html.write import write
from reports.page.render import render
from tasks.results.store import ResultsError, write_table
from tests.reports import sample
from tests.reports.sample import RUN_ID, STARTED, Row, class_row, failed, write_run

TWO = {"local-path": 1.0, "nfs-client": 0.16}


def report_of(root: Path, speeds: Mapping[str, float], **changes: Any) -> str:
    return render(write_run(root, speeds, **changes), RUN_ID).markdown


def section(report: str, heading: str) -> str:
    return report.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def table(report: str, heading: str) -> list[list[str]]:
    """The cells of a section's first table, without the rule below its header."""
    lines = section(report, heading).splitlines()
    rows = takewhile(
        lambda line: line.startswith("|"), dropwhile(lambda line: not line.startswith("|"), lines)
    )
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in rows]
    header, _, *body = [[cell.strip() for cell in row] for row in cells]
    return [header, *body]


def headline(report: str) -> str:
    return report.splitlines()[2]


def test_sections_come_in_the_order_of_a_readers_questions(tmp_path: Path) -> None:
    report = report_of(tmp_path, TWO)

    assert report.startswith("# Storage report: kind-prod, 2026-11-23 18:00 UTC\n\n**nfs-client")
    assert re.findall(r"^## (.+)$", report, re.MULTILINE) == [
        "Decision", "Speed", "How it was made",
    ]  # fmt: skip


def test_the_labs_table_holds_means_ranges_ratios_and_verdicts(tmp_path: Path) -> None:
    report = report_of(tmp_path, TWO | {"twin": 1.0})

    assert table(report, "Speed")[:3] == [
        ["job", "what", "figure", "local-path (reference)", "nfs-client", "twin"],
        ["read_iops", "4K randread, QD64", "IOPS", "12.3 k [11.9 – 12.7]",
         "1.97 k [1.91 – 2.03] 0.16× [0.15× – 0.17×] **slower**",
         "12.3 k [11.9 – 12.7] 1.00× [0.93× – 1.07×] equal"],
        ["write_iops", "4K randwrite, QD64", "IOPS", "8.00 k [7.76 – 8.25]",
         "1.28 k [1.24 – 1.32] 0.16× [0.15× – 0.17×] **slower**",
         "8.00 k [7.76 – 8.25] 1.00× [0.93× – 1.07×] equal"],
    ]  # fmt: skip
    note = section(report, "Speed").split("\n\n")[1]
    assert "Geometric mean [lowest – highest of the volumes] of 3 volumes of each class." in note
    assert "sure at 5 % for all 8 ratios together, equal is within 10 %" in note


def test_the_headline_names_the_largest_difference_by_its_bound(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"local-path": 1.0, "gp3-like": 1.01, "nfs-client": 0.16})

    assert headline(report) == (
        "**nfs-client is at least 5.4× slower than local-path at 4K QD64 random reads** "
        "(slower in 4 of 4 figures). **gp3-like and local-path are equal within 10 %** in 4 "
        "figures. All 36 fio jobs were measured."
    )


def test_the_margin_is_the_plans(tmp_path: Path) -> None:
    plan = {"plan": json.dumps({"rounds": 3, "equal_within_percent": 5})}

    report = report_of(tmp_path, {"local-path": 1.0, "twin": 1.01}, facts=plan)

    assert headline(report).startswith(
        "twin and local-path are not told apart in any of 4 figures (about 9 rounds in all would "
        "decide half of them). "
    )
    assert table(report, "Speed")[1][4].endswith("1.01× [0.94× – 1.08×] open (≈ 9 rounds in all)")
    assert "equal is within 5 %" in section(report, "Speed")


def test_an_open_ratio_whose_interval_leaves_out_1_is_explained(tmp_path: Path) -> None:
    """Of one that is sure, and where all are alike, there is nothing to explain."""

    def cell(row: Row) -> Row:
        near = row["storage_class"] == "nfs-client" and row["job"] == "read_iops"
        return row | {"iops": row["iops"] * 1.09} if near else row

    luck = "A ratio whose interval leaves out 1 can still be open: of 4 ratios one may do so by"
    alike = {"local-path": 1.0, "nfs-client": 1.0}
    report = report_of(tmp_path, alike, cell=cell)
    assert "1.09×" in table(report, "Speed")[1][4]
    assert " open " in table(report, "Speed")[1][4]
    assert luck in report
    assert "; three rounds cannot tell 1 figure apart" in headline(report)
    assert luck not in report_of(tmp_path, alike)
    assert luck not in report_of(tmp_path, TWO)


def test_where_most_figures_are_alike_the_headline_says_so_first(tmp_path: Path) -> None:
    def cell(row: Row) -> Row:
        slow = row["storage_class"] == "nfs-client" and row["job"] == "read_iops"
        return row | {"iops": row["iops"] / 2} if slow else row

    report = report_of(tmp_path, {"local-path": 1.0, "nfs-client": 1.0}, cell=cell)

    assert headline(report) == (
        "nfs-client is equal within 10 % in 3 of 4 figures, and at least 1.79× slower than "
        "local-path at 4K QD64 random reads (slower in 1). All 24 fio jobs were measured."
    )


def test_a_durable_write_is_judged_by_how_long_a_sync_takes(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"local-path": 1.0, "nfs-client": 0.6}, jobs=sample.WAL)

    p50, p99 = table(report, "Speed")[1:]
    assert p50[2:] == [
        "sync p50", "1.44 ms [1.40 – 1.48]",
        "2.40 ms [2.33 – 2.47] 1.67× [1.56× – 1.79×] **slower**",
    ]  # fmt: skip
    assert p99[2:] == [
        "sync p99", "3.84 ms [3.72 – 3.96]",
        "6.40 ms [6.21 – 6.60] 1.67× [1.56× – 1.79×] **slower**",
    ]  # fmt: skip
    assert headline(report).startswith(
        "**nfs-client is at least 1.52× slower than local-path at sync p50 of etcd_fdatasync**"
    )


@pytest.mark.parametrize(
    ("rounds", "old", "volumes"),
    [(1, False, "one volume"), (2, False, "two volumes"), (3, True, "one volume")],
    ids=["one", "two", "three repeats on one"],
)
def test_below_three_volumes_there_is_no_verdict(
    tmp_path: Path, rounds: int, old: bool, volumes: str
) -> None:
    report = report_of(tmp_path, TWO, rounds=rounds, old=old)

    assert headline(report).startswith(
        f"nfs-client had 0.16× the speed of local-path in 4 figures, on {volumes} of each class: "
        "too few for a verdict on the classes. "
    )
    assert f"of {volumes} of each class." in section(report, "Speed")
    assert "of so few there is no verdict on the classes" in section(report, "Speed")
    cells = [cell for row in table(report, "Speed")[1:] for cell in row[3:]]
    assert all(re.fullmatch(r"[\d. k]+( \[[\d. –]+\])?( 0\.16×)?", cell) for cell in cells), cells
    assert any("[" in cell for cell in cells) == (rounds > 1)
    assert not re.search("faster|slower|equal", "".join(cells) + headline(report))


def test_a_pvc_that_was_there_is_one_volume_however_many_rounds(tmp_path: Path) -> None:
    plan = {"plan": json.dumps({"rounds": 5, "pvc": "restored"})}

    report = report_of(tmp_path, TWO, rounds=5, facts=plan)

    assert "on one volume of each class: too few for a verdict" in headline(report)


def test_one_class_has_nothing_to_compare_with(tmp_path: Path) -> None:
    report = report_of(tmp_path, {"local-path": 1.0})

    assert headline(report) == (
        "**local-path reached 12.3 k IOPS at 4K QD64 random reads and 8.00 k IOPS at 4K QD64 "
        "random writes**, on 3 volumes; there is no other class to compare with. "
        "All 12 fio jobs were measured."
    )
    assert table(report, "Speed")[1][3:] == ["12.3 k [11.9 – 12.7]"]


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_what_one_class_reached_is_bold_from_three_volumes_on(tmp_path: Path, rounds: int) -> None:
    said = headline(report_of(tmp_path, {"local-path": 1.0}, rounds=rounds))
    assert "local-path reached 12." in said
    assert ("**" in said) is (rounds == 3)


def test_one_class_is_told_by_what_it_measured(tmp_path: Path) -> None:
    report = report_of(
        tmp_path,
        {"local-path": 1.0},
        cell=lambda row: row if row["job"] == "write_bw" else failed(row, "boom"),
    )

    assert headline(report).startswith(
        "**local-path reached 330 MiB/s at 128K QD64 random writes**"
    )


def test_a_failed_cell_says_why_in_three_words_and_links_to_the_whole_reason(
    tmp_path: Path,
) -> None:
    def cell(row: Row) -> Row:
        full = row["job"] == "read_bw" or (row["job"] == "write_bw" and row["round"] == 2)
        if full and row["storage_class"] == "nfs-client":
            return failed(row, "fio: file /data/f: No space left on device")
        return row

    report = report_of(tmp_path, TWO, cell=cell)

    rows = {row[0]: row[4] for row in table(report, "Speed")}
    assert rows["read_bw"] == "[failed: out of space](#failure-1)"
    assert rows["write_bw"] == (
        "53.6 [52.8 – 54.4] 0.16× [2 of 3 rounds, failed: out of space](#failure-1)"
    )
    assert table(report, "Failed cells")[1:] == [
        ['<a id="failure-1"></a>1', "nfs-client", "read_bw, write_bw (round 2)",
         "fio: file /data/f: No space left on device"],
    ]  # fmt: skip
    assert (
        "**The run is incomplete**: 4 of 24 fio jobs failed (nfs-client: out of space)"
        in headline(report)
    )


def test_a_cancelled_run_says_where_it_stopped_and_what_was_not_run(tmp_path: Path) -> None:
    stopped = {"outcome": "cancelled", "stopped_at": "fio of nfs-client", "error": "by SIGINT"}

    report = report_of(
        tmp_path,
        TWO,
        cell=lambda row: row if row["storage_class"] == "local-path" else None,
        facts=stopped,
    )

    assert headline(report).endswith(
        "**The run was cancelled** at fio of nfs-client (by SIGINT): 12 of 24 fio jobs not run."
    )
    assert headline(report).startswith("nfs-client cannot be compared with local-path")
    assert {row[4] for row in table(report, "Speed")[1:]} == {"[not run](#how-it-was-made)"}
    assert ["stopped at", "fio of nfs-client"] in table(report, "How it was made")


def test_a_run_that_measured_nothing_still_has_a_report(tmp_path: Path) -> None:
    facts = {"outcome": "failed", "stopped_at": "preflight", "error": "class gp4 does not exist"}

    report = report_of(tmp_path, TWO, cell=lambda _: None, facts=facts)

    assert headline(report) == (
        "**Nothing was measured.** **The run failed** at preflight (class gp4 does not exist): "
        "24 of 24 fio jobs not run."
    )
    assert "No job was run." in section(report, "Speed")


def test_a_long_error_is_cut_in_the_headline_only(tmp_path: Path) -> None:
    error = "pod a cannot start with image b: " + "ErrImagePull again " * 20

    report = report_of(tmp_path, TWO, facts={"outcome": "failed", "error": error})

    assert "(pod a cannot start with image b: ErrImagePull again" in headline(report)
    assert len(headline(report)) < 400
    assert ["error", error.strip()] in table(report, "How it was made")


def test_a_volume_that_failed_explains_its_cells(tmp_path: Path) -> None:
    error = "binding of PVC stormark-nfs-client did not happen within 120 s"

    report = report_of(
        tmp_path,
        TWO,
        cell=lambda row: row if row["storage_class"] == "local-path" else failed(row, error),
        volume=lambda row: row | {"error": error if row["storage_class"] == "nfs-client" else None},
    )

    assert table(report, "Speed")[1][4] == "[failed: volume not bound](#failure-1)"
    assert table(report, "Failed cells")[1][1:] == [
        "nfs-client", "all: its volume could not be used", error,
    ]  # fmt: skip


def test_warnings_name_the_figures_they_touch(tmp_path: Path) -> None:
    ram = "the volume is tmpfs: this measures RAM, not storage"

    def cell(row: Row) -> Row:
        warnings = [ram] if row["storage_class"] == "ram" else []
        if row["storage_class"] == "local-path" and row["job"] == "read_iops":
            warnings = ["a cache may hold it"]
        engine = "psync" if row["job"] == "write_bw" and row["storage_class"] == "ram" else "libaio"
        return row | {"warnings": warnings, "engine": engine}

    report = report_of(
        tmp_path,
        {"local-path": 1.0, "ram": 50.0},
        cell=cell,
        volume=lambda row: (
            row | {"memory_backed": row["storage_class"] == "ram", "filesystem": "tmpfs"}
        ),
        facts={"warnings": ["a node is under load"]},
    )

    assert table(report, "Warnings")[1:] == [
        ["a node is under load", "the whole run"],
        ["a cache may hold it", "local-path: read_iops"],
        [ram, "ram: all figures"],
        ["write_bw did not always run alike: engine was libaio (local-path), psync (ram)",
         "local-path: write_bw; ram: write_bw"],
    ]  # fmt: skip
    marked = {row[0]: ("⚠" in row[3], "⚠" in row[4]) for row in table(report, "Speed")[1:]}
    assert marked == {
        "read_iops": (True, True), "write_iops": (False, True),
        "read_bw": (False, True), "write_bw": (True, True),
    }  # fmt: skip
    assert headline(report).endswith("All 24 fio jobs were measured; 4 warnings below.")
    assert "tmpfs (in memory)" in report.partition("<summary>Volumes")[2]


def test_a_class_without_a_network_in_its_path_is_a_warning(tmp_path: Path) -> None:
    location = write_run(tmp_path, TWO)
    shared = class_row("nfs-client", 1) | {"parameters": json.dumps({"wire": "none"})}
    write_table(location, "classes", RUN_ID, STARTED, [class_row("local-path", 0), shared])

    report = render(location, RUN_ID).markdown

    text = (
        "nfs-client: there is no network in its path (its parameter wire is none): "
        "its figures are the disk's"
    )
    assert table(report, "Warnings")[1:] == [[text, "nfs-client: all figures"]]
    assert headline(report).endswith("All 24 fio jobs were measured; 1 warning below.")


def test_foreign_text_cannot_break_a_table(tmp_path: Path) -> None:
    error = "fio | said:\n<b>*no*</b> `x` _y_ [z](w)"

    report = report_of(tmp_path, TWO, cell=lambda row: failed(row, error))

    reason = table(report, "Failed cells")[1][3]
    assert reason == r"fio \| said: \<b\>\*no\*\</b\> \`x\` \_y\_ \[z\](w)"
    assert {len(row) for row in table(report, "Speed")} == {5}


def test_foreign_text_does_not_rule_a_terminal(tmp_path: Path) -> None:
    """Whoever may write a Parquet file writes no escape sequence on the screen of its reader."""
    error = "\x1b]0;owned\x07\x1b[2Jfio\x9b31m said"

    report = report_of(tmp_path, TWO, cell=lambda row: failed(row, error))

    assert table(report, "Failed cells")[1][3] == "�\\]0;owned��\\[2Jfio�31m said"
    assert not set(report) & {"\x1b", "\x07", "\x9b"}


def test_a_run_id_is_no_path(tmp_path: Path) -> None:
    """What lies beside the results is not read, nor is a report written there."""
    report_of(tmp_path / "results", TWO)
    with pytest.raises(ResultsError, match="no report of run"):
        write(str(tmp_path / "results"), "../../secret")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_one_io_at_a_time_is_judged_by_how_long_it_takes(tmp_path: Path) -> None:
    report = report_of(tmp_path, TWO, jobs=sample.STANDARD)

    latencies = {tuple(row[0:3:2]): row[3:] for row in table(report, "Speed") if "QD1" in row[1]}
    assert latencies["read_latency", "read p50"] == [
        "783 µs [759 – 807]", "4.89 ms [4.74 – 5.04] 6.3× [5.8× – 6.7×] **slower**",
    ]  # fmt: skip
    assert latencies["read_latency", "read p99"] == [
        "2.09 ms [2.02 – 2.15]", "too few I/Os (8,283 of 10,000)",
    ]  # fmt: skip
    assert ("read_latency", "IOPS") not in latencies
    assert re.findall("<summary>(.*)</summary>", report) == [
        "The thresholds, and who says so",
        "Latency of every job",
        "Every figure and how it was taken",
        "The run, its versions, files and nodes",
        "Provisioning: seconds from a PVC to its pod",
        "Volumes, as they came",
        "Classes, as the cluster defines them",
        "The plan, to repeat the run",
    ]


def test_how_figures_were_taken_has_columns_of_what_differs(tmp_path: Path) -> None:
    def cell(row: Row) -> Row:
        return row | {"engine": "psync" if row["job"] == "read_bw" else "libaio"}

    report = report_of(tmp_path, TWO, cell=cell)

    folded = report.partition("<summary>Every figure")[2].partition("</details>")[0]
    assert "The same for all: rounds 3 of 3, O_DIRECT yes, working set 3 GiB," in folded
    header = next(line for line in folded.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in header.split("|")[1:-1]] == [
        "job", "class", "IOPS", "MiB/s", "engine",
    ]  # fmt: skip


def test_jobs_that_ran_at_once_are_named_as_contention(tmp_path: Path) -> None:
    report = report_of(tmp_path, TWO, cell=lambda row: row | {"concurrent_jobs": 4})

    assert table(report, "Speed")[1][1] == "4K randread, QD64, 4 jobs at once"
    assert "each figure is a share of the volume" in section(report, "Speed")


def test_the_plan_can_be_saved_and_run_again(tmp_path: Path) -> None:
    plan = {"storage_classes": ["a", "b"], "rounds": 3, "fio_file": "[mine]\nrw=read\nbs=4k\n"}

    report = report_of(tmp_path, TWO, facts={"plan": json.dumps(plan)})

    block = section(report, "How it was made").split("````yaml\n")[1].split("\n````")[0]
    assert yaml.safe_load(block + "\n") == plan
    assert "fio_file: |" in block


def test_provenance_says_what_was_measured_on_what(tmp_path: Path) -> None:
    made = section(report_of(tmp_path, TWO), "How it was made")

    for fact in (
        RUN_ID, "v1.34.4", "fio-3.38", "example.org/fio:3.38", "6.8.0-45-generic", "8 GiB",
        "containerd://2.1.4", "14 min 0 s", f"fio/date=2026-11-23/{RUN_ID}.parquet",
    ):  # fmt: skip
        assert fact in made


def test_the_same_parquet_gives_the_same_report_and_chart(tmp_path: Path) -> None:
    location = write_run(tmp_path, TWO)

    assert render(location, RUN_ID) == render(location, RUN_ID)


def test_files_of_an_earlier_version_are_still_rendered(tmp_path: Path) -> None:
    write_run(tmp_path, TWO, old=True)
    later = {"runs": ["plan", "nodes", "warnings"], "volumes": ["memory_backed", "attach_seconds"]}
    later["fio"] = [
        "round",
        "read_latency_bins",
        "concurrent_jobs",
        "num_jobs",
        "warnings",
        "node_memory_bytes",
        "direct",
    ]
    for name, columns in later.items():
        path = tmp_path / name / "date=2026-11-23" / f"{RUN_ID}.parquet"
        pq.write_table(pq.read_table(pa.BufferReader(path.read_bytes())).drop(columns), path)

    report = render(str(tmp_path), RUN_ID).markdown

    assert table(report, "Speed")[1][3:] == [
        "12.3 k [11.9 – 12.7]",
        "1.97 k [1.91 – 2.03] 0.16×",
    ]
    assert "The run recorded no plan." in report
    assert "The run recorded no nodes." in report


def test_write_leaves_report_chart_and_latest(tmp_path: Path) -> None:
    location = write_run(tmp_path, TWO)

    path = write(location, RUN_ID)

    folder = tmp_path / "reports"
    assert path == str(folder / f"{RUN_ID}.md")
    assert f"]({RUN_ID}.svg)" in (folder / f"{RUN_ID}.md").read_text()
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{RUN_ID}.html", f"{RUN_ID}.md", f"{RUN_ID}.svg", "latest.html", "latest.md",
    ]  # fmt: skip
    assert (folder / "latest.md").read_text() == (folder / f"{RUN_ID}.md").read_text()


def test_an_older_run_can_leave_latest_alone(tmp_path: Path) -> None:
    write(write_run(tmp_path, TWO), RUN_ID, latest=False)

    assert not list((tmp_path / "reports").glob("latest.*"))


def test_an_unknown_run_is_answered_with_the_newest_ones(tmp_path: Path) -> None:
    for day in range(7):
        started = {"started_at": STARTED + timedelta(days=day)}
        location = write_run(tmp_path, TWO, rounds=1, run_id=f"run-{day}", facts=started)

    with pytest.raises(ResultsError, match="newest there: run-6, run-5, run-4, run-3, run-2"):
        render(location, "run-9")
    with pytest.raises(ResultsError, match="holds no run at all"):
        render(str(tmp_path / "empty"), "run-9")


def test_a_class_that_names_its_limits_is_held_against_them(tmp_path: Path) -> None:
    """Of operations with small blocks, of bytes with large ones; a job of both has no share."""
    write_run(tmp_path, {"gp3": 0.2}, jobs=sample.STANDARD)
    named = class_row("gp3", 0) | {"parameters": '{"iops": "3000", "throughput": "125"}'}
    write_table(str(tmp_path), "classes", RUN_ID, STARTED, [named])
    report = render(str(tmp_path), RUN_ID).markdown
    assert (
        "\n- gp3 is limited to 3,000 IOPS and 125 MiB/s: read_iops 82.0 %, write_iops 53.3 %, "
        "read_bw 102.4 %, write_bw 52.8 %, seq_read 112.0 %, seq_write 56.0 %. It is at its limit "
        "in read_bw. Each direction has a limit of its own: mixed_read70 does both.\n"
    ) in report


@pytest.mark.parametrize(
    "conditions",
    [{"direct": False}, {"io_depth": 4}, {"concurrent_jobs": 4}],
    ids=lambda conditions: next(iter(conditions)),
)
def test_a_job_that_a_limit_does_not_bind_is_not_at_it(
    tmp_path: Path, conditions: dict[str, object]
) -> None:
    """Whatever it reached; the twin of the tests around it."""

    def cell(row: Row) -> Row:
        return row | {"iops": 3000.0, **conditions}

    location = write_run(tmp_path, {"gp3": 1.0}, cell=cell)
    named = class_row("gp3", 0) | {"parameters": '{"iops": "3000"}'}
    write_table(location, "classes", RUN_ID, STARTED, [named])
    report = render(location, RUN_ID).markdown
    assert "gp3 is limited to 3,000 IOPS: no job was measured." in report
    assert "at its limit" not in report


@pytest.mark.parametrize("limits", ["{}", '{"iops": "3000"}'])
def test_paragraphs_are_a_line_apart(tmp_path: Path, limits: str) -> None:
    location = write_run(tmp_path, TWO | {"local-path (control)": 1.0})
    named = [class_row(name, n) | {"parameters": limits} for n, name in enumerate(TWO)]
    write_table(location, "classes", RUN_ID, STARTED, named)
    speed = section(render(location, RUN_ID).markdown, "Speed")
    assert "\n\n\n" not in speed
    assert re.search(r"\n\n- .+\n\n!\[Bars", speed, re.DOTALL)
    assert ("limited to" in speed) == (limits != "{}")


def test_a_class_at_its_limit_is_said_to_be_at_it(tmp_path: Path) -> None:
    """Its largest difference is the limit's, and the headline names another."""

    def cell(row: Row) -> Row:
        limited = row["storage_class"] == "gp3" and row["job"].endswith("_iops")
        return row | {"iops": 2999.0 + row["round"]} if limited else row

    write_run(tmp_path, {"local-path": 1.0, "gp3": 0.5}, cell=cell)
    named = class_row("gp3", 1) | {"parameters": '{"iops": "3000"}'}
    write_table(str(tmp_path), "classes", RUN_ID, STARTED, [class_row("local-path", 0), named])
    report = render(str(tmp_path), RUN_ID).markdown
    assert table(report, "Speed")[1][4].endswith("**slower, at its limit**")
    assert headline(report).startswith(
        "gp3 is at its limit (3,000 IOPS) in 2 of 4 figures, and **at least 1.79× slower than "
        "local-path at 128K QD64 random reads** (slower in 4). "
    )


@pytest.mark.parametrize("ran", [["example.org/fio@sha256:1"], ["example.org/fio:3.38"], None])
def test_the_image_that_ran_is_told_where_that_is_more_than_its_name(
    tmp_path: Path, ran: list[str] | None
) -> None:
    report = report_of(tmp_path, TWO, facts={"image_ids": ran})
    told = "| image that ran | example.org/fio@sha256:1 |" in re.sub(r" +", " ", report)
    assert told is (ran == ["example.org/fio@sha256:1"])
    assert ("image that ran" in report) is told
