"""A column of a table that a run leaves, and how a table follows from the rows of it."""

from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: TIME}
# What a number's name ends in.
UNITS = ("bytes_per_second", "seconds", "bytes", "ns", "iops", "percent")
# Follows the name of the reference where a run measures it a second time.
CONTROL = " (control)"


class Column(NamedTuple):
    """One column: its name ends in its unit, if it has one."""

    name: str
    type: pa.DataType
    unit: str
    text: str


RUN_ID = Column("run_id", pa.string(), "", "the run: UTC start time and six random hex digits")


class Row:
    """A row of a table: a frozen dataclass, whose fields that have a text are its columns.

    It lacks `run_id`, which is filled in where it is written.
    """

    __slots__ = ()

    def columns(self) -> dict[str, Any]:
        """The row's values by column."""
        return {name: getattr(self, name) for name in _texts(type(self))}


_TEXTS: dict[type[Row], dict[str, str]] = {}  # read once: every row that is written asks


def columns(kind: type[Row]) -> list[Column]:
    """The columns of the table whose rows are of a kind: type, unit and text by its fields."""
    types = get_type_hints(kind)
    return [RUN_ID, *(_column(name, types[name], text) for name, text in _texts(kind).items())]


def _texts(kind: type[Row]) -> dict[str, str]:
    """The text of each column, from the fields that are Annotated with one."""
    if kind not in _TEXTS:
        hints = get_type_hints(kind, include_extras=True).items()
        texts = {
            name: hint.__metadata__[0] for name, hint in hints if get_origin(hint) is Annotated
        }
        _TEXTS[kind] = texts
    return _TEXTS[kind]


def _column(name: str, kind: object, text: str) -> Column:
    of = arrow_type(kind)
    number = of in (pa.int64(), pa.float64())
    unit = next((one for one in UNITS if number and f"_{name}".endswith(f"_{one}")), "")
    return Column(name, of, unit, text)


def arrow_type(kind: object) -> pa.DataType:
    """The Arrow type of a field's type: a list of a tuple, a struct of what has fields itself.

    Any column may be null, so that None makes no difference.
    """
    if kind in TYPES:
        return TYPES[kind]
    if get_origin(kind) is Literal:
        return pa.string()
    parts = [part for part in get_args(kind) if part not in (NoneType, ...)]
    if get_origin(kind) is tuple:
        return pa.list_(arrow_type(parts[0]))
    if parts:
        return arrow_type(parts[0])
    return pa.struct([(name, arrow_type(of)) for name, of in get_type_hints(kind).items()])
