"""A run's page: the report's own text, and charts in it."""

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.data.load import load
from reports.html.chart import COLOURS, Chart, colours, drawing, drawings
from reports.html.library import library
from reports.html.markup import html
from reports.html.speed import bar_charts, ratio_charts
from reports.speed.comparison import Comparison, compare

HERE = Path(__file__).parent


def page(location: str, run_id: str, text: str) -> str:
    """The page of a run, whose report as markdown is `text`; it needs nothing beside itself.

    Raises ResultsError if the location does not hold the run.
    """
    run = load(location, run_id)
    comparison = compare(run)
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, autoescape=True
    )
    groups = {
        f"{run_id}.svg": [
            ("", ratio_charts(comparison)),
            ("", bar_charts(comparison)),
        ],
    }
    every: list[Chart] = []
    panels = environment.get_template("charts.html.jinja")
    places = {}
    for place, parts in groups.items():
        places[place] = ""
        for heading, charts in parts:
            places[place] += panels.render(heading=heading, charts=charts, first=len(every))
            every += charts
    body = html(text, places)
    scripts = [library(), (HERE / "page.js").read_text()]
    return environment.get_template("page.html.jinja").render(
        title=body.title,
        body=body.body,
        headings=body.headings,
        style=(HERE / "page.css").read_text(),
        scripts=scripts,
        sources=" ".join(map(_source, scripts)),
        colours=_colours(comparison, every),
        data=_data(every),
    )


def _colours(comparison: Comparison, charts: Iterable[Chart]) -> dict[str, str]:
    """A colour for each class, those of the comparison first."""
    shown = (name for chart in charts for name in chart.columns.get("class", []))
    return colours(list(dict.fromkeys([*comparison.classes, *shown])))


def _data(charts: list[Chart]) -> dict[str, Any]:
    """What the page's script draws."""
    return {
        "config": drawing("config"),
        "drawings": drawings(charts),
        "charts": [
            {"drawing": chart.drawing, "about": f"{chart.title}. {chart.about}"}
            | {"height": chart.height, "columns": chart.columns}
            for chart in charts
        ],
        "colours": COLOURS,
    }


def _source(script: str) -> str:
    """A script as a Content-Security-Policy names it: no other is run, whatever a text holds."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
