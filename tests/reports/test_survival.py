"""The report's part on storms as its reader meets it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reports.html.write import write
from reports.page.render import render
from tests.reports.sample import RUN_ID, Row, write_run
from tests.reports.storm_sample import (
    HOLD,
    KINDS,
    NODE_PATH,
    SHARED_FACTS,
    UNSCHEDULABLE,
    never,
    shared,
    without,
    write_storms,
)
from tests.reports.test_chart import svg_texts
from tests.reports.test_report import headline, section, table

SPEEDS = {"local-path": 1.0, "nfs-client": 0.16}


def report_of(root: Path, **changes: Any) -> str:
    return render(write_storms(root, **changes), RUN_ID).markdown


def matrix(report: str) -> dict[tuple[str, str], str]:
    """The cells of the matrix of classes, and of the folded one of what stands beside them."""
    found: dict[tuple[str, str], str] = {}
    pattern = r"^\| volume +\| (?!storm +\|).*\n(?:\|.*\n)+"
    for text in re.findall(pattern, section(report, "Survival"), re.MULTILINE):
        header, *rows = table(f"\n## x\n{text}", "x")
        found |= {
            (row[0], s): cell for row in rows for s, cell in zip(header[1:], row[1:], strict=True)
        }
    return found


def part(report: str, heading: str) -> str:
    return report.partition(f"\n### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]


def said_of(report: str, volume: str) -> str:
    said: list[str] = re.findall(rf"^- \*\*{volume}\*\*: (.*)$", report, re.MULTILINE)
    return said[0]


def of(volume: str, storm: str, row: Row) -> bool:
    return (row["volume"], row["storm"]) == (volume, storm)


def test_the_matrix_has_a_cell_for_each_volume_and_storm(tmp_path: Path) -> None:
    report = report_of(tmp_path)

    drain = "drain, uncordon after 30 s"
    assert table(report, "Survival") == [
        ["volume", "container-restart", "pod-delete", "pod-kill", drain],
        ["local-path", "kept · 0.9 s", "kept · 2.2 s", "kept · 1.9 s",
         "kept · away until uncordon + 2.1 s"],
        ["nfs-client", "kept · 0.9 s", "kept · 2.2 s", "kept · 1.9 s",
         "kept · 3.4 s on another node"],
    ]  # fmt: skip
    folded = report.partition("<summary>The volumes beside them")[2].partition("</details>")[0]
    assert re.findall(r"^\| (\S+) +\| (?:kept|LOST)", folded, re.MULTILINE) == [*KINDS]
    cells = matrix(report)
    assert cells["hostPath", drain] == "LOST 143 records · 3.4 s on another node"
    assert cells["local-path", drain] == "kept · away until uncordon + 2.1 s"
    assert cells["nfs-client", drain] == "kept · 3.4 s on another node"
    assert len(cells) == 24
    assert "10 acknowledged writes a second (10.0 to 10.0 were reached)" in section(
        report, "Survival"
    )


def test_a_run_of_storms_alone_has_no_empty_sections(tmp_path: Path) -> None:
    report = report_of(tmp_path)

    assert re.findall(r"^##+ (.+)$", report, re.MULTILINE) == [
        "Decision", "Survival", "How it was made",
    ]  # fmt: skip
    assert headline(report) == (
        "While its node was drained, nfs-client came back on another node after 3.4 s and "
        "local-path stayed away until the uncordon; no class lost an acknowledged record. "
        "All 24 storms on volumes were measured."
    )


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_what_storms_showed_is_bold_from_three_rounds_on(tmp_path: Path, rounds: int) -> None:
    """A loss is bold after one (below)."""
    said = headline(report_of(tmp_path, rounds=rounds))
    assert "no class lost an acknowledged record" in said
    assert ("**" in said) is (rounds == 3)


def test_speed_comes_first_where_both_were_measured(tmp_path: Path) -> None:
    report = report_of(tmp_path, speeds=SPEEDS)

    headings = re.findall(r"^## (.+)$", report, re.MULTILINE)
    assert headings == ["Decision", "Speed", "Survival", "How it was made"]
    assert re.search(
        r"at least 5\.\d× slower .*while its node was drained", headline(report), re.IGNORECASE
    )
    assert headline(report).endswith(
        "All 24 fio jobs were measured; all 24 storms on volumes were measured."
    )
    made = section(report, "How it was made")
    assert "24 planned, 24 measured |" in made
    assert f"storm_events/date=2026-11-23/{RUN_ID}.parquet" in made


def test_a_run_without_storms_says_nothing_of_them(tmp_path: Path) -> None:
    location = write_run(tmp_path, SPEEDS, facts={"storms_planned": None})

    rendered = render(location, RUN_ID)

    after = rendered.markdown.partition("\n## Speed\n")[2]
    assert "torm" not in after.replace("stormark", "")
    assert rendered.storms_chart == ""


def test_a_sentence_says_why_a_volume_stayed_away_in_the_clusters_words_once(
    tmp_path: Path,
) -> None:
    report = report_of(tmp_path, volumes=["local"])

    assert said_of(report, "local-path") == (
        "data was kept in every storm, but while its node was drained the pod could run nowhere: "
        f"the PV is tied to node w2 (“{UNSCHEDULABLE}”); it wrote again 2.1 s after the uncordon."
    )
    assert "the PV is tied to node w2; it wrote again" in said_of(report, "local")
    assert said_of(report, "nfs-client") == (
        "data was kept in every storm; while its node was drained it came back on another node "
        "after 3.4 s."
    )


def test_a_foreseen_loss_is_explained(tmp_path: Path) -> None:
    report = report_of(tmp_path)

    assert said_of(report, "emptyDir") == (
        "data was kept in container-restart, but lost in pod-delete, pod-kill and drain "
        "(429 records); while its node was drained it came back on another node after 3.4 s. "
        "An emptyDir is deleted with its pod, and the new pod has a new, empty one."
    )
    assert "### Expected and seen" not in report  # a table that confirms what is known is folded
    assert "<details>\n<summary>No surprises: what was promised" in report


def test_a_surprise_is_marked_wherever_its_cell_is_told(tmp_path: Path) -> None:
    def change(row: Row) -> Row:
        if of("emptyDir", "pod-delete", row):
            return row | {"kept": True, "lost_records": 0}
        return row | ({"kept": False, "lost_records": 7} if of("local", "pod-kill", row) else {})

    report = report_of(tmp_path, change=change)

    marked = {key for key, cell in matrix(report).items() if "[**surprise**]" in cell}
    assert marked == {("emptyDir", "pod-delete"), ("local", "pod-kill")}
    assert (
        "<details>" not in part(report, "Expected and seen").split("<details>\n<summary>Steps")[0]
    )
    rows = {
        tuple(r[:2]): r[2:4] for r in table(f"\n## x\n{part(report, 'Expected and seen')}", "x")
    }
    assert rows["emptyDir", "pod-delete"] == [
        "lost on the same node or on another node", "**surprise:** kept on the same node",
    ]  # fmt: skip
    assert rows["local", "pod-kill"] == [
        "kept on the same node", "**surprise:** lost on the same node",
    ]  # fmt: skip
    assert rows["local", "drain"] == ["kept after the uncordon", "kept after the uncordon"]
    assert (
        "**Surprise** in pod-kill: lost on the same node; Kubernetes promises: kept on the same "
        "node." in said_of(report, "local")
    )
    assert headline(report).endswith("[2 surprises](#expected-and-seen) below.")


def test_a_class_that_lost_records_is_in_the_headline(tmp_path: Path) -> None:
    report = report_of(
        tmp_path,
        change=lambda row: (
            row | ({"kept": False, "lost_records": 1} if of("nfs-client", "pod-kill", row) else {})
        ),
    )

    assert "; nfs-client lost 1 record (pod-kill).**" in headline(report)


def test_a_class_that_is_first_in_the_headline_keeps_its_name(tmp_path: Path) -> None:
    def change(row: Row) -> Row | None:
        return None if row["storm"] == "drain" else row | {"kept": False, "lost_records": 2}

    report = report_of(tmp_path, change=change, classes=["nfs-client"])

    assert headline(report).startswith(
        "**nfs-client lost 6 records (container-restart, pod-delete and pod-kill).**"
    )


def test_without_a_class_the_headline_is_of_volumes(tmp_path: Path) -> None:
    report = report_of(tmp_path, volumes=["local"], classes=[])

    assert headline(report).startswith(
        "While its node was drained, local stayed away until the uncordon; no volume lost an "
        "acknowledged record. "
    )


def test_a_writer_that_never_came_back(tmp_path: Path) -> None:
    report = report_of(
        tmp_path, change=lambda row: never(row) if of("local-path", "drain", row) else row
    )

    cell = matrix(report)["local-path", "drain, uncordon after 30 s"]
    assert cell.startswith("kept · never came back · [**surprise**]")
    assert "but after drain it never wrote again: the PV is tied to node w2" in said_of(
        report, "local-path"
    )
    assert "and local-path never came back; " in headline(report)
    assert "Never means not within 120 s." in section(report, "Survival")


def test_failed_skipped_and_missing_cells_say_why(tmp_path: Path) -> None:
    def change(row: Row) -> Row | None:
        if row["volume"] == "local-path":
            return without(row, "failed", "binding of PVC a did not happen within 120 s")
        if of("hostPath", "drain", row):
            return without(row, "skipped", "its writer is on node w3, which a storm may not drain")
        never_run = row["storm"] == "drain" and row["volume"] in ("emptyDir", "nfs-client")
        return None if never_run else row

    report = report_of(tmp_path, change=change)

    cells = matrix(report)
    drain = "drain, uncordon after 30 s"
    assert cells["hostPath", drain] == "[skipped: node not eligible](#storm-gap-1)"
    assert {cell for key, cell in cells.items() if key[0] == "local-path"} == {
        "[failed: volume not bound](#storm-gap-2)"
    }
    assert cells["nfs-client", drain] == "[not run](#how-it-was-made)"
    gaps = table(f"\n## x\n{part(report, 'Failed and skipped storms')}", "x")
    assert gaps[1:] == [
        ['<a id="storm-gap-1"></a>1', "hostPath", "drain", "skipped",
         "its writer is on node w3, which a storm may not drain"],
        ['<a id="storm-gap-2"></a>2', "local-path",
         "container-restart, pod-delete, pod-kill, drain", "failed",
         "binding of PVC a did not happen within 120 s"],
    ]  # fmt: skip
    assert said_of(report, "local-path") == (
        "no storm was measured ([failed: volume not bound](#storm-gap-2))."
    )
    assert said_of(report, "hostPath").endswith(
        " Not measured: drain ([skipped: node not eligible](#storm-gap-1))."
    )
    assert headline(report) == (
        "No class lost an acknowledged record in what was measured. "
        "17 of 24 storms on volumes measured, 1 skipped, 4 failed, 2 not run."
    )
    made = section(report, "How it was made")
    assert re.search(r"24 planned(?=.*, 17 measured)(?=.*, 1 skipped)(?=.*, 4 failed)", made)


def test_a_pod_that_moved_and_started_only_after_the_uncordon(tmp_path: Path) -> None:
    message = "FailedMount: " + "cannot mount it " * 40
    late = {
        "came_back": "after uncordon", "scheduled_seconds": 1.9, "hold_seconds": 30.0,
        "return_seconds": 8.5, "pending_reason": "other", "pending_message": message,
    }  # fmt: skip
    report = report_of(
        tmp_path,
        change=lambda row: row | (late if of("nfs-client", "drain", row) else {}),
    )

    cell = matrix(report)["nfs-client", "drain, uncordon after 30 s"]
    assert cell.startswith("kept · away until uncordon + 8.5 s on another node · [**surprise**]")
    assert said_of(report, "nfs-client") == (
        "data was kept in every storm, but while its node was drained the pod was on another node "
        "and did not write: the cluster gave another reason (“FailedMount: "
        f"{'cannot mount it ' * 11}cannot …”); it "
        "wrote again 8.5 s after the uncordon. **Surprise** in drain: kept after the uncordon "
        "(Pending: other); Kubernetes promises: kept on another node or after the uncordon if no "
        "other node takes the pod."
    )
    assert message.strip() in section(report, "Survival")


def test_one_storm_is_told_by_its_name(tmp_path: Path) -> None:
    facts = {"storms_planned": None, "plan": None}
    report = report_of(
        tmp_path,
        volumes=["local"],
        classes=[],
        change=lambda row: row if row["storm"] == "pod-delete" else None,
        facts=facts,
    )

    assert said_of(report, "local") == "data was kept in pod-delete."
    assert headline(report).endswith(" The storm was measured.")


def test_a_run_that_met_no_storm_has_a_matrix_of_gaps(tmp_path: Path) -> None:
    facts = {"outcome": "failed", "stopped_at": "preflight", "error": "no node may be drained"}

    report = report_of(tmp_path, change=lambda _: None, facts=facts)

    assert set(matrix(report).values()) == {"[not run](#how-it-was-made)"}
    assert headline(report) == (
        "**Nothing was measured.** **The run failed** at preflight (no node may be drained): "
        "0 of 24 storms on volumes measured, 24 not run."
    )


def test_rounds_are_counted_and_their_medians_told(tmp_path: Path) -> None:
    def change(row: Row) -> Row | None:
        number = row["round"]
        if of("nfs-client", "pod-kill", row):
            lost = {"kept": False, "lost_records": 10 * number}
            return row | {"recovery_seconds": float(number)} | (lost if number < 3 else {})
        if of("local-path", "drain", row):
            return row if number == 1 else never(row)
        if of("local", "drain", row):
            return row if number == 1 else without(row, "failed", "timed out")
        return row

    report = report_of(tmp_path, rounds=3, change=change)

    cells = matrix(report)
    drain = "drain, uncordon after 30 s"
    assert cells["emptyDir", "container-restart"] == "kept 3 of 3 · 0.9 s"
    assert cells["nfs-client", "pod-kill"] == (
        "kept 1 of 3, LOST 30 records (median 15) · 2.0 s · [**surprise**](#expected-and-seen)"
    )
    assert cells["local-path", drain].startswith(
        "kept 3 of 3 · away until uncordon + 2.1 s (1 of 3) · never came back (2 of 3) · "
    )
    assert cells["local", drain] == (
        "kept 1 of 1 · away until uncordon + 2.1 s · "
        "[2 of 3 failed: timed out waiting](#storm-gap-1)"
    )
    assert "lost in pod-kill (2 of 3 rounds) (30 records)" in said_of(report, "nfs-client")
    assert "drain (round 2, 3)" in part(report, "Failed and skipped storms")
    assert "local-path did not come back alike in every round" in headline(report)
    assert "Seconds are medians of 3 rounds." in section(report, "Survival")


@pytest.mark.parametrize(
    ("mode", "node_after", "unfenced"),
    [
        ("ReadWriteOnce", "w1", True),
        ("ReadWriteOnce", "w2", False),
        ("ReadWriteOncePod", "w2", True),
        ("ReadWriteMany", "w1", False),
    ],
)
def test_two_writers_on_a_volume_that_one_may_have_are_not_called_harmless(
    tmp_path: Path, mode: str, node_after: str, *, unfenced: bool
) -> None:
    """A ReadWriteOnce volume is one node's, and both pods may be there."""
    both = {"overlap_seconds": 1.2, "access_mode": mode, "node_after": node_after}
    report = report_of(
        tmp_path,
        change=lambda row: row | (both if of("nfs-client", "pod-kill", row) else {}),
    )
    words = f"**up to 1.2 s of it although the volume is {mode}**: nothing kept the old writer off"
    assert (words in said_of(report, "nfs-client")) is unfenced


