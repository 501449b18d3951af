"""What a report says of each class's fsync: proved, not proved, or refuted, and by how many."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from reports.data.proof import Losses
from reports.page.render import render
from tasks.results.store import write_table
from tests.reports.sample import RUN_ID, STARTED, Row, class_row
from tests.reports.storm_sample import CLASSES, HOLD, write_storms

EARLIER = "20261122-180000-a1b2c3"
PLAN = json.dumps({"storms": ["node-crash"], "hold_seconds": int(HOLD)})
LOST: Row = {"kept": False, "lost_records": 36}
TOOTHLESS: Row = {"unsynced_lost_records": 0}
UNREAD: Row = {"kept": None} | dict.fromkeys(("unsynced_records", "unsynced_lost_records"))
NO_CONTROL: Row = {"unsynced_records": 0, "unsynced_lost_records": 0}


def crash(row: Row) -> Row | None:
    """A power cut of w2: each class keeps what it acknowledged, and its control loses."""
    if row["storm"] != "drain":
        return None
    back = {"came_back": "after repair", "node_after": "w2", "hold_seconds": HOLD, "kept": True}
    back |= {"away_seconds": HOLD, "return_seconds": 5.1, "recovery_seconds": HOLD + 5.1}
    control = {"unsynced_records": 44, "unsynced_lost_records": 40, "lost_records": 0}
    return row | {"storm": "node-crash", "pending_reason": None} | back | control


def report_of(root: Path, local: Row, nfs: Row | None = None, **more: object) -> str:
    """The report of a power cut; `local` and `nfs` change the row of each class."""
    write(root, local, nfs, **more)
    return render(str(root), RUN_ID).markdown


def write(root: Path, local: Row, nfs: Row | None = None, **more: object) -> None:
    changes = {"local-path": local, "nfs-client": nfs or {}}

    def changed(row: Row) -> Row | None:
        crashed = crash(row)
        return crashed and crashed | changes[row["volume"]]

    write_storms(root, volumes=[], change=changed, **more | facts_of(more))  # type: ignore[arg-type]


def facts_of(more: dict[str, object]) -> dict[str, object]:
    facts = more.get("facts")
    return {"facts": {"plan": PLAN} | (facts if isinstance(facts, dict) else {})}


def lines(report: str) -> dict[str, list[str]]:
    """The cells of the table on fsync after the first, by the class in that."""
    after = re.split(r"^\| class +\| fsync .*$", report, flags=re.MULTILINE)[1].partition("\n\n")[0]
    found = re.findall(r"^\| (local-path|nfs-client) +\| (.*) \|$", after, re.MULTILINE)
    return {name: [cell.strip() for cell in text.split(" | ")] for name, text in found}


def test_where_the_control_was_lost_and_the_records_were_not_fsync_is_proved(
    tmp_path: Path,
) -> None:
    report = report_of(tmp_path, {})
    assert lines(report)["local-path"] == [
        "proved",
        "node-crash of w2: all acknowledged records kept, 40 of 44 of its control, without fsync, "
        "were lost",
        "none lost in one fault: too few for a rate",
    ]
    assert "Clopper" not in report
    assert "proved: all kept in node-crash, where unsynced ones were lost" in report
    assert "a loss of power" not in report.partition("## Survival")[0]


def test_where_acknowledged_records_were_lost_it_is_refuted(tmp_path: Path) -> None:
    """Whatever the control says, and whatever the other class of the same node does."""
    report = report_of(tmp_path, LOST)
    assert lines(report)["local-path"] == [
        "**refuted**",
        "node-crash of w2: 36 records lost that fsync had returned for",
        "node-crash 1 of 1",
    ]
    assert lines(report)["nfs-client"][0] == "proved"
    assert "refuted: acknowledged records lost in node-crash" in report


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (TOOTHLESS, "its control, without fsync, was kept too"),
        (NO_CONTROL, "no control was written"),
        (UNREAD, "the volume was not read back"),
    ],
    ids=["kept", "none", "unread"],
)
def test_without_a_control_that_was_lost_nothing_is_proved(
    tmp_path: Path, change: Row, words: str
) -> None:
    report = report_of(tmp_path, change, change)
    for verdict, why, _ in lines(report).values():
        assert verdict == "not proved"
        assert words in why
    assert len(lines(report)) == 2
    assert "a loss of power" in report.partition("## Survival")[0]


def test_the_control_of_another_volume_of_that_node_will_do(tmp_path: Path) -> None:
    """As for a class that writes all through; on another node it was another fault."""
    report = report_of(tmp_path / "same", TOOTHLESS)
    assert lines(report)["local-path"][0] == "proved"
    assert "40 of 44 of the control on nfs-client, without" in lines(report)["local-path"][1]
    apart = report_of(tmp_path / "apart", TOOTHLESS, {"node_before": "w3"})
    assert lines(apart)["local-path"][0] == "not proved"


def test_a_control_that_was_lost_with_the_records_proves_no_other_fsync(tmp_path: Path) -> None:
    """A volume that comes back empty says nothing of the node's power."""
    report = report_of(tmp_path, TOOTHLESS, LOST)
    assert lines(report)["local-path"][0] == "not proved"


