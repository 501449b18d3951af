"""A table follows from the rows of it: names, types, units and texts."""

from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import pyarrow as pa
import pytest

from tasks.results.checks import Check
from tasks.results.column import RUN_ID, TIME, Column, Row, columns
from tasks.results.store import read, write_table


class Part(NamedTuple):
    ns: int
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Row):
    name: Annotated[str, "a name"]
    kind: Annotated[Literal["a", "b"] | None, "a kind"] = None
    at: Annotated[datetime | None, "a time"] = None
    wait_seconds: Annotated[float | None, "a wait"] = None
    writes_per_second: Annotated[float, "a number without a unit"] = 0.0
    iops: Annotated[int, "a unit as a name"] = 0
    bytes: Annotated[str, "no number"] = ""
    parts: Annotated[tuple[Part, ...], "parts"] = ()
    aside: tuple[str, ...] = ()


def test_a_field_s_type_and_name_give_the_column() -> None:
    """One without a text is none; only a number has a unit."""
    part = pa.struct([("ns", pa.int64()), ("name", pa.string())])
    assert columns(Sample) == [
        RUN_ID,
        Column("name", pa.string(), "", "a name"),
        Column("kind", pa.string(), "", "a kind"),
        Column("at", TIME, "", "a time"),
        Column("wait_seconds", pa.float64(), "seconds", "a wait"),
        Column("writes_per_second", pa.float64(), "", "a number without a unit"),
        Column("iops", pa.int64(), "iops", "a unit as a name"),
        Column("bytes", pa.string(), "", "no number"),
        Column("parts", pa.list_(part), "", "parts"),
    ]
    assert "aside" not in Sample(name="a").columns()


def test_a_row_cannot_be_changed() -> None:
    """What is on disk is known by it."""
    with pytest.raises(FrozenInstanceError):
        Sample(name="a").name = "b"  # type: ignore[misc]


def test_a_row_and_a_mapping_are_written_alike(tmp_path: Path) -> None:
    """And another row is not."""
    started = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
    check = Check("quota", "fast", "warn", "little is left", without=("drain",))
    told = {"check": "quota", "object": "fast", "status": "warn", "seen": "little is left"}
    for run_id, row in (("a", check), ("b", told | {"advice": ""}), ("c", told)):
        write_table(str(tmp_path), "checks", run_id, started, [row])
    rows = [read(str(tmp_path), "checks", run_id).drop(["run_id"]) for run_id in "abc"]
    assert rows[0] == rows[1] != rows[2]