def test_what_a_volume_takes_beyond_a_pod_without_one_is_told(tmp_path: Path) -> None:
    """In storms from which both came back alike; emptyDir itself says nothing of it."""

    def slower(row: Row, by: float = 2.6) -> Row:
        more = by if of("nfs-client", "drain", row) else 0.0
        return row | {"recovery_seconds": row["recovery_seconds"] + more}

    beyond = "Beyond a pod without a volume (emptyDir)"
    report = report_of(tmp_path, change=slower)
    assert f"{beyond}: +2.6 s in drain." in said_of(report, "nfs-client")
    assert report.count(beyond) == 1  # local waits for its node, and the others are as fast
    assert beyond not in report_of(tmp_path / "alike")
    assert beyond not in report_of(tmp_path / "noise", change=partial(slower, by=0.9))


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [
        ("ReadWriteMany", "which a ReadWriteMany volume allows"),
        ("ReadWriteOnce", "which is no loss"),
    ],
)
def test_two_writers_at_once_are_told_and_are_no_loss(
    tmp_path: Path, mode: str, verdict: str
) -> None:
    both = {"overlap_seconds": 1.2, "access_mode": mode}
    report = report_of(
        tmp_path,
        change=lambda row: row | (both if of("nfs-client", "pod-kill", row) else {}),
    )

    assert matrix(report)["nfs-client", "pod-kill"] == "kept · 1.9 s · two writers for 1.2 s"
    assert f"in pod-kill the old and the new pod wrote at once for 1.2 s, {verdict}" in said_of(
        report, "nfs-client"
    )


