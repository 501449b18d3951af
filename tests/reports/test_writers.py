"""A StatefulSet beside a Deployment in the report: one row where they were alike, else two."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.data.load import load
from reports.page.render import render
from reports.side_by_side.rows import survival_rows, volume_rows
from reports.storms.survival import Survival, survive
from tests.reports.sample import RUN_ID, STARTED, Row
from tests.reports.storm_sample import STORMS, storm_row, write_storm_tables, write_storms
from tests.reports.test_report import table

CLASS, OTHER = "nfs-client", "nfs-client (StatefulSet)"
ALIKE = "nfs-client (both writers alike)"
Change = Callable[[Row], Row]


def run_of(root: Path, change: Change, rounds: int = 1) -> str:
    """A run of one class with both kinds of writers; `change` alters the rows of the second."""
    facts = {"storm_volumes": [CLASS, OTHER], "storms_planned": 2 * len(STORMS) * rounds}
    facts |= {"storms_measured": 2 * len(STORMS) * rounds}
    location = write_storms(root, volumes=(), classes=(CLASS,), rounds=rounds, facts=facts)
    numbers = range(1, rounds + 1)
    first = [
        storm_row(CLASS, storm, n) | {"writer_kind": "Deployment", "recovery_seconds": 2 + n / 100}
        for storm in STORMS
        for n in numbers
    ]
    second = [change(row | {"volume": OTHER, "writer_kind": "StatefulSet"}) for row in first]
    write_storm_tables(location, RUN_ID, STARTED, [*first, *second])
    return location


def survival_of(location: str) -> Survival:
    survival = survive(load(location, RUN_ID))
    assert survival is not None
    return survival


def only_in(storm: str, **columns: Any) -> Change:
    return lambda row: row | (columns if row["storm"] == storm else {})


def test_alike_they_have_one_row_that_says_so(tmp_path: Path) -> None:
    """Seconds that differ are both told; the sentence of the second is short."""
    location = run_of(tmp_path, only_in("pod-delete", recovery_seconds=4.3))
    report = render(location, RUN_ID).markdown
    header, row, *_ = table(report, "Survival")
    cells = dict(zip(header, row, strict=True))
    assert cells["volume"] == ALIKE
    assert cells["pod-delete"] == "kept · 2.0 s and 4.3 s"
    assert cells["pod-kill"] == "kept · 2.0 s"
    assert "the Deployment's seconds come first" in report
    assert f"**{OTHER}**: came through every storm as a Deployment's did." in report
    assert "all 8 storms on volumes were measured" in report.lower()
    assert [one["volume"] for one in survival_rows(survival_of(location))] == [ALIKE]


@pytest.mark.parametrize(
    "change",
    [
        only_in("pod-kill", kept=False, lost_records=7),
        only_in("drain", came_back="after uncordon", return_seconds=1.0),
        only_in("pod-delete", overlap_seconds=1.5),
        only_in("pod-kill", status="failed", error="no reason"),
        only_in("pod-kill", kept=None, error="it could not be read back"),
    ],
    ids=["lost", "came back later", "two wrote", "not measured", "not read back"],
)
def test_where_a_cell_differs_each_has_a_row(tmp_path: Path, change: Change) -> None:
    location = run_of(tmp_path, change)
    survival = survival_of(location)
    assert [one["volume"] for one in survival_rows(survival)] == [CLASS, OTHER]
    assert survival.classes == (CLASS, OTHER)
    assert survival.shared == ()
    assert "come first" not in render(location, RUN_ID).markdown


@pytest.mark.parametrize(("rounds", "rows"), [(2, [ALIKE]), (3, [CLASS, OTHER])])
def test_seconds_differ_where_rounds_are_enough_to_tell(
    tmp_path: Path, rounds: int, rows: list[str]
) -> None:
    """As of volumes, fewer than three give no verdict."""
    location = run_of(
        tmp_path,
        lambda row: row | {"recovery_seconds": 9 + row["round"] / 10},
        rounds=rounds,
    )
    assert [one["volume"] for one in survival_rows(survival_of(location))] == rows


def test_side_by_side_each_kind_keeps_its_name(tmp_path: Path) -> None:
    """In another night they may differ, and their rows have to meet."""
    survival = survival_of(run_of(tmp_path, lambda row: row))
    assert [one["volume"] for one in volume_rows(survival)] == [CLASS, OTHER]


@pytest.mark.parametrize(("kind", "surprises"), [("Deployment", False), ("StatefulSet", True)])
def test_a_stateful_set_is_not_to_be_elsewhere_while_its_node_is_away(
    tmp_path: Path, kind: str, surprises: bool
) -> None:
    """What is promised of a Deployment, a pod elsewhere, would be two of one name."""
    elsewhere = {"storm": "node-crash", "came_back": "other node", "node_after": "w1"}
    location = write_storms(
        tmp_path,
        volumes=(),
        classes=(CLASS,),
        change=lambda row: (
            row | elsewhere | {"writer_kind": kind} if row["storm"] == "drain" else row
        ),
    )
    cell = survival_of(location).cells[CLASS, "node-crash"]
    assert bool(cell.surprises) is surprises
