"""The charts' library as JavaScript: Vega, in one text that a page can hold."""

import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = "vl-convert-python"


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed, about 0.9 MB; kept, since bundling them takes seconds."""
    kept = _folder() / f"vega-{version(PACKAGE)}.js"
    try:
        return kept.read_text()
    except OSError:
        text = _bundled()
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_text(text)
        unfinished.replace(kept)
    except OSError:  # a home that cannot be written costs the seconds again, and nothing else
        return text
    return text


def _bundled() -> str:
    import vl_convert

    # the second is what within an HTML page would end the script
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed").replace(
        "</script", r"<\/script"
    )


def _folder() -> Path:
    """Where a user's programs keep what they can make again (XDG Base Directory)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "stormark"
