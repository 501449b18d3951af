"""A chart as data: which of the Vega-Lite files in `charts/` draws which rows."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent / "charts"
# Okabe and Ito, "Color Universal Design", 2008: told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
Column = list[Any] | dict[str, list[Any]]
Columns = dict[str, Column]


class Sign(NamedTuple):
    """A line of a legend: an SVG path within -1 and 1, its colour, and what it stands for."""

    path: str
    colour: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A panel: the file that draws it, its title, and what it shows for whoever does not see it.

    `height` is in CSS pixels, without the axis; `edges` are those of a logarithmic axis.
    """

    drawing: str
    title: str
    about: str
    height: int
    columns: Columns = field(default_factory=dict)
    edges: tuple[float, float] = (0, 1)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The columns as rows again."""
        lists = [
            column if isinstance(column, list) else [column["of"][place] for place in column["at"]]
            for column in self.columns.values()
        ]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*lists, strict=True)]


def columns(rows: Sequence[dict[str, Any]]) -> Columns:
    """Rows, which have the same keys, as lists: each key is written once in the page."""
    return {name: _compact([row[name] for row in rows]) for name in rows[0]} if rows else {}


def edges(values: Collection[float]) -> tuple[float, float]:
    """A logarithmic axis for some values, with room beyond the outmost, also for a single one."""
    return min(values) * 0.93, max(values) * 1.07


def _compact(values: list[Any]) -> Column:
    """Texts that come again are written once: `of` them each value is the one `at` a place."""
    texts = {value: place for place, value in enumerate(dict.fromkeys(values))}
    if len(texts) * 2 > len(values) or not any(isinstance(text, str) for text in texts):
        return [float(f"{v:.5g}") if isinstance(v, float) else v for v in values]
    return {"of": list(texts), "at": [texts[value] for value in values]}


@cache
def drawing(name: str) -> dict[str, Any]:
    """A Vega-Lite specification without its data."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return found


def drawings(charts: Iterable[Chart]) -> dict[str, dict[str, Any]]:
    """The specifications that some charts need, by name."""
    return {name: drawing(name) for name in dict.fromkeys(chart.drawing for chart in charts)}


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each class, the same in all charts of a page."""
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
