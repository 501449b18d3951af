"""What is on disk stays a measured run, whether or not Prefect can show it."""

import logging
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import artifacts
from reports.page.render import render
from tests.reports.decision_sample import GOOD, write_decision
from tests.reports.sample import RUN_ID, write_run


def refuse(*_: object, **__: object) -> None:
    raise httpx.ConnectError("connection refused")


@pytest.fixture(autouse=True)
def _log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of a flow run, without a flow run."""
    monkeypatch.setattr(artifacts, "get_run_logger", lambda: logging.getLogger("flow run"))


@pytest.mark.parametrize("kind", ["markdown", "table"])
def test_an_api_that_is_away_is_a_warning(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda *_, **__: None)
    monkeypatch.setattr(artifacts, f"create_{kind}_artifact", refuse)
    artifacts.publish(write_run(tmp_path, {"local-path": 1.0}), RUN_ID)
    words = f"the report of run {RUN_ID} cannot be shown: connection refused"
    assert [(line.levelname, line.message) for line in caplog.records] == [("WARNING", words)]


def test_results_that_cannot_be_read_again_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    artifacts.publish(str(tmp_path), RUN_ID)
    (line,) = caplog.messages
    assert line.startswith(f"the report of run {RUN_ID} cannot be shown: no report of run")


def test_progress_is_no_condition_of_a_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(artifacts, "create_progress_artifact", refuse)
    artifacts.progress("fio", 4)(1)
    assert caplog.messages == ["the progress of fio cannot be shown: connection refused"]


def test_progress_goes_on_after_an_update_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[float] = []
    monkeypatch.setattr(artifacts, "create_progress_artifact", lambda *_, **__: "the artifact")
    tell = artifacts.progress("fio", 4)
    monkeypatch.setattr(artifacts, "update_progress_artifact", refuse)
    tell(1)
    monkeypatch.setattr(
        artifacts, "update_progress_artifact", lambda _, percent: shown.append(percent)
    )
    tell(2)
    assert (len(caplog.messages), shown) == (1, [50])


def test_the_report_is_written_for_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page neither folds nor jumps: what is folded is named, with the file that has it."""
    shown: list[str] = []
    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda text, **_: shown.append(text))
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda *_, **__: None)
    location = write_run(tmp_path, {"local-path": 1.0, "nfs-client": 1.0})
    artifacts.publish(location, RUN_ID)
    (text,) = shown
    assert "<details>" in render(location, RUN_ID).markdown
    assert not re.search("<details>|<summary>|</details>|\\]\\(#", text)
    assert "## Speed" in text
    assert "| O_DIRECT" not in text
    where, _, folded = text.partition("Folded in `")[2].partition("`: ")
    assert where.endswith(f"reports/{RUN_ID}.html")
    assert "; Every figure and how it was taken; " in folded


def test_the_report_names_the_files_that_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One path for each table, each of them a file."""
    said: list[str] = []
    monkeypatch.setattr(
        artifacts,
        "create_markdown_artifact",
        lambda *_, description, **__: said.append(description),
    )
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda *_, **__: None)
    artifacts.publish(write_run(tmp_path, {"local-path": 1.0}), RUN_ID)
    files = re.findall("^- `(.+)`$", said[0], re.M)
    assert sorted(files) == sorted(map(str, tmp_path.rglob("*.parquet")))


@pytest.mark.parametrize(("again", "tables"), [(False, ["comparison"]), (True, [])])
def test_a_night_has_one_place_in_the_history(
    again: bool, tables: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that is rendered again is shown, and its tables are not those of a new night."""
    shown: list[str] = []
    for kind in ("markdown", "table"):
        monkeypatch.setattr(
            artifacts, f"create_{kind}_artifact", lambda *_, key, **__: shown.append(key)
        )
    artifacts.publish(write_run(tmp_path, {"local-path": 1.0}), RUN_ID, again=again)
    assert shown == ["report", *tables]


def test_what_a_plan_demands_has_a_table_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a verdict each; a night whose plan demands nothing has none."""
    shown: dict[str, Any] = {}
    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda *_, **__: None)
    monkeypatch.setattr(
        artifacts, "create_table_artifact", lambda table, key, **_: shown.update({key: table})
    )
    demands = {"requirements": {"*": {"min_read_iops": 1}}}
    artifacts.publish(write_decision(tmp_path / "1", {"fast": GOOD}, plan=demands), RUN_ID)
    (row,) = shown.pop("requirements")
    assert (row["class"], row["demanded"], row["verdict"]) == ("fast", "1 IOPS", "pass")
    artifacts.publish(write_decision(tmp_path / "2", {"fast": GOOD}), RUN_ID)
    assert "requirements" not in shown
