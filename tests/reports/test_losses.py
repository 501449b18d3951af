"""What storms lost, in words: records, else pages, else what is cold."""

from pathlib import Path

import pytest

from reports.data.proof import Fsync, Proof
from reports.decision.fate import fsync_in_words
from reports.page.render import render
from reports.text.losses import COLD, lost, verb
from tests.reports.sample import RUN_ID, Row
from tests.reports.storm_sample import write_storms


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"lost_records": 2, "pages_lost": 0, "cold_damaged": True}], "lost 2 records"),
        (
            [{"lost_records": 0, "pages_lost": 0, "cold_damaged": True}] * 2,
            "damaged what had been written long before",
        ),
        ([{"lost_records": 0, "pages_lost": 0, "cold_damaged": False}], "lost 0 records"),
        ([{"lost_records": 1, "pages_lost": 8, "cold_damaged": None}], "lost 1 record"),
        ([{"lost_records": 700, "pages_lost": 0, "cold_damaged": None}] * 2, "lost 1,400 records"),
        ([{"lost_records": 0, "pages_lost": 1, "cold_damaged": None}], "lost 1 page"),
        ([{"lost_records": 0, "pages_lost": 1, "cold_damaged": None}] * 2, "lost 2 pages"),
        ([{"lost_records": 0, "pages_lost": None, "cold_damaged": None}], "lost 0 records"),
    ],
)  # fmt: skip
def test_the_gravest_loss_is_said(rows: list[Row], words: str) -> None:
    assert f"{verb(rows)} {lost(rows)}" == words


@pytest.mark.parametrize("unseen", [15.2, None])
def test_a_writer_that_nobody_could_reach_was_not_back_at_once(
    tmp_path: Path, unseen: float | None
) -> None:
    """The twin's records came through."""

    def cut_off(row: Row) -> Row | None:
        if row["storm"] != "container-restart":
            return None
        return row | {"storm": "node-partition", "recovery_seconds": 0.1, "unseen_seconds": unseen}

    write_storms(tmp_path, change=cut_off)
    report = render(str(tmp_path), RUN_ID).markdown
    assert ("kept · 0.1 s on its node, unseen for 15.2 s" in report) is (unseen is not None)


@pytest.mark.parametrize("pages", [2, 0])
def test_a_volume_that_lost_pages_alone_is_not_kept(tmp_path: Path, pages: int) -> None:
    """Its seconds are not known: those are of records."""

    def paged(row: Row) -> Row | None:
        if row["storm"] != "pod-kill":
            return None
        counts: Row = {"lost_records": 0, "lost_seconds": 0.0, "pages_lost": pages}
        return row | counts | {"kept": not pages}

    write_storms(tmp_path, change=paged)
    report = render(str(tmp_path), RUN_ID).markdown
    assert ("LOST 2 pages" in report) is bool(pages)
    assert "LOST 0" not in report


@pytest.mark.parametrize("damaged", [True, False])
def test_power_that_damaged_what_is_cold_refutes_fsync(damaged: bool) -> None:
    """In its own words: no record was lost."""
    row: Row = {"storm": "node-crash", "node_before": "w2", "kept": False, "pages_lost": 0}
    row |= {"lost_records": 0 if damaged else 3, "cold_damaged": damaged}
    said = fsync_in_words(Proof(Fsync.REFUTED, row, None, (), 1))
    what = f"{COLD} damaged" if damaged else "acknowledged records lost"
    assert said == f"refuted: {what} in node-crash"


@pytest.mark.parametrize("damaged", [True, False, None])
def test_silent_damage_is_told_wherever_a_loss_is(tmp_path: Path, damaged: bool | None) -> None:
    """Its twins were checked and found whole, or not checked. Nothing else was lost."""

    def changed(row: Row) -> Row | None:
        if (row["storm"], row["volume"]) == ("pod-kill", "local-path"):
            return row | {"lost_seconds": 0.0, "cold_damaged": damaged, "kept": not damaged}
        return row

    write_storms(tmp_path, rounds=2, change=changed)
    report = render(str(tmp_path), RUN_ID).markdown
    words = "what had been written long before"
    assert (f"kept 0 of 2, DAMAGED {words} · " in report) is bool(damaged)
    assert (f"local-path damaged {words} (pod-kill)" in report) is bool(damaged)
    assert (f"but damaged in pod-kill ({words})" in report) is bool(damaged)
    assert (f"damaged {words} (pod-kill" in report.partition("## ")[2]) is bool(damaged)
    assert (words in report) is bool(damaged)
