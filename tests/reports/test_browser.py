"""The report's page in Debian's Chromium: drawn, asking nobody, for every eye, hand and screen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from reports.html.write import write
from tasks.results.store import write_table
from tests.flows.page import chromium
from tests.reports.sample import RUN_ID, STARTED
from tests.reports.seconds_sample import STALL, write_seconds
from tests.reports.storm_sample import STORMS, write_storms
from tests.reports.test_history import levels, write_nights

SPEEDS = {"local-path": 1.0, "nfs-client": 0.2}
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)


class Opened(NamedTuple):
    """A page, what it asked for and what went wrong in it so far."""

    page: Page
    asked: list[str]
    wrong: list[str]

    def rows(self, drawing: str) -> list[dict[str, Any]]:
        """The rows that all charts of a kind draw."""
        of_kind = f"page.charts.filter(chart => chart.drawing === {drawing!r})"
        found: list[dict[str, Any]] = self.page.evaluate(
            f"{of_kind}.flatMap(chart => rowsOf(chart.columns))"
        )
        return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that has all that a page can draw, but nights."""
    found = write_storms(tmp_path_factory.mktemp("results"), speeds=SPEEDS)
    add_histograms(found)
    write_seconds(found, tuple(SPEEDS))
    write(found, RUN_ID)
    return found


def add_histograms(location: str) -> None:
    """A thousand I/Os of each read took 1 µs, 2 µs and so on to 10 µs, in equal parts."""
    bins = [{"ns": 1000 * number, "count": 100} for number in range(1, 11)]
    rows = [
        row for file in Path(location).glob("fio/*/*") for row in pq.read_table(file).to_pylist()
    ]
    for row in rows:
        row["read_latency_bins"] = bins if "read" in row["rw"] else None
    write_table(location, "fio", RUN_ID, STARTED, rows)


@contextmanager
def shown(
    browser: Browser, location: str, size: ViewportSize = DESKTOP, dark: bool = False
) -> Iterator[Opened]:
    """The newest report's page, drawn."""
    scheme = "dark" if dark else "light"
    with browser.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        opened = Opened(page, [], [])
        context.on("request", lambda request: opened.asked.append(request.url))
        page.on("console", lambda message: opened.wrong.append(message.text))
        page.on("pageerror", lambda error: opened.wrong.append(str(error)))
        page.goto(f"file://{location}/reports/latest.html")
        page.wait_for_selector("html[data-drawn]")
        yield opened


@pytest.fixture
def opened(browser: Browser, location: str) -> Iterator[Opened]:
    with shown(browser, location) as opened:
        yield opened


def test_every_chart_is_drawn_and_nothing_is_asked_for(opened: Opened, location: str) -> None:
    """No word in the console; the only request is the one for the page itself."""
    charts = opened.page.locator("[data-chart]")
    assert charts.count() == len(opened.page.evaluate("page.charts")) > 4
    for chart in charts.all():
        marks = chart.locator("svg .mark-rect path, svg .mark-symbol path, svg .mark-line path")
        assert marks.count() > 0
        assert chart.get_attribute("aria-label")
    assert opened.asked == [f"file://{location}/reports/latest.html"]
    assert opened.wrong == []


def test_what_a_page_asks_for_and_says_is_noticed(opened: Opened) -> None:
    """The test above would see it; and the page's own policy refuses what it did not bring."""
    opened.page.evaluate("new Image().src = 'http://127.0.0.1:1/x.png'")
    script = "Object.assign(document.createElement('script'), {text: 'document.title = `mine`'})"
    opened.page.evaluate(f"document.body.append({script})")
    assert len(opened.wrong) == 2
    assert all("Content Security Policy" in words for words in opened.wrong)
    assert opened.page.title() != "mine"


def test_figures_are_those_of_parquet(opened: Opened, location: str) -> None:
    """The geometric mean of each cell, computed here from the file alone; and no other."""
    files = Path(location).glob("fio/*/*.parquet")
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    bars = [bar for bar in opened.rows("bars") if bar["value"] is not None]
    expected = set()
    for key in {(row["job"], row["storage_class"]) for row in rows}:
        mine = [row for row in rows if (row["job"], row["storage_class"]) == key]
        column = "iops" if key[0].endswith("iops") else "bandwidth_bytes_per_second"
        mean = float(np.exp(np.mean(np.log([row[column] for row in mine]))))
        expected.add((key[1], f"{mean:.5g}"))
    assert {(bar["class"], f"{bar['value']:.5g}") for bar in bars} == expected
    assert not expected & {(name, f"{float(value) * 1.001:.5g}") for name, value in expected}
    drawn = opened.page.locator("[data-chart] svg").all_text_contents()
    for bar in bars:
        assert any(bar["words"] in text for text in drawn)


def test_latencies_end_where_a_hundred_took_longer(opened: Opened) -> None:
    """As the table's percentiles do: 300 of 3,000 I/Os took more than 9 µs, none more than 10."""
    points = [row for row in opened.rows("latency") if row["class"] == "local-path"]
    by_share = {f"{row['beyond']:.3f}": row["ms"] for row in points}
    assert by_share["0.500"] == 0.005
    assert by_share["0.100"] == 0.009
    assert max(row["ms"] for row in points) == 0.009