def test_steps_and_clock_are_told(tmp_path: Path) -> None:
    report = report_of(
        tmp_path,
        change=lambda row: (
            row | ({"clock_error_seconds": 0.03} if row["volume"] == "local" else {})
        ),
    )

    steps = table(f"\n## x\n{report.partition('<summary>Steps')[2]}", "x")
    by_cell = {tuple(row[:2]): dict(zip(steps[0][2:], row[2:], strict=True)) for row in steps[1:]}
    assert by_cell["local", "drain"] == {
        "old pod gone": "1.9 s", "new pod created": "0.1 s", "scheduled": "30.2 s",
        "volume ready": "31.4 s", "container started": "31.9 s", "first record": "32.1 s",
        "away from the node": "30.0 s", "node back → first record": "2.1 s",
    }  # fmt: skip
    assert by_cell["local", "container-restart"]["old pod gone"] == "–"
    assert (
        "the shortest round trip to the API server, is about 30.0 ms."
        in report.partition("<summary>Steps")[2]
    )
    assert "from the container to the client is not in it" in report.partition("<summary>Steps")[2]
    assert report.count("client's clock") == 1


def test_a_storms_only_run_of_an_earlier_version_of_the_plan_is_rendered(tmp_path: Path) -> None:
    report = report_of(tmp_path, facts={"plan": None, "storms_planned": None})

    assert table(report, "Survival")[0][-1] == "drain"
    assert headline(report).endswith("All 24 storms on volumes were measured.")