def test_another_disk_under_the_same_name_refutes_nothing(tmp_path: Path) -> None:
    """A folder of another node never held the records."""
    elsewhere = LOST | {"pv_type": "hostPath", "node_after": "w1", "came_back": "other node"}
    report = report_of(tmp_path, elsewhere)
    assert lines(report)["local-path"][0] == "not proved"
    assert lines(report_of(tmp_path / "csi", elsewhere | {"pv_type": "csi"}))["local-path"][0] == (
        "**refuted**"
    )


def test_process_faults_prove_nothing(tmp_path: Path) -> None:
    report = render(write_storms(tmp_path, volumes=[]), RUN_ID).markdown
    verdict, why, faults = lines(report)["local-path"]
    assert (verdict, why) == ("not proved", "no storm took the power from a node")
    assert faults == "none lost in 4 faults, one of each kind: too few for a rate"


def before(root: Path, change: Row, **facts: object) -> None:
    """A night before, of the same cluster unless `facts` say otherwise."""
    started = {"started_at": STARTED - timedelta(days=1)}
    write(root, change, change, run_id=EARLIER, facts=started | facts)


def test_nights_before_are_counted_and_may_prove(tmp_path: Path) -> None:
    """The night of the report alone would not."""
    before(tmp_path, {})
    report = report_of(tmp_path, TOOTHLESS, TOOTHLESS)
    assert lines(report)["local-path"][::2] == ["proved", "node-crash 0 of 2: at most 78 % a fault"]
    assert "Counted over 2 runs of this cluster." in report
    assert "a confidence of 95 % (Clopper and Pearson)" in report


def test_the_runs_of_another_cluster_do_not_count(tmp_path: Path) -> None:
    before(tmp_path, {}, cluster="elsewhere")
    report = report_of(tmp_path, TOOTHLESS, TOOTHLESS)
    assert lines(report)["local-path"][::2] == [
        "not proved", "none lost in one fault: too few for a rate",
    ]  # fmt: skip
    assert "Counted over" not in report


def test_a_class_that_was_defined_otherwise_was_another(tmp_path: Path) -> None:
    """The run before counts for the class that is as it was, and for no other."""
    before(tmp_path, {})
    changed = [class_row(name, 0) for name in CLASSES]
    changed[0]["parameters"] = json.dumps({"tier": "slow"})
    write_table(str(tmp_path), "classes", EARLIER, STARTED - timedelta(days=1), changed)
    report = report_of(tmp_path, TOOTHLESS, TOOTHLESS)
    assert {name: cells[0] for name, cells in lines(report).items()} == {
        "local-path": "not proved",
        "nfs-client": "proved",
    }


def test_runs_after_that_of_the_report_do_not_count(tmp_path: Path) -> None:
    """So that the same run gives the same report."""
    before(tmp_path, LOST)
    write(tmp_path, {})
    report = render(str(tmp_path), EARLIER).markdown
    assert lines(report)["local-path"][2] == "node-crash 1 of 1"


def test_volumes_of_one_node_are_one_fault(tmp_path: Path) -> None:
    """A class that has two volumes on it lost records in that one fault, or in none."""

    def shared(row: Row) -> Row:
        return row | {"storage_class": "nfs-client"}

    node = report_of(tmp_path / "node", shared({}))
    assert lines(node)["nfs-client"][2] == "none lost in one fault: too few for a rate"
    apart = report_of(tmp_path / "apart", shared({"node_before": "w3"}))
    assert lines(apart)["nfs-client"][2] == "node-crash 0 of 2: at most 78 % a fault"


@pytest.mark.parametrize(
    ("faults", "lost", "percent"),
    [(30, 0, 9.5), (59, 0, 5.0), (300, 0, 1.0), (10, 1, 39.4), (3, 3, 100)],
)
def test_the_bound_is_that_of_clopper_and_pearson(faults: int, lost: int, percent: float) -> None:
    """With 0 lost it is 1 - 0.05^(1/n): nearly 3/n, the rule of three."""
    assert Losses("node-crash", faults, lost).at_most * 100 == pytest.approx(percent, abs=0.06)
