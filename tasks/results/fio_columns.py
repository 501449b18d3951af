"""The table `fio`: a row a cell, which is a job of a class in a round."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, TypedDict

from tasks.results.column import Row

READ = "a read's completion latency, as fio computed it"
WRITE = "a write's completion latency, as fio computed it"
SYNC = "an fsync's or fdatasync's latency, as fio computed it"
TRIM = "a trim's completion latency, as fio computed it"
MIXED = "an I/O's completion latency under unified_rw_reporting, as fio computed it"
HISTOGRAM = "histogram of the latency of"
UP_TO = "how many took so many ns, the middle of a bin, of which each power of two has 64"


class Key(NamedTuple):
    """Which cell a row is of, in the table `fio` and those of its seconds, and where that ran."""

    storage_class: str
    pvc: str
    job: str
    round: int | None
    repeat: int
    node: str | None = None
    pod: str | None = None

    @property
    def words(self) -> str:
        """Class, job, and the round, or the repeat on a volume that stays: for a sentence."""
        return f"{self.storage_class} {self.job} round {self.round or self.repeat}"


class OfCell(Row):
    """A row of a cell, or of a second of one."""

    __slots__ = ()

    @property
    def key(self) -> Key:
        """Which cell it is of."""
        return Key(*(getattr(self, name) for name in Key._fields))


class Bin(TypedDict):
    """One bin of a histogram."""

    ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FioRow(OfCell):
    """What one job of a class did in a round, or why that is not known."""

    storage_class: Annotated[str, "the class under test; NAME (control): measured again"]
    job: Annotated[str, "name of the job in the fio file"]
    round: Annotated[
        int | None,
        "1 … rounds of the plan, each on a new volume; null where one volume had all repeats",
    ]
    repeat: Annotated[int, "1 … on the same volume; since rounds are new ones, 1"]
    sequence: Annotated[int | None, "place in the order in which cells ran, from 1"] = None
    profile: Annotated[str, "kubestr, standard, quick, wal, sustained, or custom"]
    status: Annotated[Literal["measured", "failed"], "measured or failed"]
    error: Annotated[str | None, "why there is no figure, in fio's or Kubernetes' words"] = None
    warnings: Annotated[tuple[str, ...] | None, "what could make this figure wrong"] = None
    started_at: Annotated[datetime | None, "when fio started, by the node's clock"] = None
    node: Annotated[str | None, "node on which fio ran"] = None
    pod: Annotated[str | None, "pod in which fio ran"] = None
    pvc: Annotated[str, "PVC that fio ran on, as in the table volumes"]
    engine: Annotated[str | None, "fio's ioengine that ran: libaio, io_uring, psync, sync"] = None
    fio_version: Annotated[str | None, "version of the fio that ran"] = None
    rw: Annotated[str | None, "fio's rw: randread, write, randrw and so on"] = None
    block_size_bytes: Annotated[int | None, "size of one I/O"] = None
    io_depth: Annotated[int | None, "fio's iodepth: I/Os in flight"] = None
    num_jobs: Annotated[int | None, "fio's numjobs: processes of this job"] = None
    concurrent_jobs: Annotated[int | None, "jobs that ran at once; 1 is one alone"] = None
    direct: Annotated[bool | None, "O_DIRECT: past the node's page cache"] = None
    file_size_bytes: Annotated[int | None, "the working set that fio addressed"] = None
    node_memory_bytes: Annotated[int | None, "memory of the node"] = None
    ramp_seconds: Annotated[float | None, "run before the figures count"] = None
    runtime_seconds: Annotated[float | None, "how long the figures were taken"] = None
    iops: Annotated[float | None, "I/Os a second, reads and writes together"] = None
    bandwidth_bytes_per_second: Annotated[
        float | None, "bytes a second, reads and writes together"
    ] = None
    read_iops: Annotated[float | None, "reads a second; null if the job reads nothing"] = None
    write_iops: Annotated[float | None, "writes a second; null if it writes nothing"] = None
    read_bandwidth_bytes_per_second: Annotated[
        float | None, "bytes read a second; null if the job reads nothing"
    ] = None
    write_bandwidth_bytes_per_second: Annotated[
        float | None, "bytes written a second; null if it writes nothing"
    ] = None
    read_ios: Annotated[int | None, "reads that the figures are of"] = None
    read_stddev_iops: Annotated[
        float | None, "standard deviation of fio's samples of IOPS, one each half second"
    ] = None
    write_ios: Annotated[int | None, "writes that the figures are of"] = None
    write_stddev_iops: Annotated[
        float | None, "standard deviation of fio's samples of IOPS, one each half second"
    ] = None
    user_cpu_percent: Annotated[float | None, "of a CPU that fio spent in itself"] = None
    system_cpu_percent: Annotated[float | None, "of a CPU that its calls took"] = None
    device_busy_percent: Annotated[
        float | None, "of the time that the device behind the volume had I/O, where fio could tell"
    ] = None
    read_latency_mean_ns: Annotated[float | None, f"mean of {READ}"] = None
    read_latency_p50_ns: Annotated[float | None, f"median of {READ}"] = None
    read_latency_p95_ns: Annotated[float | None, f"95th percentile of {READ}"] = None
    read_latency_p99_ns: Annotated[float | None, f"99th percentile of {READ}"] = None
    read_latency_p99_9_ns: Annotated[float | None, f"99.9th percentile of {READ}"] = None
    read_latency_max_ns: Annotated[float | None, f"maximum of {READ}"] = None
    write_latency_mean_ns: Annotated[float | None, f"mean of {WRITE}"] = None
    write_latency_p50_ns: Annotated[float | None, f"median of {WRITE}"] = None
    write_latency_p95_ns: Annotated[float | None, f"95th percentile of {WRITE}"] = None
    write_latency_p99_ns: Annotated[float | None, f"99th percentile of {WRITE}"] = None
    write_latency_p99_9_ns: Annotated[float | None, f"99.9th percentile of {WRITE}"] = None
    write_latency_max_ns: Annotated[float | None, f"maximum of {WRITE}"] = None
    sync_latency_mean_ns: Annotated[float | None, f"mean of {SYNC}"] = None
    sync_latency_p50_ns: Annotated[float | None, f"median of {SYNC}"] = None
    sync_latency_p95_ns: Annotated[float | None, f"95th percentile of {SYNC}"] = None
    sync_latency_p99_ns: Annotated[float | None, f"99th percentile of {SYNC}"] = None
    sync_latency_p99_9_ns: Annotated[float | None, f"99.9th percentile of {SYNC}"] = None
    sync_latency_max_ns: Annotated[float | None, f"maximum of {SYNC}"] = None
    trim_iops: Annotated[float | None, "trims a second; null if there are none"] = None
    trim_bandwidth_bytes_per_second: Annotated[
        float | None, "bytes a second of trims; null if there are none"
    ] = None
    mixed_iops: Annotated[
        float | None, "reads and writes under unified_rw_reporting a second; null if there are none"
    ] = None
    mixed_bandwidth_bytes_per_second: Annotated[
        float | None,
        "bytes a second of reads and writes under unified_rw_reporting; null if there are none",
    ] = None
    trim_latency_mean_ns: Annotated[float | None, f"mean of {TRIM}"] = None
    trim_latency_p50_ns: Annotated[float | None, f"median of {TRIM}"] = None
    trim_latency_p95_ns: Annotated[float | None, f"95th percentile of {TRIM}"] = None
    trim_latency_p99_ns: Annotated[float | None, f"99th percentile of {TRIM}"] = None
    trim_latency_p99_9_ns: Annotated[float | None, f"99.9th percentile of {TRIM}"] = None
    trim_latency_max_ns: Annotated[float | None, f"maximum of {TRIM}"] = None
    mixed_latency_mean_ns: Annotated[float | None, f"mean of {MIXED}"] = None
    mixed_latency_p50_ns: Annotated[float | None, f"median of {MIXED}"] = None
    mixed_latency_p95_ns: Annotated[float | None, f"95th percentile of {MIXED}"] = None
    mixed_latency_p99_ns: Annotated[float | None, f"99th percentile of {MIXED}"] = None
    mixed_latency_p99_9_ns: Annotated[float | None, f"99.9th percentile of {MIXED}"] = None
    mixed_latency_max_ns: Annotated[float | None, f"maximum of {MIXED}"] = None
    read_latency_bins: Annotated[tuple[Bin, ...] | None, f"{HISTOGRAM} read: {UP_TO}"] = None
    write_latency_bins: Annotated[tuple[Bin, ...] | None, f"{HISTOGRAM} write: {UP_TO}"] = None
    sync_latency_bins: Annotated[tuple[Bin, ...] | None, f"{HISTOGRAM} sync: {UP_TO}"] = None
    trim_latency_bins: Annotated[tuple[Bin, ...] | None, f"{HISTOGRAM} trim: {UP_TO}"] = None
    mixed_latency_bins: Annotated[tuple[Bin, ...] | None, f"{HISTOGRAM} mixed: {UP_TO}"] = None
    latency_kind: Annotated[str | None, "clat, or lat where the job asks for that alone"] = None
    ignored_errors: Annotated[int | None, "I/O errors that continue_on_error went on after"] = None
    no_seconds: Annotated[
        str | None,
        "why the table fio_seconds has no rows of a cell that was measured; null where it has",
    ] = None
    steady: Annotated[
        bool | None,
        "whether fio ended the job because it was steady (its option steadystate), and not at its "
        "limit; null of a job without that option",
    ] = None
    steady_seconds: Annotated[float | None, "the last ones, by which that was judged"] = None
    steady_iops: Annotated[float | None, "I/Os a second in these; null if not steady"] = None
