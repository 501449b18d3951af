"""The storms as one SVG: a panel for each storm, in it a line for each volume."""

from dataclasses import replace
from math import inf
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reports.data.load import Run
from reports.storms.survival import StormCell, Survival
from reports.storms.words import gap_words, parts
from reports.text.svg import STYLE, short, svg

ROW_INCHES = 0.34
NEAR = 0.012  # of the panel's width: the steps of one spot are drawn below each other
BELOW = 0.17  # of a row


class Mark(NamedTuple):
    """How a step of the way back is drawn: matplotlib's marker, its colour and size."""

    marker: str
    colour: str
    size: float


GIVEN_BACK = "node uncordoned or up"
# In the order in which they happen; the colours of the other chart.
MARKS = {
    "out of service": Mark("P", "#D55E00", 5),
    "old pod gone": Mark("x", "#222222", 4),
    "new pod created": Mark("o", "#0072B2", 4),
    "scheduled": Mark("D", "#56B4E9", 3.5),
    "detached": Mark("<", "#D55E00", 4.5),
    "attached": Mark(">", "#D55E00", 4.5),
    "volume ready": Mark("s", "#E69F00", 4),
    "container started": Mark("^", "#CC79A7", 4.5),
    "first record": Mark("*", "#009E73", 6.5),
    GIVEN_BACK: Mark("|", "#222222", 18),
}
KEPT, LOST, MISSING = "#C9D6DF", "#F0B9A0", "#B00020"


def storms_chart(survival: Survival, run: Run, title: str) -> str:
    """Round 1 of every cell as SVG text: the time without writes, and the steps that ended it."""
    with mpl.rc_context(STYLE):
        panels = max(1, len(survival.storms))
        height = panels * (0.62 + ROW_INCHES * len(survival.volumes)) + 1.0
        figure = Figure(figsize=(10, height), facecolor="white", layout="constrained")
        figure.suptitle(title, fontsize=11)
        grid = figure.subplots(panels, 1, squeeze=False)[:, 0]
        for axes, storm in zip(grid, survival.storms, strict=False):
            _panel(axes, survival, run, storm)
        if not survival.storms:
            grid[0].set_axis_off()
            grid[0].text(0.5, 0.5, "no storm is known", ha="center", va="center")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=5, frameon=False)
        return svg(figure)


def _legend() -> list[Patch | Line2D]:
    steps = [
        Line2D(
            [], [], linestyle="", marker=mark.marker, color=mark.colour, ms=mark.size, label=name
        )
        for name, mark in MARKS.items()
    ]
    bars = {"no writes; records kept": KEPT, "no writes; records lost or not read back": LOST}
    return [*(Patch(color=colour, label=label) for label, colour in bars.items()), *steps]


def _panel(axes: Axes, survival: Survival, run: Run, storm: str) -> None:
    courses = {volume: course(run, volume, storm) for volume in survival.volumes}
    times = [at for course in courses.values() for at in course.values()]
    start, end = min([0.0, *times]), max(times, default=0) or 1
    for position, volume in enumerate(survival.volumes):
        cell = first_round(survival.cells[volume, storm])
        _bar(axes, position, cell, courses[volume], end)
        _steps(axes, position, courses[volume], (end - start) * NEAR)
        _words(axes, position, cell)
    axes.set_title(storm, loc="left", fontsize=9, weight="bold")
    axes.set_title("seconds after the fault", loc="right", fontsize=8, color="#555")
    axes.set_xlim(start - end * 0.02, end * 1.03)
    axes.set_ylim(len(survival.volumes) - 0.4, -0.6)
    axes.set_yticks(range(len(survival.volumes)), [short(name) for name in survival.volumes])
    axes.tick_params(left=False)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def course(run: Run, volume: str, storm: str) -> dict[str, float]:
    """When each event of a cell's first round was seen, in seconds after the fault."""
    found: dict[str, float] = {}
    for event in run.storm_events:
        if (event["volume"], event["storm"], event["round"]) == (volume, storm, 1):
            name = GIVEN_BACK if event["event"] in ("uncordoned", "up") else event["event"]
            found.setdefault(name, event["offset_seconds"])
    return found


def first_round(cell: StormCell) -> StormCell:
    """A cell as if its first round were its only one."""
    rounds = tuple(row for row in cell.rounds if row["round"] == 1)
    gaps = tuple(gap for gap in cell.gaps if (cell.storm, 1) in gap.cells)
    return replace(cell, planned=1, rounds=rounds, gaps=gaps)


def _bar(axes: Axes, position: int, cell: StormCell, course: dict[str, float], end: float) -> None:
    if cell.rounds:
        since, until = course.get("last record", 0.0), course.get("first record", end)
        colour = LOST if cell.lossy or cell.unread else KEPT
        axes.barh(position, max(0.0, until - since), left=since, height=0.7, color=colour)


def _steps(axes: Axes, position: int, course: dict[str, float], near: float) -> None:
    steps = {name: at for name, at in course.items() if name in MARKS and name != GIVEN_BACK}
    for spot in spots(steps, near):
        for number, name in enumerate(spot):
            _mark(axes, name, steps[name], position + (number - (len(spot) - 1) / 2) * BELOW)
    if GIVEN_BACK in course:
        _mark(axes, GIVEN_BACK, course[GIVEN_BACK], position)


def spots(steps: dict[str, float], near: float) -> list[list[str]]:
    """The steps in order of time, those that follow each other within `near` seconds together."""
    found: list[list[str]] = []
    last = -inf
    for name in sorted(steps, key=lambda name: (steps[name], list(MARKS).index(name))):
        if steps[name] - last > near:
            found.append([])
        found[-1].append(name)
        last = steps[name]
    return found


def _mark(axes: Axes, name: str, at: float, height: float) -> None:
    mark = MARKS[name]
    axes.plot(
        at,
        height,
        linestyle="",
        marker=mark.marker,
        color=mark.colour,
        ms=mark.size,
        clip_on=False,
    )


def _words(axes: Axes, position: int, cell: StormCell) -> None:
    words = [*parts(cell), *(gap_words(cell, gap) for gap in cell.gaps)]
    bad = cell.lossy or cell.unread or cell.gaps
    axes.annotate(
        " · ".join(words),
        (1.01, position),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=8,
        color=MISSING if bad else "#222222",
        style="italic" if cell.gaps else "normal",
    )
