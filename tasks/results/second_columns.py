"""The tables of seconds: what fio did, and what its node saw meanwhile."""

import pyarrow as pa

from tasks.results.column import RUN_ID, TIME, Column

FIO_SECONDS: list[Column] = [
    RUN_ID,
    Column("storage_class", pa.string(), "", "as in the table fio"),
    Column("pvc", pa.string(), "", "as in the table fio"),
    Column("node", pa.string(), "", "as in the table fio"),
    Column("pod", pa.string(), "", "as in the table fio"),
    Column("job", pa.string(), "", "as in the table fio; of all its processes together"),
    Column("round", pa.int64(), "", "as in the table fio"),
    Column("repeat", pa.int64(), "", "as in the table fio"),
    Column("direction", pa.string(), "", "read, write or trim: those that the job did anything in"),
    Column("second", pa.int64(), "", "0 … from the job's begin, its ramp included"),
    Column(
        "at",
        TIME,
        "",
        "begin of that second by the node's clock; a job may be off by a tenth of a second, as a "
        "whole",
    ),
    Column("ramp", pa.bool_(), "", "before the job's figures count"),
    Column(
        "iops",
        pa.float64(),
        "iops",
        "I/Os that were completed, a second; 0 where none was; null in the ramp, of which fio says "
        "nothing",
    ),
    Column("bytes", pa.int64(), "bytes", "bytes of these; null in the ramp"),
    Column(
        "mean_latency_seconds",
        pa.float64(),
        "seconds",
        "mean latency (clat) of those, by fio's histogram within 2 %; null where none was, in a "
        "job's last second, and where the job takes no time",
    ),
    Column(
        "max_latency_seconds",
        pa.float64(),
        "seconds",
        "the longest of these, by the same: up to 3 % more than it was; null as that, and in "
        "runs of more than an hour, whose mean is exact",
    ),
]
