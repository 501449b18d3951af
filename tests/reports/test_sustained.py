"""What is said of jobs that fio ends once they are steady."""

from pathlib import Path

from reports.data.load import load
from reports.page.render import render
from reports.speed.sustained import sentences
from tests.reports.sample import RUN_ID, Row, write_run

CLASSES = {"local-path": 1.0, "nfs-client": 0.5}


def sustained(row: Row) -> Row:
    """The job was steady on the first class, and on the other in its first round alone."""
    if row["job"] != "write_iops":
        return row
    if row["storage_class"] == "local-path" or row["round"] == 1:
        steady = {"steady": True, "steady_seconds": 300.0, "steady_iops": 3000.0}
        return row | steady | {"runtime_seconds": 431.2}
    return row | {"steady": False, "steady_seconds": 300.0, "runtime_seconds": 1800.0}


def test_how_each_round_ended(tmp_path: Path) -> None:
    write_run(tmp_path, CLASSES, cell=sustained)
    first, other = sentences(load(str(tmp_path), RUN_ID))
    steady = "steady after 431 s at 3.00 k IOPS, its last 300 s"
    assert first == "write_iops on local-path: " + "; ".join(
        f"round {number} {steady}" for number in (1, 2, 3)
    )
    not_steady = "not steady within its limit of 1800 s"
    assert other == (
        f"write_iops on nfs-client: round 1 {steady}; round 2 {not_steady}; round 3 {not_steady}"
    )
    assert other in render(str(tmp_path), RUN_ID).markdown.replace("\\", "")


def test_of_jobs_without_a_criterion_nothing_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, CLASSES)
    assert sentences(load(str(tmp_path), RUN_ID)) == []
