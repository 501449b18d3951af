"""What is said of a run when it has ended: what was measured, skipped, failed, is missing."""

from typing import Any

import pytest

from tasks.record import Record, counted, outcome_of, summary
from tests.tasks.api import Api
from tests.tasks.sample import make_run


def record(api: Api, fio: list[str], storms: list[str], **planned: Any) -> Record:
    """A record of cells with these statuses; four storm cells are planned where volumes are."""
    run = make_run(api.cluster)
    cell = {"storage_class": "fast", "job": "a", "repeat": 1, "error": "no space"}
    storm = {"storm": "drain", "volume": "local", "round": 1, "error": "a budget"}
    return Record(
        run, "nightly", [], [], "v1.34.0",
        fio=[cell | {"status": status} for status in fio],
        storms=[storm | {"status": status} for status in storms],
        **planned,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("storms", "words"),
    [
        (["measured"] * 4, "6 cells measured"),
        (["measured", "skipped", "not offered", "skipped"], "3 cells measured, 3 skipped"),
    ],
)
def test_what_could_not_be_had_is_not_counted_as_measured(
    api: Api, storms: list[str], words: str
) -> None:
    """The run is complete all the same, since nothing failed."""
    known = record(api, ["measured"] * 2, storms, cells_planned=2, storm_volumes=["local"])
    assert counted(known) == words
    assert (outcome_of(known), summary(known)) == ("complete", None)


def test_cells_that_are_missing_are_counted(api: Api) -> None:
    """A run that is incomplete says why, also where nothing failed."""
    known = record(api, ["measured"] * 2, ["skipped"], cells_planned=3, storm_volumes=["local"])
    assert (outcome_of(known), summary(known)) == ("incomplete", "4 of 7 cells are missing")


def test_the_first_failure_is_told(api: Api) -> None:
    """With the number of all."""
    known = record(api, ["measured", "failed"], ["failed"], cells_planned=2)
    assert outcome_of(known) == "incomplete"
    assert summary(known) == "2 of 2 cells failed: fast a repeat 1: no space (and 1 more)"
