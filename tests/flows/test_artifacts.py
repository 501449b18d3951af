"""What is on disk stays a measured run, whether or not Prefect can show it."""

import logging
from pathlib import Path

import httpx
import pytest

from flows import artifacts
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
