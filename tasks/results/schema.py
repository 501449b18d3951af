"""The tables that a run leaves: every column with its type, its unit and its meaning.

A column is only ever added: an old file lacks it and reads as null. A change of meaning gets a new
name. `SCHEMA_VERSION` counts such changes and stands in each file's metadata.
"""

import pyarrow as pa

from tasks.results.checks import Check
from tasks.results.column import Column, Row, columns
from tasks.results.fio_columns import FioRow
from tasks.results.node_columns import NodeSecondRow
from tasks.results.run_columns import ClassRow, RunRow, VolumeRow
from tasks.results.second_columns import SecondRow
from tasks.results.storm_columns import EventRow, StormRow

SCHEMA_VERSION = "1"
# Which rows a table has.
ROWS: dict[str, type[Row]] = {
    "runs": RunRow,
    "checks": Check,
    "classes": ClassRow,
    "volumes": VolumeRow,
    "fio": FioRow,
    "fio_seconds": SecondRow,
    "node_seconds": NodeSecondRow,
    "storms": StormRow,
    "storm_events": EventRow,
}
TABLES: dict[str, list[Column]] = {name: columns(kind) for name, kind in ROWS.items()}


def schema(table: str) -> pa.Schema:
    """The table's schema; unit and description are in each field's metadata."""
    fields = [
        pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.text})
        for c in TABLES[table]
    ]
    return pa.schema(fields, metadata={"stormark.schema_version": SCHEMA_VERSION})
