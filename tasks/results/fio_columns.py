"""The table `fio`: a row a cell, which is a job of a class in a round."""

import pyarrow as pa

from tasks.results.column import RUN_ID, TIME, Column

BINS = pa.list_(pa.struct([("ns", pa.int64()), ("count", pa.int64())]))


def _latency(direction: str, what: str) -> list[Column]:
    return [
        Column(
            f"{direction}_latency_{statistic}_ns",
            pa.float64(),
            "ns",
            f"{label} of {what}, as fio computed it",
        )
        for statistic, label in (
            ("mean", "mean"),
            ("p50", "median"),
            ("p95", "95th percentile"),
            ("p99", "99th percentile"),
            ("p99_9", "99.9th percentile"),
            ("max", "maximum"),
        )
    ]


FIO: list[Column] = [
    RUN_ID,
    Column(
        "storage_class", pa.string(), "", "the class under test; NAME (control): measured again"
    ),
    Column("job", pa.string(), "", "name of the job in the fio file"),
    Column(
        "round",
        pa.int64(),
        "",
        "1 … rounds of the plan, each on a new volume; null where one volume had all repeats",
    ),
    Column("repeat", pa.int64(), "", "1 … on the same volume; since rounds are new ones, 1"),
    Column("sequence", pa.int64(), "", "place in the order in which cells ran, from 1"),
    Column("profile", pa.string(), "", "kubestr, standard, quick, wal, or custom"),
    Column("status", pa.string(), "", "measured or failed"),
    Column("error", pa.string(), "", "why there is no figure, in fio's or Kubernetes' words"),
    Column("warnings", pa.list_(pa.string()), "", "what could make this figure wrong"),
    Column("started_at", TIME, "", "when fio started, by the node's clock"),
    Column("node", pa.string(), "", "node on which fio ran"),
    Column("pod", pa.string(), "", "pod in which fio ran"),
    Column("pvc", pa.string(), "", "PVC that fio ran on, as in the table volumes"),
    Column("engine", pa.string(), "", "fio's ioengine that ran: libaio, io_uring, psync, sync"),
    Column("fio_version", pa.string(), "", "version of the fio that ran"),
    Column("rw", pa.string(), "", "fio's rw: randread, write, randrw and so on"),
    Column("block_size_bytes", pa.int64(), "bytes", "size of one I/O"),
    Column("io_depth", pa.int64(), "", "fio's iodepth: I/Os in flight"),
    Column("num_jobs", pa.int64(), "", "fio's numjobs: processes of this job"),
    Column("concurrent_jobs", pa.int64(), "", "jobs that ran at once; 1 is one alone"),
    Column("direct", pa.bool_(), "", "O_DIRECT: past the node's page cache"),
    Column("file_size_bytes", pa.int64(), "bytes", "the working set that fio addressed"),
    Column("node_memory_bytes", pa.int64(), "bytes", "memory of the node"),
    Column("ramp_seconds", pa.float64(), "seconds", "run before the figures count"),
    Column("runtime_seconds", pa.float64(), "seconds", "how long the figures were taken"),
    Column("iops", pa.float64(), "iops", "I/Os a second, reads and writes together"),
    Column(
        "bandwidth_bytes_per_second",
        pa.float64(),
        "bytes_per_second",
        "bytes a second, reads and writes together",
    ),
    Column("read_iops", pa.float64(), "iops", "reads a second; null if the job reads nothing"),
    Column("write_iops", pa.float64(), "iops", "writes a second; null if it writes nothing"),
    Column(
        "read_bandwidth_bytes_per_second",
        pa.float64(),
        "bytes_per_second",
        "bytes read a second; null if the job reads nothing",
    ),
    Column(
        "write_bandwidth_bytes_per_second",
        pa.float64(),
        "bytes_per_second",
        "bytes written a second; null if it writes nothing",
    ),
    *(
        Column(f"{direction}_{column}", kind, unit, text)
        for direction in ("read", "write")
        for column, kind, unit, text in (
            ("ios", pa.int64(), "", f"{direction}s that the figures are of"),
            (
                "stddev_iops",
                pa.float64(),
                "iops",
                "standard deviation of fio's samples of IOPS, one each half second",
            ),
        )
    ),
    Column("user_cpu_percent", pa.float64(), "percent", "of a CPU that fio spent in itself"),
    Column("system_cpu_percent", pa.float64(), "percent", "of a CPU that its calls took"),
    Column(
        "device_busy_percent",
        pa.float64(),
        "percent",
        "of the time that the device behind the volume had I/O, where fio could tell",
    ),
    *_latency("read", "a read's completion latency"),
    *_latency("write", "a write's completion latency"),
    *_latency("sync", "an fsync's or fdatasync's latency"),
    *(
        Column(f"{name}_{column}", pa.float64(), unit, f"{text}; null if there are none")
        for name, what in (
            ("trim", "trims"),
            ("mixed", "reads and writes under unified_rw_reporting"),
        )
        for column, unit, text in (
            ("iops", "iops", f"{what} a second"),
            (
                "bandwidth_bytes_per_second",
                "bytes_per_second",
                f"bytes a second of {what}",
            ),
        )
    ),
    *_latency("trim", "a trim's completion latency"),
    *_latency("mixed", "an I/O's completion latency under unified_rw_reporting"),
    *(
        Column(
            f"{direction}_latency_bins",
            BINS,
            "",
            f"histogram of the latency of {direction}: how many took up to so many ns",
        )
        for direction in ("read", "write", "sync", "trim", "mixed")
    ),
    Column("latency_kind", pa.string(), "", "clat, or lat where the job asks for that alone"),
    Column("ignored_errors", pa.int64(), "", "I/O errors that continue_on_error went on after"),
    Column(
        "no_seconds",
        pa.string(),
        "",
        "why the table fio_seconds has no rows of a cell that was measured; null where it has",
    ),
]