def test_a_run_that_recorded_neither_plan_nor_storms_says_so(tmp_path: Path) -> None:
    location = write_storms(tmp_path, change=lambda _: None, facts={"plan": None})

    rendered = render(location, RUN_ID)

    assert "No storm is known." in section(rendered.markdown, "Survival")
    assert "no storm is known" in svg_texts(rendered.storms_chart)


def test_text_of_the_cluster_is_escaped(tmp_path: Path) -> None:
    report = report_of(
        tmp_path,
        volumes=[],
        change=lambda row: row | {"pending_message": "0/3 <b>|*nodes*"},
    )

    assert r"“0/3 \<b\>\|\*nodes\*”" in said_of(report, "local-path")


def test_write_leaves_only_the_charts_that_have_something_to_show(tmp_path: Path) -> None:
    write(write_storms(tmp_path / "storms"), RUN_ID)
    write(write_storms(tmp_path / "both", speeds=SPEEDS), RUN_ID)

    storms, both = (tmp_path / name / "reports" for name in ("storms", "both"))
    pages = [f"{RUN_ID}.html", f"{RUN_ID}.md"]
    charts = [f"{RUN_ID}-storms.svg", f"{RUN_ID}.svg"]
    names = [charts[0], *pages, charts[1], "latest.html", "latest.md"]
    assert sorted(p.name for p in both.iterdir()) == names
    assert sorted(p.name for p in storms.iterdir()) == [n for n in names if n != charts[1]]
    assert f"]({RUN_ID}-storms.svg)" in (storms / "latest.md").read_text()


