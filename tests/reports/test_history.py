"""Nights in a row: what changed is told, when it is sure; what did not is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from reports.history.changes import changes, news
from reports.history.nights import nights
from reports.history.told import News, since_last_night
from reports.page.render import render
from reports.side_by_side.series import sparkline, table_rows
from stormark import app
from tasks.results.store import ResultsError, write_table

FIRST = datetime(2026, 1, 1, 3, tzinfo=UTC)
LEVEL, NOISE = 3000.0, 0.03


def noisy(count: int, seed: int = 1) -> list[float]:
    return list(np.random.default_rng(seed).normal(0, NOISE, count))


def write_nights(
    root: Path,
    iops: list[float],
    *,
    fio: Callable[[int], dict[str, Any]] = lambda _night: {},
    storm: Callable[[int], dict[str, Any]] = lambda _night: {},
    facts: Callable[[int], dict[str, Any]] = lambda _night: {},
) -> str:
    """A night for each figure: a cell of fio, a storm, and what else is said of a night."""
    for night, figure in enumerate(iops):
        started = FIRST + timedelta(days=night)
        run_id = f"{started:%Y%m%d}-030000-{night:06x}"
        run = {
            "flow": "nightly", "started_at": started, "cluster": "kind-prod", "outcome": "complete",
            "plan": json.dumps({"rounds": 1}), "kubernetes_version": "v1.37.1",
            "cells_planned": 1, "cells_measured": 1, "cells_failed": 0, "storms_planned": 1,
            "storms_measured": 1, "ended_at": started,
        }  # fmt: skip
        cell = {
            "storage_class": "gp3", "job": "read_iops", "round": 1, "repeat": 1,
            "status": "measured",
            "block_size_bytes": 4096, "io_depth": 64, "num_jobs": 1, "rw": "randread",
            "iops": figure, "sequence": 1,
        }  # fmt: skip
        stormy = {
            "volume": "gp3", "storage_class": "gp3", "storm": "pod-delete", "round": 1,
            "status": "measured", "kept": True, "came_back": "same node", "recovery_seconds": 2.0,
        }  # fmt: skip
        rows = {
            "fio": cell | fio(night), "storms": stormy | storm(night), "runs": run | facts(night),
        }  # fmt: skip
        for table, row in rows.items():
            write_table(str(root), table, run_id, started, [row])
    return str(root)


def levels(*parts: tuple[int, float], seed: int = 1) -> list[float]:
    """So many nights at so much of LEVEL, with noise."""
    shares = [share for count, share in parts for _ in range(count)]
    noise = noisy(len(shares), seed)
    return [LEVEL * share * float(np.exp(one)) for share, one in zip(shares, noise, strict=True)]


def told(location: str) -> News:
    return since_last_night(nights(location))


def first_told(iops: list[float]) -> int | None:
    """The night, counted from 0, whose report is the first with a change."""
    logs = np.log(iops)
    return next((n - 1 for n in range(2, len(logs) + 1) if news(logs[:n])), None)


def test_a_lasting_drop_is_told_once_with_what_else_changed(tmp_path: Path) -> None:
    """On its third night, with both levels; the night after, nothing is new."""
    iops = levels((40, 1.0), (5, 0.8))
    assert first_told(iops) == 42
    upgraded = lambda night: {"kubernetes_version": f"v1.37.{2 if night >= 40 else 1}"}  # noqa: E731
    location = write_nights(tmp_path / "until", iops[:43], facts=upgraded)
    (worse,) = told(location).worse
    assert worse.startswith("gp3 read_iops, IOPS: 2")
    assert "less since 2026-02-10 (3.0" in worse
    assert worse.endswith("that night also kubernetes_version v1.37.1 → v1.37.2")
    after = told(write_nights(tmp_path / "after", iops[:45]))
    assert (after.worse, after.quiet) == ((), "Nothing changed since 2026-02-10.")


def test_a_rise_is_better_and_of_a_time_it_is_worse(tmp_path: Path) -> None:
    iops = levels((40, 1.0), (3, 1.3))
    slower = lambda night: {"recovery_seconds": 2.0 if night < 40 else 4.0}  # noqa: E731
    found = told(write_nights(tmp_path, iops, storm=slower))
    (better,) = found.better
    assert "more since 2026-02-10" in better
    (worse,) = found.worse
    assert worse.startswith(
        "gp3 pod-delete, recovery: 100 % more since 2026-02-10 (2.00 s → 4.00 s)"
    )


@pytest.mark.parametrize("share", [0.3, 3.0])
def test_a_lone_bad_night_is_no_change(share: float) -> None:
    """Nor are two; noise is none either, and less than 5 % is left alone."""
    assert first_told(levels((40, 1.0), (1, share), (30, 1.0))) is None
    assert first_told(levels((40, 1.0), (2, share), (30, 1.0))) is None
    assert first_told(levels((120, 1.0))) is None
    assert changes(np.log(levels((60, 1.0), (60, 0.97)))) == []


def test_before_the_twentieth_night_nothing_is_said_of_figures(tmp_path: Path) -> None:
    found = told(write_nights(tmp_path, levels((8, 1.0), (6, 0.2))))
    assert found.worse == found.better == ()
    assert "this is night 14 of the cluster, a change of a figure is told from 20" in found.quiet


def test_equal_figures_have_no_change_and_no_warning() -> None:
    """A spread of 0 is none to divide by; its twin has a step."""
    assert changes(np.zeros(60)) == []
    (step,) = changes([0.0] * 30 + [0.2] * 30)
    assert step.night == 30
    assert step.ratio == pytest.approx(np.exp(0.2))


@pytest.mark.parametrize(
    ("storm", "words"),
    [
        (
            {"kept": False, "lost_records": 3},
            "gp3 in pod-delete: LOST data, before it was kept",
        ),
        ({"kept": None}, "gp3 in pod-delete: could not be read back, before it was kept"),
        ({"came_back": "never"}, "gp3 in pod-delete: came back never, before it was same node"),
    ],
)
def test_what_became_of_data_is_told_at_once(
    tmp_path: Path, storm: dict[str, Any], words: str
) -> None:
    """One night is enough; the night that is as before is quiet."""
    last = lambda night: storm if night == 2 else {}  # noqa: E731
    assert told(write_nights(tmp_path / "a", levels((3, 1.0)), storm=last)).worse == (words,)
    assert told(write_nights(tmp_path / "b", levels((3, 1.0)))).worse == ()
    back = told(write_nights(tmp_path / "c", levels((4, 1.0)), storm=last))
    assert len(back.better) == 1


def test_a_night_without_storms_hides_no_loss(tmp_path: Path) -> None:
    """What was tried last counts, also where that was nights ago; what is still lost is not new."""
    skipped = {"status": "skipped", "kept": None, "came_back": None}

    def storm(night: int) -> dict[str, Any]:
        return skipped if night == 1 else {"kept": night < 2}

    (lost,) = told(write_nights(tmp_path / "a", levels((3, 1.0)), storm=storm)).worse
    assert lost == "gp3 in pod-delete: LOST data, before it was kept"
    assert told(write_nights(tmp_path / "b", levels((4, 1.0)), storm=storm)).worse == ()


def test_what_was_lost_is_a_change_since_when(tmp_path: Path) -> None:
    """Also where no figure ever changed."""
    storm = lambda night: {"kept": night < 21}  # noqa: E731
    location = write_nights(tmp_path, levels((24, 1.0)), storm=storm)
    assert told(location).quiet == "Nothing changed since 2026-01-22."


@pytest.mark.parametrize(
    ("was", "now", "worse", "better"),
    [
        ("other node", "after uncordon", 1, 0),
        ("after uncordon", "never", 1, 0),
        ("never", "other node", 0, 1),
        ("same node", "other node", 0, 0),
    ],
)
def test_where_a_pod_comes_back_has_an_order(
    tmp_path: Path, was: str, now: str, worse: int, better: int
) -> None:
    """Which of two nodes it is, is the scheduler's choice, and no news."""
    storm = lambda night: {"came_back": now if night == 2 else was}  # noqa: E731
    found = told(write_nights(tmp_path, levels((3, 1.0)), storm=storm))
    assert (len(found.worse), len(found.better)) == (worse, better)


