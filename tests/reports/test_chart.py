"""The chart: valid, complete, and the same for the same figures."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reports.page.render import render
from tests.reports import sample
from tests.reports.sample import RUN_ID, Row, failed, write_run

SVG = "{http://www.w3.org/2000/svg}"


def svg_texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("classes", [1, 2, 6])
def test_every_class_and_figure_is_named(tmp_path: Path, classes: int) -> None:
    speeds = {f"class-{n}": 1 + n / 2 for n in range(classes)}

    texts = svg_texts(render(write_run(tmp_path, speeds), RUN_ID).chart)

    assert [texts.count(name) for name in speeds] == [4] * classes
    assert {"12.3 k", "8.00 k", "640", "330"} <= set(texts)
    assert "read_iops (4K randread, QD64)" in texts
    assert any("geometric mean and range, 3 volumes" in text for text in texts)


def test_it_stands_on_white(tmp_path: Path) -> None:
    svg = render(write_run(tmp_path, {"local-path": 1.0}), RUN_ID).chart

    background = next(ET.fromstring(svg).iter(f"{SVG}path"))
    assert "fill: #ffffff" in background.attrib["style"]


def test_it_holds_no_date_so_that_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    svg = render(write_run(tmp_path, {"local-path": 1.0, "nfs-client": 0.2}), RUN_ID).chart

    assert "dc:date" not in svg
    assert render(str(tmp_path), RUN_ID).chart == svg


def test_a_missing_bar_says_why(tmp_path: Path) -> None:
    def cell(row: Row) -> Row | None:
        if row["storage_class"] == "nfs-client" and row["job"] == "read_bw":
            return failed(row, "cost $1 & $2 < 3: timed out")
        if row["storage_class"] == "nfs-client" and row["job"] == "write_bw":
            return row if row["round"] == 1 else None
        return None if row["storage_class"] == "gp3" else row

    location = write_run(tmp_path, {"local-path": 1.0, "nfs-client": 0.2, "gp3": 1.0}, cell=cell)
    texts = svg_texts(render(location, RUN_ID).chart)

    assert "failed: timed out waiting" in texts
    assert "66.0 (1 of 3 rounds)" in texts
    assert texts.count("not run") == 4


def test_a_latency_has_its_own_column_and_direction(tmp_path: Path) -> None:
    speeds = {"local-path": 1.0, "nfs-client": 0.25}

    texts = svg_texts(render(write_run(tmp_path, speeds, jobs=sample.WAL), RUN_ID).chart)

    assert "sync p50, less is better" in texts
    assert "sync p99, less is better" in texts
    assert "5.76 ms" in texts
    assert any(text.startswith("too few I/Os (4,7") for text in texts)


def test_a_run_without_figures_has_a_chart_that_says_so(tmp_path: Path) -> None:
    location = write_run(tmp_path, {"local-path": 1.0}, cell=lambda _: None)

    assert "nothing was run" in svg_texts(render(location, RUN_ID).chart)
