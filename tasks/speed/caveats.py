"""What could make a measured figure wrong: said beside the figure, never left to be guessed."""

from typing import Any

from tasks.provision.filesystems import memory_backed

# Filesystems whose server, or whose process on the node, may answer from a cache of its own.
REMOTE_FILESYSTEMS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "9p",
    "virtiofs",
    "glusterfs",
    "lustre",
)
# fio's engines that return when the I/O is done: iodepth has no effect on them.
SYNCHRONOUS = ("sync", "psync", "vsync", "pvsync", "pvsync2", "mmap")
# Arrivals at times of chance (rate_process=poisson) miss their rate by some percent in 15 s.
RATE_SHARE = 0.9
DURABLE_OPTIONS = ("fsync", "fdatasync", "end_fsync", "sync")


def of_row(row: dict[str, Any], options: dict[str, str], filesystem: str | None) -> list[str]:
    """The warnings of one measured cell, from its row, its fio options and its filesystem."""
    found = []
    size, memory = row["file_size_bytes"], row.get("node_memory_bytes")
    reads = row["rw"].split(":")[0] not in ("write", "randwrite")
    cacheable = reads and memory is not None and size < memory
    in_memory = f"its working set of {_size(size)} fits into {_size(memory)} of memory"
    depth = row["io_depth"] or 1
    waits = any(options.get(option, "0") not in ("0", "none") for option in DURABLE_OPTIONS)
    if memory_backed(filesystem):
        found.append(f"the volume is {filesystem}: this measures RAM, not storage")
    if row["engine"] in SYNCHRONOUS and depth > 1:
        found.append(f"engine {row['engine']} has one I/O in flight, not {depth}")
    if row["engine"] == "libaio" and not row["direct"] and depth > 1:
        found.append("libaio without direct=1 waits for each I/O: its queue is not kept full")
    if cacheable and not row["direct"]:
        found.append(f"reads through the node's page cache, and {in_memory}")
    if cacheable and row["direct"] and _remote(filesystem):
        found.append(f"the server behind {filesystem} may answer from its cache: {in_memory}")
    if not reads and not row["direct"] and not waits:
        found.append("writes to the node's page cache and never waits for the volume")
    asked = sum(int(part) for part in options.get("rate_iops", "").split(",") if part.isdigit())
    if asked and row["iops"] < RATE_SHARE * asked:
        found.append(
            f"{row['iops']:,.0f} of the {asked:,} I/Os a second that the job asks for came"
        )
    if row.get("ignored_errors"):
        found.append(f"{row['ignored_errors']:,} I/O errors were gone on after (continue_on_error)")
    if row.get("latency_kind") == "lat":
        found.append("latencies are lat, submission included, not clat: the job asks for those")
    return found


def _size(size: int | None) -> str:
    return f"{(size or 0) / 2**30:,.1f} GiB"


def _remote(filesystem: str | None) -> bool:
    return filesystem is not None and (
        filesystem in REMOTE_FILESYSTEMS or filesystem.startswith("fuse")
    )