def test_a_storm_that_fails_is_told(tmp_path: Path) -> None:
    storm = lambda night: {"status": "failed", "kept": None} if night == 2 else {}  # noqa: E731
    assert told(write_nights(tmp_path, levels((3, 1.0)), storm=storm)).worse == (
        "gp3 pod-delete failed",
    )


def test_a_change_is_told_against_the_level_before_it(tmp_path: Path) -> None:
    """Not against all that was before."""
    location = write_nights(tmp_path, levels((30, 0.5), (30, 1.0), (3, 0.8)))
    (worse,) = told(location).worse
    assert "less since 2026-03-02 (3.0" in worse


def test_runs_by_hand_and_controls_are_no_nights(tmp_path: Path) -> None:
    """Somebody's benchmark between two nights hides neither."""
    by_hand = lambda night: {"flow": "benchmark"} if night in (3, 5) else {}  # noqa: E731
    location = write_nights(tmp_path / "a", levels((6, 1.0)), facts=by_hand)
    assert len(nights(location).runs) == 4
    control = lambda _night: {"storage_class": "gp3 (control)"}  # noqa: E731
    alone = nights(write_nights(tmp_path / "b", levels((3, 1.0)), fio=control))
    assert [series.what for series in alone.series] == ["pod-delete"]


def test_a_failure_is_told_the_first_night_and_so_is_its_end(tmp_path: Path) -> None:
    failed = lambda night: {"status": "failed", "iops": None} if night == 2 else {}  # noqa: E731
    first = told(write_nights(tmp_path / "a", levels((3, 1.0)), fio=failed))
    assert first.worse == ("gp3 read_iops failed",)
    again = told(write_nights(tmp_path / "b", levels((4, 1.0)), fio=failed))
    assert (again.worse, again.better) == ((), ("gp3 read_iops has a result again",))


