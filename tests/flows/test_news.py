"""A night that got worse: in its state's message, and as an event for an automation."""

from pathlib import Path
from typing import Any

import pytest

from flows import news
from tests.reports.test_history import FIRST, levels, write_nights


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(news, "emit_event", lambda **event: emitted.append(event))
    return emitted


def worse_of_the_third(root: Path, last: dict[str, Any]) -> list[str]:
    """What the third of three nights says, which differs from the others by `last`."""
    location = write_nights(root, levels((3, 1.0)), storm=lambda n: last if n == 2 else {})
    return news.worse(location, "third", FIRST.replace(day=3))


def test_a_night_that_lost_records_is_told(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    words = "gp3 in pod-delete: LOST data, before it was kept"
    assert worse_of_the_third(tmp_path, {"kept": False}) == [f"worse: {words}"]
    (event,) = events
    assert event["event"] == "stormark.night.worse"
    assert event["resource"]["prefect.resource.id"] == "stormark.cluster.kind-prod"
    assert event["payload"]["worse"] == [words]


def test_a_night_as_the_one_before_is_not(tmp_path: Path, events: list[dict[str, Any]]) -> None:
    assert worse_of_the_third(tmp_path, {}) == []
    assert events == []
