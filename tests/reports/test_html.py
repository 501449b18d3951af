"""The report as one HTML file: what is in it, and that whoever names a class does not rule it."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reports.data.percentiles import PERCENTILES, pooled
from reports.html.latency import curve
from reports.html.markup import html
from reports.html.seconds import thinned
from reports.html.write import write
from reports.page.render import render
from tests.reports.sample import RUN_ID
from tests.reports.storm_sample import write_storms

TWO = {"local-path": 1.0, "nfs-client": 0.16}
EVIL = "<script>alert(1)</script>"
LARGEST = 3_000_000


class Tags(HTMLParser):
    """The tags of a page and its text, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(location: str) -> str:
    write(location, RUN_ID)
    return Path(location, "reports/latest.html").read_text()


def test_every_cell_of_the_markdown_is_in_the_page(tmp_path: Path) -> None:
    location = write_storms(tmp_path, speeds=TWO)
    text = " ".join(Tags(page_of(location)).text.split())
    cells = re.findall(r"(?<=\| )[^|\[\]*<>\\]+(?= \|)", render(location, RUN_ID).markdown)
    told = [cell.strip() for cell in cells if re.search(r"\w", cell)]
    assert len(told) > 100
    assert [cell for cell in told if cell not in text] == []


def test_the_page_needs_nothing_beside_itself(tmp_path: Path) -> None:
    """It is small enough to send, and every address in it is one of its own places."""
    page = page_of(write_storms(tmp_path, speeds=TWO))
    assert len(page.encode()) < LARGEST
    tags = Tags(page).tags
    addresses = [
        value or "" for _, told in tags for name, value in told.items() if name in ("href", "src")
    ]
    places = {told["id"] for _, told in tags if "id" in told}
    inside = [one for one in addresses if one.startswith("#")]
    assert [one for one in inside if one[1:] not in places] == []
    assert [
        one for one in addresses if one not in inside and not one.startswith(("data:", "https://"))
    ] == []
    assert not [tag for tag, told in tags if "src" in told]


@pytest.mark.parametrize("where", ["class", "event", "plan", "warning"])
def test_foreign_text_is_text(tmp_path: Path, where: str) -> None:
    """A class, an event's message, a plan, a warning: no tag of theirs is one of the page's."""
    plain, foreign = tmp_path / "plain", tmp_path / "foreign"
    before = Tags(page_of(write_storms(plain, speeds=TWO)))
    words = f"````\n\n{EVIL}\n" if where == "plan" else EVIL
    facts: dict[str, Any] = {"warnings": [words]} if where == "warning" else {}
    if where == "plan":
        facts = {"plan": json.dumps({"fio_file": words})}
    location = write_storms(
        foreign,
        speeds={"local-path": 1.0, words: 0.16} if where == "class" else TWO,
        change=lambda row: row | ({"pending_message": words} if where == "event" else {}),
        facts=facts,
    )
    page = page_of(location)
    scripts = [told for tag, told in Tags(page).tags if tag == "script"]
    assert len(scripts) == sum(tag == "script" for tag, _ in before.tags) == 3
    assert "alert(1)" in page


def test_markup_of_others_is_told_as_text() -> None:
    """The report's own folds are folds; whatever else looks like a tag is not one."""
    own = html("<details>\n<summary>More</summary>\n\nx\n\n</details>\n", {}).body
    assert "<details>" in own
    for theirs in ("<img src=x onerror=alert(1)>", "<details open onclick=x>", "a <b>c</b>", EVIL):
        assert not Tags(html(theirs, {}).body).tags[1:]
        assert Tags(html(theirs, {}).body).text.strip() == theirs


def test_a_curve_goes_through_the_table_s_percentiles() -> None:
    """Each percentile of a histogram is a point of its curve, or between two that are near."""
    counts = {1000 * number: 200_000 // number for number in range(1, 200)}
    bins = [{"ns": ns, "count": count} for ns, count in counts.items()]
    points = [*curve(counts)]
    for name, share in PERCENTILES.items():
        exact = pooled([{"status": "measured", "read_latency_bins": bins}], "read", name)
        nearest = min(ns for beyond, ns in points if beyond <= (1 - share) * 1.001)
        assert exact is not None
        assert nearest == pytest.approx(exact, rel=0.06)
    assert [*curve({1000: 150, 2000: 99})] == []
    assert [*curve({1000: 150, 2000: 100})] == [(0.4, 1000)]


@pytest.mark.parametrize("few", [2, 3, 10])
def test_a_stall_outlives_the_thinning(few: int) -> None:
    """Of each few points the least and the most stay: a mean would not be 0."""
    points = [(float(second), 0.0 if second == 13 else 500.0 + second) for second in range(100)]
    drawn = [*thinned(points, few)]
    assert (13.0, 0.0) in drawn
    assert (99.0, 599.0) in drawn
    assert drawn == sorted(drawn)
    assert len(drawn) == (100 if few == 2 else 2 * -(-100 // few) - (few == 3))
    assert not any(iops == 0 for _, iops in thinned([p for p in points if p[1]], few))