def test_each_series_is_a_row(tmp_path: Path) -> None:
    location = write_nights(tmp_path, levels((40, 1.0), (5, 0.8)))
    rows = {(row["what"], row["figure"]): row for row in table_rows(nights(location))}
    row = rows["read_iops", "IOPS"]
    assert (row["class"], row["nights"], len(row["last 30"])) == ("gp3", "45", 30)
    assert row["changed"].startswith("worse since 2026-02-10: 0.")
    assert rows["pod-delete", "recovery"]["changed"] == ""


def test_the_command_says_what_is_new_and_shows_every_series(tmp_path: Path) -> None:
    location = write_nights(tmp_path, levels((43, 1.0)))
    shown = CliRunner().invoke(app, ["history", "--results", location])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Nothing changed since 2026-01-01.")
    assert "read_iops" in shown.stdout
    listed = CliRunner().invoke(app, ["history", "--results", location, "--output", "json"])
    assert {row["what"] for row in json.loads(listed.stdout)} == {"read_iops", "pod-delete"}


def test_a_night_s_report_opens_with_what_is_new(tmp_path: Path) -> None:
    """Of the nights up to it, whatever came later; the first has nothing to compare with."""
    location = write_nights(tmp_path, levels((40, 1.0), (5, 0.8)))
    ids = [run["run_id"] for run in nights(location).runs]
    told_then, quiet = (render(location, ids[night]).markdown for night in (42, 30))
    opening = told_then.split("\n## ")[0]
    assert "\n- Worse: gp3 read_iops, IOPS: 2" in opening
    assert " UTC\n\n- Nothing changed since 2026-01-01.\n\ngp3 reached" in quiet
    assert "Nothing" not in render(location, ids[0]).markdown.split("\n## ")[0]


def test_nights_of_another_cluster_are_another_history(tmp_path: Path) -> None:
    there = lambda night: {"cluster": "other" if night % 2 else "kind-prod"}  # noqa: E731
    location = write_nights(tmp_path, levels((6, 1.0)), facts=there)
    assert len(nights(location, "other").runs) == len(nights(location, "kind-prod").runs) == 3
    with pytest.raises(ResultsError, match=r"no history: .* holds no run of cluster 'third'"):
        nights(location, "third")


def test_a_sparkline_of_noise_is_flat() -> None:
    """A tenth is its whole height at the least."""
    assert len(set(sparkline([0.0, 0.01, 0.0]))) == 1
    assert sparkline([0.0, 1.0]) == "▁█"
