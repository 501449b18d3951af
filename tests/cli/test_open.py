"""`stormark open`: the page of a run, in a browser or by its path."""

import sys
from pathlib import Path

import pytest

from reports.html.write import write
from tests.conftest import Stormark
from tests.reports.sample import RUN_ID, write_run

TWO = {"local-path": 1.0, "nfs-client": 0.8}
LATER = "20261124-180000-d4e5f6"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file in which a browser that was asked for notes the address it was given."""
    browser, told = tmp_path / "browser", tmp_path / "told"
    browser.write_text(f"#!/bin/sh\nprintf %s \"$1\" >'{told}'\n")
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    return told


def test_the_newest_report_is_opened(stormark: Stormark, tmp_path: Path, told: Path) -> None:
    """The latest that was written; an older one by its run."""
    location = write_run(tmp_path / "results", TWO)
    write(location, RUN_ID)
    result = stormark.command("open", "--results", location)
    assert result.exit_code == 0
    assert told.read_text() == f"file://{location}/reports/latest.html"
    result = stormark.command("open", RUN_ID, "--results", location)
    assert told.read_text() == f"file://{location}/reports/{RUN_ID}.html"
    assert result.stdout == ""


def test_its_path_is_printed(stormark: Stormark, tmp_path: Path, told: Path) -> None:
    """And no browser is asked for; a run that has no page is given one."""
    location = write_run(tmp_path / "results", TWO)
    page = tmp_path / "results/reports" / f"{RUN_ID}.html"
    result = stormark.command("open", "--results", location, "--print-path")
    assert result.stdout == f"{page}\n"
    assert "nfs-client" in page.read_text()
    assert not told.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is a screen")
def test_without_a_screen_its_path_is_printed(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    location = write_run(tmp_path, TWO)
    result = stormark.command("open", RUN_ID, "--results", location)
    assert result.stdout == f"{location}/reports/{RUN_ID}.html\n"


def test_there_is_no_such_page(stormark: Stormark, tmp_path: Path) -> None:
    location = write_run(tmp_path / "results", TWO)
    for arguments in (["open", LATER, "--results", location], ["open", "--results", str(tmp_path)]):
        result = stormark.command(*arguments)
        assert result.exit_code == 2
        assert "no report of run" in result.stderr
