"""The chart of the storms: complete, in order, and the same for the same events."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from reports.page.render import render
from reports.storms.chart import GIVEN_BACK, KEPT, LOST, spots
from tests.reports.sample import RUN_ID, Row
from tests.reports.storm_sample import CLASSES, KINDS, STORMS, never, without, write_storms
from tests.reports.test_chart import SVG, svg_texts


def chart_of(root: Path, **changes: Any) -> str:
    return render(write_storms(root, **changes), RUN_ID).storms_chart


def test_every_storm_volume_and_step_is_named(tmp_path: Path) -> None:
    texts = svg_texts(chart_of(tmp_path))

    assert [texts.count(storm) for storm in STORMS] == [1] * 4
    assert [texts.count(volume) for volume in (*KINDS, *CLASSES)] == [4] * 6
    assert {"old pod gone", "scheduled", "first record", GIVEN_BACK} <= set(texts)
    assert "kind-prod, 2026-11-23 18:00 UTC: storms" in texts


def test_a_line_says_what_its_cell_came_to(tmp_path: Path) -> None:
    def change(row: Row) -> Row | None:
        cell = (row["volume"], row["storm"])
        if cell == ("local", "drain"):
            return never(row)
        if cell == ("local-path", "drain"):
            return without(row, "failed", "cost $1 & $2 < 3: timed out")
        return None if cell == ("nfs-client", "drain") else row

    texts = svg_texts(chart_of(tmp_path, change=change))

    assert texts.count("LOST 143 records · 3.4 s on another node") == 2
    assert "kept · away until uncordon + 2.1 s" in texts
    assert "kept · never came back" in texts
    assert "failed: timed out waiting" in texts
    assert "not run" in texts


def test_bars_of_lost_records_have_a_colour_of_their_own(tmp_path: Path) -> None:
    svg = chart_of(tmp_path)

    legend = 1
    assert svg.count(f"fill: {LOST.lower()}") == 4 + legend
    assert svg.count(f"fill: {KEPT.lower()}") == 20 + legend


def test_a_bar_is_as_long_as_nobody_wrote(tmp_path: Path) -> None:
    svg = chart_of(
        tmp_path,
        volumes=["hostPath", "local"],
        classes=[],
        change=lambda row: (
            never(row) if (row["volume"], row["storm"]) == ("local", "drain") else row
        ),
    )

    lost, away = widths(svg, LOST)[-1], widths(svg, KEPT)[-1]
    # 3.42 s against the whole panel, to the uncordon at 30 s; the last record was 0.04 s before.
    assert away / lost == pytest.approx(30.04 / 3.46, rel=0.01)


def widths(svg: str, colour: str) -> list[float]:
    """Widths of the bars of a colour, from top to bottom, without the one of the legend."""
    found = []
    for path in ET.fromstring(svg).iter(f"{SVG}path"):
        if f"fill: {colour.lower()}" in path.attrib.get("style", ""):
            across = [float(x) for x in re.findall(r"[ML] (\S+)", path.attrib["d"])]
            found.append(max(across) - min(across))
    return found[:-1]


def test_steps_of_one_moment_share_a_spot_in_the_order_of_time() -> None:
    steps = {"first record": 0.30, "scheduled": 0.31, "new pod created": 0.31, "old pod gone": 0.4}

    assert spots(steps, near=0.02) == [
        ["first record", "new pod created", "scheduled"], ["old pod gone"],
    ]  # fmt: skip
    assert spots({}, near=0.02) == []


def test_no_step_hides_another(tmp_path: Path) -> None:
    """All steps of a cell at once: each is drawn, and none where another is."""
    steps = (
        "old_pod_gone_seconds", "new_pod_created_seconds", "scheduled_seconds",
        "volume_ready_seconds", "container_started_seconds", "recovery_seconds",
    )  # fmt: skip
    at_once = dict.fromkeys(steps, 1.0)
    svg = chart_of(
        tmp_path,
        volumes=[],
        classes=["nfs-client"],
        change=lambda row: row | at_once if row["storm"] == "pod-kill" else None,
    )

    legend = 6
    drawn = [
        (use.attrib["x"], use.attrib["y"])
        for group in ET.fromstring(svg).iter(f"{SVG}g")
        if group.attrib.get("clip-path") is None
        for use in group.findall(f"{SVG}use")
        if use.attrib.get("style", "").startswith("fill") and "stroke" in use.attrib["style"]
    ]
    assert len(set(drawn)) == len(drawn) >= len(steps) + legend


def test_only_the_first_round_is_drawn_and_said_to_be(tmp_path: Path) -> None:
    def change(row: Row) -> Row:
        lost = row["round"] == 2 and row["volume"] == "local"
        later = {"kept": False, "lost_records": 9, "recovery_seconds": 500.0}
        return row | (later if lost else {})

    texts = svg_texts(chart_of(tmp_path, rounds=2, change=change))

    assert any(text.endswith("storms, round 1 of 2") for text in texts)
    assert not any("LOST 9" in text for text in texts)
    assert "500" not in texts


def test_the_same_events_give_the_same_bytes(tmp_path: Path) -> None:
    svg = chart_of(tmp_path)

    assert "dc:date" not in svg
    assert render(str(tmp_path), RUN_ID).storms_chart == svg


def test_storms_that_were_planned_and_never_met_have_a_chart_that_says_so(tmp_path: Path) -> None:
    assert svg_texts(chart_of(tmp_path, change=lambda _: None)).count("not run") == 24
