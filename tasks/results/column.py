"""A column of a table that a run leaves, and what several tables share."""

from typing import NamedTuple

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")


class Column(NamedTuple):
    """One column: its name ends in its unit, if it has one."""

    name: str
    type: pa.DataType
    unit: str
    text: str


# Follows the name of the reference where a run measures it a second time.
CONTROL = " (control)"
RUN_ID = Column("run_id", pa.string(), "", "the run: UTC start time and six random hex digits")
