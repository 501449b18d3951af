"""What charts have in common: their style, and their text as SVG."""

from io import StringIO
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text: small, searchable, in the reader's font
    "svg.hashsalt": "stormark",  # the same figures give the same bytes
    "text.parse_math": False,  # a dollar sign in an error is a dollar sign
}
LONGEST_NAME = 24


def svg(figure: Figure) -> str:
    """The figure as SVG text: without a date, so that the same figures give the same bytes."""
    text = StringIO()
    # not by savefig, which draws all of it twice
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": "stormark"})
    return text.getvalue()


def short(name: str) -> str:
    """A name that fits beside an axis."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
