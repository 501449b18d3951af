"""The storms as charts: on each volume the time without writes, and the steps that ended it."""

from collections.abc import Iterator
from typing import Any

from reports.data.load import Run
from reports.html.chart import Chart, Sign, columns, drawing
from reports.storms.chart import course, first_round
from reports.storms.survival import Survival
from reports.storms.words import gap_words, parts

LINE = 30  # pixels
BAR = "M-1,-.8H1V.8H-1Z"
# Of the steps, those that are drawn between them: the fault is 0, a wait is no step.
UNMARKED = ("fault", "last record", "pending", "not evicted")


def legend(charts: list[Chart]) -> list[Sign]:
    """What the bars and marks are, as they are drawn; without steps that no chart has."""
    bars, steps = (layer["encoding"] for layer in drawing("timelines")["layer"][:2])
    fates, shapes = bars["color"]["scale"], steps["shape"]["scale"]
    seen = {row["step"] for chart in charts for row in chart.rows}
    return [
        *(Sign(BAR, colour, f"no writes; {name}") for name, colour in _pairs(fates)),
        *(Sign(path, "currentColor", name) for name, path in _pairs(shapes) if name in seen),
    ]


def _pairs(scale: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    return zip(scale["domain"], scale["range"], strict=True)


def timelines(run: Run, survival: Survival) -> list[Chart]:
    """A panel for each storm: its first round on every volume."""
    return [_timeline(run, survival, storm) for storm in survival.storms]


def _timeline(run: Run, survival: Survival, storm: str) -> Chart:
    classes = {row["volume"]: row["storage_class"] for row in run.storms}
    rows: list[dict[str, Any]] = []
    told = []
    steps = {volume: course(run, volume, storm) for volume in survival.volumes}
    end = max((at for one in steps.values() for at in one.values()), default=0.0) or 1.0
    for volume in survival.volumes:
        cell = first_round(survival.cells[volume, storm])
        words = " · ".join([*parts(cell), *(gap_words(cell, gap) for gap in cell.gaps)])
        told.append(f"{volume}: {words}")
        of_all = {"class": classes.get(volume) or volume, "volume": volume, "words": words}
        since = steps[volume].get("last record", 0.0)
        until = max(since, steps[volume].get("first record", end))
        fate = "records lost or not read back" if cell.lossy or cell.unread else "records kept"
        if cell.rounds:
            rows.append(of_all | {"since": since, "until": until, "step": None, "fate": fate})
        else:
            rows.append(of_all | {"since": None, "until": None, "step": None, "fate": None})
        rows += [
            of_all | {"since": at, "until": None, "step": step, "fate": None}
            for step, at in steps[volume].items()
            if step not in UNMARKED
        ]
    height = LINE * len(survival.volumes)
    return Chart("timelines", storm, "; ".join(told) + ".", height, columns(rows))
