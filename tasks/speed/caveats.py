"""What could make a measured figure wrong: said beside the figure, never left to be guessed."""

import re

from tasks.provision.filesystems import memory_backed
from tasks.results.fio_columns import FioRow
from tasks.results.run_columns import VolumeRow

# kbench's rule: a cache holds less than 25 s of what the volume can move.
CACHE_SECONDS = 25
# Faster than a network round trip and a device, faster than those and a flush.
NETWORK_READ_NS, NETWORK_SYNC_NS = 50e3, 200e3
# PVs whose data lies on the node.
ON_NODE = ("hostPath", "local")
# Keys of topology by which drivers of the node's own disks tie a PV to it.
OF_NODE = re.compile(r"(kubernetes\.io/hostname|/node|/hostname) In")
# fio's engines that return when the I/O is done: iodepth has no effect on them.
SYNCHRONOUS = ("sync", "psync", "vsync", "pvsync", "pvsync2", "mmap")
# Arrivals at times of chance (rate_process=poisson) miss their rate by some percent in 15 s.
RATE_SHARE = 0.9
DURABLE_OPTIONS = ("fsync", "fdatasync", "end_fsync", "sync")


def of_row(row: FioRow, options: dict[str, str], volume: VolumeRow) -> list[str]:
    """The warnings of one measured cell, from its row, its fio options and its volume's row.

    Words are the same for like cells, so that a report says each once.
    """
    found = []
    filesystem = volume.filesystem
    size, memory = row.file_size_bytes or 0, row.node_memory_bytes
    reads = (row.rw or "").split(":")[0] not in ("write", "randwrite")
    depth = row.io_depth or 1
    waits = any(options.get(option, "0") not in ("0", "none") for option in DURABLE_OPTIONS)
    if memory_backed(filesystem):
        found.append(f"the volume is {filesystem}: this measures RAM, not storage")
    if row.engine in SYNCHRONOUS and depth > 1:
        found.append(f"engine {row.engine} has one I/O in flight, not {depth}")
    if row.engine == "libaio" and not row.direct and depth > 1:
        found.append("libaio without direct=1 waits for each I/O: its queue is not kept full")
    if reads and not row.direct and memory is not None and size < memory:
        found.append(
            f"reads through the node's page cache, and its working set of {_size(size)} fits into "
            f"{_size(memory)} of memory"
        )
    moved = row.bandwidth_bytes_per_second or 0.0
    if reads and row.direct and not memory_backed(filesystem) and size < CACHE_SECONDS * moved:
        found.append(
            f"its working set is less than {CACHE_SECONDS} s of what was read and written: a cache "
            "on the way may hold it"
        )
    if _over_a_network(volume):
        found += _too_fast(row)
    if not reads and not row.direct and not waits:
        found.append("writes to the node's page cache and never waits for the volume")
    asked = sum(int(part) for part in options.get("rate_iops", "").split(",") if part.isdigit())
    if (row.iops or 0.0) < RATE_SHARE * asked:
        found.append("fewer I/Os a second came than the job asks for: it waited for the volume")
    if row.ignored_errors:
        found.append(f"{row.ignored_errors:,} I/O errors were gone on after (continue_on_error)")
    if row.latency_kind == "lat":
        found.append("latencies are lat, submission included, not clat: the job asks for those")
    return found


def _size(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"


def _over_a_network(volume: VolumeRow) -> bool:
    """Whether a volume's data surely lies elsewhere than on the node."""
    kind, affinity = volume.pv_type, volume.node_affinity or ""
    return kind is not None and kind not in ON_NODE and not OF_NODE.search(affinity)


def _too_fast(row: FioRow) -> list[str]:
    """What no volume that lies behind a network can do."""
    read, sync = row.read_latency_p50_ns, row.sync_latency_p50_ns
    found = []
    if row.direct and read is not None and read < NETWORK_READ_NS:
        found.append("half of its reads took less than 50 µs, as no network can: a cache answers")
    if sync is not None and sync < NETWORK_SYNC_NS:
        found.append(
            "half of its fsyncs took less than 200 µs, as no network and flush can: what they "
            "acknowledge may be in a cache that a power cut empties"
        )
    return found
