"""What storms lost, in words: records, else pages."""

from pathlib import Path

import pytest

from reports.page.render import render
from reports.text.losses import lost
from tests.reports.sample import RUN_ID, Row
from tests.reports.storm_sample import write_storms


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"lost_records": 1, "pages_lost": 8}], "1 record"),
        ([{"lost_records": 700, "pages_lost": 0}] * 2, "1,400 records"),
        ([{"lost_records": 0, "pages_lost": 1}], "1 page"),
        ([{"lost_records": 0, "pages_lost": 1}] * 2, "2 pages"),
        ([{"lost_records": 0, "pages_lost": None}], "0 records"),
    ],
)  # fmt: skip
def test_the_gravest_loss_is_said(rows: list[Row], words: str) -> None:
    assert lost(rows) == words


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
