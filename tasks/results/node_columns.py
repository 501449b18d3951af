"""The table `node_seconds`: what the node did in each second of a cell."""

import pyarrow as pa

from tasks.results.column import RUN_ID, TIME, Column

NODE_SECONDS: list[Column] = [
    RUN_ID,
    Column("storage_class", pa.string(), "", "as in the table fio"),
    Column("pvc", pa.string(), "", "as in the table fio"),
    Column("node", pa.string(), "", "as in the table fio"),
    Column("pod", pa.string(), "", "as in the table fio"),
    Column(
        "job",
        pa.string(),
        "",
        "as in the table fio; jobs that ran at once have the same figures, of all of them",
    ),
    Column("round", pa.int64(), "", "as in the table fio"),
    Column("repeat", pa.int64(), "", "as in the table fio"),
    Column("volume", pa.string(), "", "as in the table storms; null of a cell of fio"),
    Column("storm", pa.string(), "", "as in the table storms; null of a cell of fio"),
    Column("second", pa.int64(), "", "as in the table fio_seconds: the same seconds"),
    Column("at", TIME, "", "as in the table fio_seconds"),
    Column("ramp", pa.bool_(), "", "as in the table fio_seconds"),
    Column(
        "device",
        pa.string(),
        "",
        "the block device that the volume lies on; of NFS the server and its export",
    ),
    Column("no_device", pa.string(), "", "why nothing counts the volume's I/O; null where it is"),
    Column(
        "below",
        pa.string(),
        "",
        "the lowest device under that one that the pod can see; null where it is the lowest",
    ),
    Column("read_iops", pa.float64(), "iops", "reads that the device completed, a second"),
    Column("write_iops", pa.float64(), "iops", "writes that it completed, a second"),
    Column("flush_iops", pa.float64(), "iops", "flushes of its cache, a second"),
    Column(
        "read_bytes", pa.int64(), "bytes", "bytes of these reads, a second; of NFS from the server"
    ),
    Column(
        "write_bytes", pa.int64(), "bytes", "bytes of these writes, a second; of NFS to the server"
    ),
    Column("read_wait_seconds", pa.float64(), "seconds", "mean time of a read in it; null of none"),
    Column("write_wait_seconds", pa.float64(), "seconds", "mean time of a write; null of none"),
    Column("queue_length", pa.float64(), "", "mean number of I/Os in it"),
    Column("busy_percent", pa.float64(), "percent", "of the second with any I/O in it"),
    Column("below_read_bytes", pa.int64(), "bytes", "bytes that the device `below` read, a second"),
    Column("below_write_bytes", pa.int64(), "bytes", "bytes that it wrote, a second"),
    Column(
        "own_read_bytes",
        pa.int64(),
        "bytes",
        "of the bytes a second that the lowest device read, the fio container's own, by its "
        "cgroup; null where that does not count them",
    ),
    Column("own_write_bytes", pa.int64(), "bytes", "of those that it wrote, likewise"),
    *(
        Column(f"cpu_{state}_percent", pa.float64(), "percent", f"of all CPUs' time: {text}")
        for state, text in (
            ("user", "in programs"),
            ("system", "in the kernel, interrupts included"),
            ("iowait", "idle, while something waited for I/O"),
            ("steal", "taken by the hypervisor"),
            ("idle", "idle, else"),
        )
    ),
    Column("memory_available_bytes", pa.int64(), "bytes", "memory that programs could have"),
    Column("dirty_bytes", pa.int64(), "bytes", "written, and not yet on its way to a device"),
    Column("writeback_bytes", pa.int64(), "bytes", "on its way to a device"),
    *(
        Column(
            f"{what}_pressure_{share}_percent",
            pa.float64(),
            "percent",
            f"of the second in which {who} waited for {name} (/proc/pressure)",
        )
        for what, name in (("io", "I/O"), ("cpu", "a CPU"), ("memory", "memory"))
        for share, who in (("some", "some task"), ("full", "all tasks"))
        if (what, share) != ("cpu", "full")  # the kernel has none of a node
    ),
    Column(
        "sampling_cpu_percent",
        pa.float64(),
        "percent",
        "of one core that counting all this took, over the whole turn",
    ),
]