def test_timelines_are_those_of_the_events(opened: Opened, location: str) -> None:
    """Each step of each volume, from the table of events; a volume that lost records is told."""
    files = Path(location).glob("storm_events/*/*")
    events = [row for file in files for row in pq.read_table(file).to_pylist()]
    names = {"uncordoned": "node uncordoned or up"}
    seen = {
        (row["volume"], names.get(row["event"], row["event"]), round(row["offset_seconds"], 3))
        for row in events
        if row["event"] not in ("fault", "last record")
    }
    rows = opened.rows("timelines")
    steps = [row for row in rows if row["step"]]
    assert {(row["volume"], row["step"], round(row["since"], 3)) for row in steps} == seen
    lost = {row["volume"] for row in rows if row["fate"] == "records lost or not read back"}
    assert lost == {"emptyDir", "hostPath"}


def test_a_second_without_io_is_seen(opened: Opened) -> None:
    """Fio and the device below it on one axis, with the storms' faults; one class, one panel."""
    rows = opened.rows("seconds")
    for name, iops in (("local-path", 1000), ("nfs-client", 2000)):
        for what in ("fio, read", "device"):
            mine = [row["iops"] for row in rows if (row["class"], row["of"]) == (name, what)]
            assert sorted(set(mine)) == [0, iops]
            assert mine.index(0) == STALL
    assert {row["fault"] for row in rows} == {None, *STORMS}


def test_a_night_that_got_worse_has_its_mark(browser: Browser, tmp_path: Path) -> None:
    """A mark where the level falls, and none in the series that stays as it was."""
    location = write_nights(tmp_path, levels((25, 1.0), (10, 0.7)))
    last = sorted(path.stem for path in tmp_path.glob("runs/*/*"))[-1]
    write(location, last)
    with shown(browser, location) as opened:
        rows = opened.rows("trends")
        assert len(rows) == 2 * 35
        (mark,) = [row for row in rows if row["change"]]
        assert mark["night"].startswith("2026-01-26")
        assert "30 % less" in mark["change"]
        assert opened.page.get_by_role("region", name="Nights").get_by_text("30 % less").count()
        assert opened.wrong == []


def test_a_chart_is_moved_by_keys(opened: Opened) -> None:
    """Plus shows less of an axis, 0 all of it again; other keys are the page's own."""
    chart = opened.page.locator("[data-chart][aria-keyshortcuts]").first
    script = "JSON.stringify(views[0].scale('x').domain())"
    whole = opened.page.evaluate(script)
    chart.press("x")
    assert opened.page.evaluate(script) == whole
    chart.press("+")
    opened.page.wait_for_function(f"whole => {script} !== whole", arg=whole)
    chart.press("0")
    opened.page.wait_for_function(f"whole => {script} === whole", arg=whole)


def lightness(page: Page, selector: str, of: str) -> float:
    """How light a colour is as it is shown, from 0 to 255."""
    script = f"element => getComputedStyle(element).{of}"
    colour = page.locator(selector).first.evaluate(script)
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3


@pytest.mark.parametrize("dark", [False, True])
def test_it_is_read_in_the_dark_and_in_the_light(
    browser: Browser, location: str, dark: bool
) -> None:
    with shown(browser, location, DESKTOP, dark) as opened:
        ground = lightness(opened.page, "body", "backgroundColor")
        words = lightness(opened.page, "td", "color")
        axis = lightness(opened.page, "[data-chart] svg text", "fill")
        darker, lighter = (ground, words) if dark else (words, ground)
        assert darker < 60
        assert lighter > 180
        assert abs(axis - words) < 30
        opened.page.emulate_media(media="print")
        assert lightness(opened.page, "[data-chart] svg text", "fill") < 60


def width(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_it_fits_a_phone(browser: Browser, location: str) -> None:
    """Nothing is wider than the screen; a table scrolls by itself."""
    with shown(browser, location, PHONE) as opened:
        assert width(opened.page) == PHONE["width"]
        page = opened.page
        page.evaluate("document.querySelectorAll('.wide').forEach(x => x.className = '')")
        assert width(page) > PHONE["width"]


def test_it_is_used_by_keys(opened: Opened) -> None:
    """Tab reaches the sections, each class's box, and what is wider than its place or folded."""
    page = opened.page
    reached: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        tag = page.evaluate("document.activeElement.tagName")
        if tag == "BODY":
            break
        reached.append(tag)
    assert {"A", "INPUT", "SUMMARY", "DIV"} <= set(reached)
    bars = page.locator("[data-chart] svg .mark-rect path")
    everything = bars.count()
    box = page.get_by_role("checkbox", name="nfs-client")
    box.press("Space")
    expect(box).not_to_be_checked()
    expect(page.locator("[data-chart] svg").nth(1)).not_to_contain_text("nfs-client")
    box.press("Space")
    expect(bars).to_have_count(everything)