def test_a_volume_that_its_class_does_not_offer_is_no_gap(tmp_path: Path) -> None:
    """It is told in a sentence, in the provisioner's words, and not counted as missing."""
    report = report_of(tmp_path, change=shared, facts=SHARED_FACTS)
    assert "All 20 storms on volumes were measured." in report
    assert "| nfs-client (RWX) | " in report
    assert "| local-path (RWX)" not in report
    why = f"not in the matrix, since class local-path has no RWX: {NODE_PATH}."
    assert f"- **local-path (RWX)**: {why}" in report
    assert "No class lost an acknowledged record. " in report


def test_a_shared_volume_that_loses_is_in_the_headline(tmp_path: Path) -> None:
    def change(row: Row) -> Row:
        row = shared(row)
        return row | {"kept": False, "lost_records": 7} if row["storm"] == "pod-kill" else row

    report = report_of(tmp_path, change=change, facts=SHARED_FACTS)
    assert "nfs-client (RWX) lost 7 records (pod-kill)" in report


def test_a_run_that_was_killed_says_so(tmp_path: Path) -> None:
    """Its last rows say running, since nothing told them otherwise."""
    report = report_of(tmp_path, facts={"outcome": "running"})
    assert "**The run has not ended, or was killed**: " in report


def test_a_node_that_is_broken_is_told_apart_from_one_that_is_drained(tmp_path: Path) -> None:
    """Each writer waits for the repair of its node, as Kubernetes promises, and keeps its data."""

    def crashed(row: Row) -> Row | None:
        if row["storm"] != "drain":
            return None
        back = {"came_back": "after repair", "node_after": "w2", "hold_seconds": HOLD}
        times = {"recovery_seconds": HOLD + 5.1, "away_seconds": HOLD, "return_seconds": 5.1}
        none = (
            "pending_reason",
            "pending_message",
            "new_pod_created_seconds",
            "old_pod_gone_seconds",
        )
        kept = {"kept": True, "lost_records": 0, "verified_on": "w2", "storm": "node-crash"}
        return row | back | times | kept | dict.fromkeys(none)

    plan = {"storms": ["node-crash"], "storm_rounds": 1, "hold_seconds": 30}
    report = report_of(tmp_path, change=crashed, facts={"plan": json.dumps(plan)})
    cells = matrix(report)
    heading = "node-crash, repair after 30 s"
    assert cells["emptyDir", heading] == "kept · away until repair + 5.1 s"
    assert "surprise" not in "".join(cells.values())
    assert said_of(report, "nfs-client") == (
        "data was kept in node-crash; in node-crash it was away until the repair, and wrote again "
        "5.1 s after it."
    )


