"""Figures of a class against a threshold: pass, fail or open, and which job decides."""

from collections.abc import Sequence
from enum import Enum

from scipy.special import betaincinv

from reports.data.percentiles import beyond
from reports.decision.figures import CONFIDENCE, ClassFigure


class Verdict(Enum):
    """What may be said of a figure and a threshold."""

    MET = "pass"
    NOT_MET = "fail"
    OPEN = "open"


# Of jobs whose figure has to be small, the first of these that one of them has is the class's.
GRAVEST = (Verdict.NOT_MET, Verdict.OPEN, Verdict.MET)


def decisive(
    figures: Sequence[ClassFigure], threshold: float
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
        return best, against(best, threshold)
    judged = [(figure, against(figure, threshold)) for figure in figures]
    return min(judged, key=lambda one: (GRAVEST.index(one[1]), -one[0].value))


def against(figure: ClassFigure, threshold: float) -> Verdict:
    """Pass where the whole interval satisfies the threshold, fail where none of it does.

    A percentile also needs the count of its I/Os to say so. A figure in doubt never passes.
    """
    found = _by_volumes(figure, threshold)
    if figure.histograms:
        if found is not _by_count(figure, threshold):
            return Verdict.OPEN
    elif figure.too_few:
        return Verdict.OPEN
    return Verdict.OPEN if found is Verdict.MET and figure.doubt else found


def took_longer(figure: ClassFigure, threshold: float) -> str:
    """`3 of 3,135 I/Os took longer`, of a percentile that is not printed; empty of any other."""
    if figure.too_few is None:
        return ""
    if not figure.histograms:
        return f"too few I/Os ({figure.too_few.seen:,} of {figure.too_few.needed:,})"
    slow = sum(beyond(one, threshold * figure.kind.per_unit)[1] for one in figure.histograms)
    said = f"{slow:,} of {figure.too_few.seen:,} I/Os took longer"
    if figure.of_few:
        return said
    apart = _by_volumes(figure, threshold) is Verdict.OPEN
    return f"{said}, volumes too far apart" if apart else said


def _by_volumes(figure: ClassFigure, threshold: float) -> Verdict:
    """By the whole interval of the volumes; of too few of them for one it is open."""
    if figure.low is None or figure.high is None:
        return Verdict.OPEN
    if figure.kind.less_is_better:
        met, missed = figure.high <= threshold, figure.low > threshold
    else:
        met, missed = figure.low >= threshold, figure.high < threshold
    return Verdict.MET if met else Verdict.NOT_MET if missed else Verdict.OPEN


def _by_count(figure: ClassFigure, threshold: float) -> Verdict:
    """Whether more I/Os took longer than the threshold than the percentile leaves beyond it.

    All volumes' I/Os together decide, by the 95 % interval of Clopper and Pearson, for which each
    is a draw of its own. Of one volume they are not: a stall delays a hundred at once. So each
    volume's share has to lie on the same side, too. An I/O in the bin that holds the threshold
    counts against what would be said.
    """
    tail = figure.tail
    sizes = [sum(one.values()) for one in figure.histograms]
    counts = [beyond(one, threshold * figure.kind.per_unit) for one in figure.histograms]
    surely, maybe = [least for least, _ in counts], [most for _, most in counts]
    if _share(sum(maybe), sum(sizes))[1] <= tail and _all_below(maybe, sizes, tail):
        return Verdict.MET
    quick = [size - slow for size, slow in zip(sizes, surely, strict=True)]
    if _share(sum(surely), sum(sizes))[0] > tail and _all_below(quick, sizes, 1 - tail):
        return Verdict.NOT_MET
    return Verdict.OPEN


def _all_below(counts: Sequence[int], sizes: Sequence[int], share: float) -> bool:
    return all(count <= share * size for count, size in zip(counts, sizes, strict=True))


def _share(count: int, size: int) -> tuple[float, float]:
    """Clopper's and Pearson's 95 % interval of a share (Biometrika 26(4), 1934)."""
    level = (1 - CONFIDENCE) / 2
    low = betaincinv(count, size - count + 1, level) if count else 0.0
    high = betaincinv(count + 1, size - count, 1 - level) if count < size else 1.0
    return float(low), float(high)
