"""What a figure may owe to something else than the storage: memory, a cache, a missing network.

All of it makes a class look faster than it is. So no doubt takes away that a class does not fit.
"""

import re
from collections.abc import Iterable, Sequence

from reports.data.load import Row, Run, without_wire

# How a warning of tasks/speed/caveats.py begins to say it, and the doubt in few words. A working
# set that a cache may hold is none of them: it is marked, as any other warning is.
OF_ROW = {
    r"this measures RAM": "it measures RAM",
    r"page cache": "it measures the page cache",
    r"as no network can: a cache answers": "a cache answers",
    r"as no network and flush can": "a cache may acknowledge",
}
NO_WIRE = "no network in its path"


def doubt(run: Run, name: str, rows: Sequence[Row]) -> str:
    """Why a class's figure of these rows may not be the storage's; empty where nothing says so."""
    said = warnings(rows)
    for pattern, words in OF_ROW.items():
        if any(re.search(pattern, text) for text in said):
            return words
    wires = (one for one in run.classes if one["storage_class"] == name)
    return NO_WIRE if any(map(without_wire, wires)) else ""


def warnings(rows: Iterable[Row]) -> list[str]:
    """The warnings of some rows, each once."""
    return list(dict.fromkeys(text for row in rows for text in row.get("warnings") or []))
