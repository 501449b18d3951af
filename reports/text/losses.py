"""What storms lost of what was acknowledged, in words."""

from collections.abc import Iterable

from reports.data.load import Row

# The gravest loss alone is said; the table of rounds has them all.
LOSSES = {"lost_records": "record", "pages_lost": "page"}
COLD = "what had been written long before"


def lost(rows: Iterable[Row]) -> str:
    """What rows of storms lost together: `1 record`, `1,430 records`; pages where no record was.

    Where neither was, what is cold, if that was damaged: no number counts it.
    """
    rows = list(rows)
    counts = {name: sum(row[column] or 0 for row in rows) for column, name in LOSSES.items()}
    name, count = next((item for item in counts.items() if item[1]), ("record", 0))
    if not count and any(row["cold_damaged"] for row in rows):
        return COLD
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def verb(rows: Iterable[Row]) -> str:
    """What happened to what `lost` says of rows: it was damaged, or lost."""
    return "damaged" if lost(rows) == COLD else "lost"
