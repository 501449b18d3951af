"""Figures of a class against a threshold: pass, fail or open, and which job decides."""

from collections.abc import Callable, Sequence
from enum import Enum

from reports.decision.figures import ClassFigure

FAR = 2.0  # times; of fewer volumes than an interval takes, only what lies so far off is decided


class Verdict(Enum):
    """What may be said of a figure and a threshold."""

    MET = "pass"
    NOT_MET = "fail"
    OPEN = "open"


# Of jobs whose figure has to be small, the first of these that one of them has is the class's.
GRAVEST = (Verdict.NOT_MET, Verdict.OPEN, Verdict.MET)


def decisive(
    figures: Sequence[ClassFigure],
    threshold: float,
    judge: Callable[[ClassFigure, float], Verdict],
) -> tuple[ClassFigure, Verdict] | None:
    """The figure by which a class meets a threshold or not, and whether; None of no figure.

    Of what is the better the more, the best job shows what the class can do. Of what is the better
    the less, each job has to meet the threshold by itself: one that fails decides, then one that is
    open; of several the slowest is named.
    """
    if not figures:
        return None
    if not figures[0].kind.less_is_better:
        best = max(figures, key=lambda figure: figure.value)
        return best, judge(best, threshold)
    judged = [(figure, judge(figure, threshold)) for figure in figures]
    return min(judged, key=lambda one: (GRAVEST.index(one[1]), -one[0].value))


def against(figure: ClassFigure, threshold: float) -> Verdict:
    """Pass where the whole interval satisfies the threshold, fail where none of it does.

    A figure that is in doubt, or of too few I/Os, never passes.
    """
    if figure.low is None or figure.high is None:
        return Verdict.OPEN
    return _judged(figure, (figure.low, figure.high), threshold)


def against_or_far(figure: ClassFigure, threshold: float) -> Verdict:
    """As `against`; of too few volumes for an interval, by whether all of them lie far off.

    Far is twice as good as the threshold asks, or twice as bad.
    """
    if not figure.of_few:
        return against(figure, threshold)
    return _judged(figure, (figure.volumes[0] / FAR, figure.volumes[-1] * FAR), threshold)


def _judged(figure: ClassFigure, bounds: tuple[float, float], threshold: float) -> Verdict:
    low, high = bounds
    if figure.kind.less_is_better:
        low, high = -high, -low
        threshold = -threshold
    if low >= threshold:
        return Verdict.OPEN if figure.why_open else Verdict.MET
    return Verdict.NOT_MET if high < threshold else Verdict.OPEN
