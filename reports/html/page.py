"""A run's page: the report's own text, and charts in it."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.data.load import Row
from reports.html.chart import Chart, Sign, colours, drawing, drawings
from reports.html.latency import ABOUT, latency_charts
from reports.html.library import library
from reports.html.markup import html
from reports.html.nights import Trend, trend_charts, trend_table, trends_of
from reports.html.seconds import by_time, second_charts, seconds_table
from reports.html.speed import bar_charts, ratio_charts
from reports.html.storms import legend, timelines
from reports.page.render import Rendered

# In the place of an image's file.
NIGHTS, SECONDS = "nights", "seconds"
END = "## How it was made\n"
HERE = Path(__file__).parent
MOVED = (
    "Drag to move the axis, shift and wheel to zoom, double-click for all of it; by keys + and -, "
    "the arrows, and 0."
)


class Group(NamedTuple):
    """Charts that stand together, what is said of them all, and their legend."""

    heading: str
    words: str
    charts: list[Chart]
    signs: Sequence[Sign] = ()


def page(rendered: Rendered) -> str:
    """The page of a run's report; it needs nothing beside itself."""
    run, comparison, survival = rendered.run, rendered.comparison, rendered.survival
    run_id, trends = run.facts["run_id"], trends_of(rendered.nights) if rendered.nights else []
    fio, node = by_time(run.fio_seconds), by_time(run.node_seconds)
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, autoescape=True
    )
    storms = timelines(run, survival) if survival else []
    groups = {
        f"{run_id}.svg": [
            Group("", MOVED, ratio_charts(comparison)),
            Group("", "", bar_charts(comparison)),
            Group("Latency", ABOUT, latency_charts(run, comparison)),
        ],
        f"{run_id}-storms.svg": [
            Group("", f"The first round of each storm. {MOVED}", storms, legend(storms)),
        ],
        SECONDS: [Group("", MOVED, second_charts(run, fio, node))],
        NIGHTS: [Group("", MOVED, trend_charts(trends))],
    }
    every: list[Chart] = []
    panels = environment.get_template("charts.html.jinja")
    places = {}
    for place, parts in groups.items():
        places[place] = ""
        for group in parts:
            places[place] += panels.render(group._asdict(), first=len(every))
            every += group.charts
    more = _seconds(fio, node) + _nights(trends)
    body = html(rendered.markdown.replace(END, f"{more}{END}", 1), places)
    scripts = [library(), (HERE / "page.js").read_text()]
    return environment.get_template("page.html.jinja").render(
        title=body.title,
        body=body.body,
        headings=body.headings,
        style=(HERE / "page.css").read_text(),
        scripts=scripts,
        sources=" ".join(map(_source, scripts)),
        data=_data(every) | {"colours": colours(comparison.classes)},
    )


def _nights(trends: list[Trend]) -> str:
    """The section of the nights, as markdown like all others; empty without any before."""
    return f"## Nights\n\n![Trends]({NIGHTS})\n\n{trend_table(trends)}\n\n" if trends else ""


def _seconds(fio: list[Row], node: list[Row]) -> str:
    """The section of the seconds; empty for a run that has none."""
    if not fio and not node:
        return ""
    fold = "<details>\n<summary>Seconds of every job</summary>\n\n{}\n\n</details>\n\n"
    folded = fold.format(words) if (words := seconds_table(fio)) else ""
    return f"## Seconds\n\n![Seconds]({SECONDS})\n\n{folded}"


def _data(charts: list[Chart]) -> dict[str, Any]:
    """What the page's script draws."""
    return {
        "config": drawing("config"),
        "drawings": drawings(charts),
        "charts": [
            {"drawing": chart.drawing, "about": f"{chart.title}. {chart.about}"}
            | {"height": chart.height, "edges": chart.edges, "columns": chart.columns}
            for chart in charts
        ],
    }


def _source(script: str) -> str:
    """A script as a Content-Security-Policy names it: no other is run, whatever a text holds."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