def unread(row: Row) -> Row:
    """The same row where the volume could not be read back."""
    counts = ("lost_records", "torn_records", "unexpected_records")
    return row | {"kept": None, "error": "no pod ran"} | dict.fromkeys(counts)


def test_a_volume_that_was_not_read_back_is_told_wherever_the_others_are(tmp_path: Path) -> None:
    """In the matrix, in its sentence and in the headline; nothing says that it was kept."""
    report = report_of(
        tmp_path,
        change=lambda row: unread(row) if of("local-path", "pod-kill", row) else row,
    )
    assert matrix(report)["local-path", "pod-kill"].startswith("NOT READ BACK")
    assert "not read back after pod-kill" in said_of(report, "local-path")
    assert "local-path could not be read back (pod-kill)" in headline(report)
    assert "no class lost" not in headline(report)
    assert "why it was not read back |" in report
    assert report.count("| no pod ran |") == 1


def test_where_every_volume_was_read_back_nothing_says_otherwise(tmp_path: Path) -> None:
    """The words above are of that row alone."""
    report = report_of(tmp_path)
    assert "read back (" not in headline(report)
    assert "NOT READ BACK" not in report
    assert "why it was not read back" not in report


@pytest.mark.parametrize(
    ("rounds", "cell", "sentence"),
    [
        (1, "LOST 4.2 s (42 records) · 1.9 s", "lost in pod-kill (4.2 s, 42 records)"),
        (
            2,
            "kept 0 of 2, LOST 4.3 s at most (84 records) (median 42) · 1.9 s",
            "lost in pod-kill (4.3 s at most, 84 records)",
        ),
    ],
)
def test_what_is_lost_is_told_in_seconds(
    tmp_path: Path, rounds: int, cell: str, sentence: str
) -> None:
    """How many records those are is a matter of how fast the writer was."""

    def change(row: Row) -> Row:
        lost = {"kept": False, "lost_records": 42, "lost_seconds": 4.1 + 0.1 * row["round"]}
        return row | (lost if of("local-path", "pod-kill", row) else {})

    report = report_of(tmp_path, rounds=rounds, change=change)
    assert matrix(report)["local-path", "pod-kill"].startswith(cell)
    assert sentence in said_of(report, "local-path")


def test_gap_and_steadiness_are_among_the_steps(tmp_path: Path) -> None:
    known = {"gap_seconds": 1.3, "steady_seconds": 4.4, "longest_pause_seconds": 0.7}
    report = report_of(tmp_path, change=lambda row: row | known)
    steps = table(f"\n## x\n{report.partition('<summary>Steps')[2]}", "x")
    told = dict(zip(steps[0], steps[1], strict=True))
    assert (told["gap between records"], told["as fast as before"]) == ("1.3 s", "4.4 s")
    assert told["longest pause after it"] == "0.7 s"
