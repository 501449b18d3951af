"""The table `fio_seconds`: what fio did in each second of a cell."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from tasks.results.fio_columns import OfCell


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOfCell(OfCell):
    """The first columns of each table of seconds."""

    storage_class: Annotated[str, "as in the table fio"]
    pvc: Annotated[str, "as in the table fio"]
    node: Annotated[str | None, "as in the table fio"]
    pod: Annotated[str | None, "as in the table fio"]
    job: Annotated[str, "as in the table fio"]
    round: Annotated[int | None, "as in the table fio"]
    repeat: Annotated[int, "as in the table fio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondRow(SecondOfCell):
    """What a job did in a second, in one direction."""

    job: Annotated[str, "as in the table fio; of all its processes together"]
    direction: Annotated[str, "read, write or trim: those that the job did anything in"]
    second: Annotated[int, "0 … from the job's begin, its ramp included"]
    at: Annotated[
        datetime,
        "begin of that second by the node's clock; a job may be off by a tenth of a second, as a "
        "whole",
    ]
    ramp: Annotated[bool, "before the job's figures count"]
    iops: Annotated[
        float | None,
        "I/Os that were completed, a second; 0 where none was; null in the ramp, of which fio "
        "says nothing, and in a job's last second where fio's figures leave open what it was",
    ] = None
    bytes: Annotated[int | None, "bytes of these; null as those"] = None
    mean_latency_seconds: Annotated[
        float | None,
        "mean latency (clat) of those, by fio's histogram within 2 %; null where none was, in a "
        "job's last second, and where the job takes no time",
    ] = None
    max_latency_seconds: Annotated[
        float | None,
        "the longest of these, by the same: up to 3 % more than it was; null as that, and in runs"
        " of more than an hour, whose mean is exact",
    ] = None
