"""A chart as data: which of the Vega-Lite files in `charts/` draws which rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "charts"
# Okabe and Ito, "Color Universal Design", 2008: told apart with every kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Chart:
    """A panel: the file that draws it, its title, and what it shows for whoever does not see it.

    `height` is in CSS pixels, without the axis.
    """

    drawing: str
    title: str
    about: str
    height: int
    columns: Columns = field(default_factory=dict)


def columns(rows: Sequence[dict[str, Any]]) -> Columns:
    """Rows, which have the same keys, as lists: each key is written once in the page."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


@cache
def drawing(name: str) -> dict[str, Any]:
    """A Vega-Lite specification without its data."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return found


def drawings(charts: Iterable[Chart]) -> dict[str, dict[str, Any]]:
    """The specifications that some charts need, by name."""
    return {name: drawing(name) for name in dict.fromkeys(chart.drawing for chart in charts)}


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each class, the same in all charts of a page."""
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
