"""The table `node_seconds`: what the node did in each second of a cell."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from tasks.results.second_columns import SecondOfCell


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSecondRow(SecondOfCell):
    """What the node did in a second of a job, whichever directions that had."""

    job: Annotated[
        str, "as in the table fio; jobs that ran at once have the same figures, of all of them"
    ]
    volume: Annotated[str | None, "as in the table storms; null of a cell of fio"] = None
    storm: Annotated[str | None, "as in the table storms; null of a cell of fio"] = None
    second: Annotated[int, "as in the table fio_seconds: the same seconds"]
    at: Annotated[datetime, "as in the table fio_seconds"]
    ramp: Annotated[bool, "as in the table fio_seconds"]
    device: Annotated[
        str | None, "the block device that the volume lies on; of NFS the server and its export"
    ] = None
    no_device: Annotated[str | None, "why nothing counts the volume's I/O; null where it is"] = None
    below: Annotated[
        str | None,
        "the lowest device under that one that the pod can see; null where it is the lowest",
    ] = None
    read_iops: Annotated[float | None, "reads that the device completed, a second"] = None
    write_iops: Annotated[float | None, "writes that it completed, a second"] = None
    flush_iops: Annotated[float | None, "flushes of its cache, a second"] = None
    read_bytes: Annotated[int | None, "bytes of these reads, a second; of NFS from the server"] = (
        None
    )
    write_bytes: Annotated[int | None, "bytes of these writes, a second; of NFS to the server"] = (
        None
    )
    read_wait_seconds: Annotated[float | None, "mean time of a read in it; null of none"] = None
    write_wait_seconds: Annotated[float | None, "mean time of a write; null of none"] = None
    queue_length: Annotated[float | None, "mean number of I/Os in it"] = None
    busy_percent: Annotated[float | None, "of the second with any I/O in it"] = None
    below_read_bytes: Annotated[int | None, "bytes that the device `below` read, a second"] = None
    below_write_bytes: Annotated[int | None, "bytes that it wrote, a second"] = None
    own_read_bytes: Annotated[
        int | None,
        "of the bytes a second that the lowest device read, the fio container's own, by its "
        "cgroup; null where that does not count them",
    ] = None
    own_write_bytes: Annotated[int | None, "of those that it wrote, likewise"] = None
    cpu_user_percent: Annotated[float | None, "of all CPUs' time: in programs"] = None
    cpu_system_percent: Annotated[
        float | None, "of all CPUs' time: in the kernel, interrupts included"
    ] = None
    cpu_iowait_percent: Annotated[
        float | None, "of all CPUs' time: idle, while something waited for I/O"
    ] = None
    cpu_steal_percent: Annotated[float | None, "of all CPUs' time: taken by the hypervisor"] = None
    cpu_idle_percent: Annotated[float | None, "of all CPUs' time: idle, else"] = None
    memory_available_bytes: Annotated[int | None, "memory that programs could have"] = None
    dirty_bytes: Annotated[int | None, "written, and not yet on its way to a device"] = None
    writeback_bytes: Annotated[int | None, "on its way to a device"] = None
    io_pressure_some_percent: Annotated[
        float | None, "of the second in which some task waited for I/O (/proc/pressure)"
    ] = None
    io_pressure_full_percent: Annotated[
        float | None, "of the second in which all tasks waited for I/O (/proc/pressure)"
    ] = None
    cpu_pressure_some_percent: Annotated[
        float | None, "of the second in which some task waited for a CPU (/proc/pressure)"
    ] = None
    memory_pressure_some_percent: Annotated[
        float | None, "of the second in which some task waited for memory (/proc/pressure)"
    ] = None
    memory_pressure_full_percent: Annotated[
        float | None, "of the second in which all tasks waited for memory (/proc/pressure)"
    ] = None
    sampling_cpu_percent: Annotated[
        float | None, "of one core that counting all this took, over the whole turn"
    ] = None
