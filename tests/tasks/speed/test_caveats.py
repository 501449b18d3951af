"""Warnings beside figures: which are given, and that a clean cell has none."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.provision.filesystems import memory_backed
from tasks.results.run_columns import VolumeRow
from tasks.speed.caveats import of_row
from tests.tasks.sample import CELL

CLEAN = replace(
    CELL,
    rw="randread",
    engine="libaio",
    io_depth=64,
    direct=True,
    file_size_bytes=2**32,
    node_memory_bytes=2**34,
    bandwidth_bytes_per_second=1e8,
    iops=25000.0,
)

BUFFERED: dict[str, Any] = {"direct": False, "io_depth": 1}


def on(**columns: Any) -> VolumeRow:
    """The row of a volume that says this of itself."""
    return VolumeRow(storage_class="fast", round=1, pvc="a-pvc", **columns)


def found(options: dict[str, str] | None = None, filesystem: str = "ext4", **row: Any) -> list[str]:
    return of_row(replace(CLEAN, **row), options or {}, on(filesystem=filesystem))


def test_direct_reads_of_a_disk_have_no_caveat() -> None:
    """O_DIRECT goes past the node's cache, however small the file is."""
    assert found() == []


def test_a_block_device_has_no_filesystem_to_warn_of() -> None:
    """No filesystem is seen in the pod."""
    assert of_row(CLEAN, {}, on(filesystem=None)) == []


@pytest.mark.parametrize("filesystem", ["tmpfs", "ramfs"])
def test_a_filesystem_in_memory_measures_ram(filesystem: str) -> None:
    """The warning names the filesystem."""
    assert found(filesystem=filesystem) == [
        f"the volume is {filesystem}: this measures RAM, not storage"
    ]
    assert memory_backed(filesystem)
    assert not memory_backed("xfs")
    assert not memory_backed(None)


@pytest.mark.parametrize("engine", ["psync", "sync", "pvsync", "pvsync2", "vsync", "mmap"])
def test_a_synchronous_engine_has_one_io_in_flight(engine: str) -> None:
    """fio accepts any iodepth for it and does not use it."""
    assert found(engine=engine) == [f"engine {engine} has one I/O in flight, not 64"]
    assert found(engine=engine, io_depth=1) == found(engine=engine, io_depth=None) == []


def test_libaio_is_no_queue_where_it_is_not_direct() -> None:
    """io_submit waits for buffered I/O, so one is in flight at a time."""
    assert "libaio without direct=1 waits for each I/O: its queue is not kept full" in found(
        direct=False
    )
    assert found(direct=False, engine="io_uring", node_memory_bytes=None) == []


@pytest.mark.parametrize("rw", ["read", "randread", "randrw", "rw", "randread:8"])
def test_buffered_reads_of_less_than_memory_may_come_from_the_page_cache(rw: str) -> None:
    """With both sizes; whatever reads is meant."""
    (words,) = found(rw=rw, **BUFFERED)
    assert words.startswith("reads through the node's page cache, and its working set of 4.0 GiB")
    assert "fits into 16.0 GiB of memory" in words


def test_reads_of_more_than_memory_are_not_suspected() -> None:
    """Nor are those of a node whose memory is not known."""
    assert found(**BUFFERED, node_memory_bytes=2**31) == []
    assert found(**BUFFERED, node_memory_bytes=None) == []


@pytest.mark.parametrize("filesystem", ["nfs4", "ext4", "zfs", "fuse.glusterfs"])
def test_what_is_moved_within_25_s_may_come_from_a_cache(filesystem: str) -> None:
    """Decided by what was measured, and not by a list of names; no write is answered from one."""
    (words,) = found(filesystem=filesystem, bandwidth_bytes_per_second=2**32 / 24)
    assert words.startswith(
        "its working set is less than 25 s of what was read and written: a cache"
    )
    assert found(filesystem=filesystem, bandwidth_bytes_per_second=2**32 / 26) == []
    fast = 2**32 / 24
    assert found(filesystem=filesystem, rw="randwrite", bandwidth_bytes_per_second=fast) == []


NETWORK = {"pv_type": "csi (ebs.csi.aws.com)", "node_affinity": "topology.kubernetes.io/zone In a"}
AT_THE_NODE = [
    {"pv_type": "hostPath"},
    {"pv_type": "local", "node_affinity": "kubernetes.io/hostname In w1"},
    {"pv_type": "csi (topolvm.io)", "node_affinity": "topology.topolvm.io/node In w1"},
    {},
]


@pytest.mark.parametrize(
    ("fast", "slow", "words"),
    [
        ({"read_latency_p50_ns": 49e3}, {"read_latency_p50_ns": 51e3}, "less than 50 µs"),
        ({"sync_latency_p50_ns": 199e3}, {"sync_latency_p50_ns": 201e3}, "less than 200 µs"),
    ],
)
def test_what_no_network_can_do_is_told_of_a_volume_behind_one(
    fast: dict[str, Any], slow: dict[str, Any], words: str
) -> None:
    """A disk of the node's own may; so may a PV of which nothing is known."""
    (told,) = of_row(replace(CLEAN, **fast), {}, on(**NETWORK))
    assert words in told
    assert of_row(replace(CLEAN, **slow), {}, on(**NETWORK)) == []
    assert [of_row(replace(CLEAN, **fast), {}, on(**volume)) for volume in AT_THE_NODE] == [[]] * 4


def test_a_rate_that_was_not_kept_is_told() -> None:
    """A latency below the limit was asked for, and this is none; its twin kept the rate."""
    (words,) = found({"rate_iops": "350,150"}, iops=449.0)
    assert words.startswith("fewer I/Os a second came than the job asks for")
    assert found({"rate_iops": "350,150"}, iops=451.0) == []


@pytest.mark.parametrize("rw", ["write", "randwrite", "write:4k"])
def test_buffered_writes_that_wait_for_nothing_are_told(rw: str) -> None:
    """They end in memory."""
    assert found(rw=rw, **BUFFERED) == [
        "writes to the node's page cache and never waits for the volume"
    ]
    assert found({"sync": "none"}, rw=rw, **BUFFERED) != []
    assert found({"fsync": "0"}, rw=rw, **BUFFERED) != []


@pytest.mark.parametrize(
    "option", [{"fdatasync": "1"}, {"fsync": "32"}, {"end_fsync": "1"}, {"sync": "dsync"}]
)
def test_writes_that_wait_for_the_volume_have_no_caveat(option: dict[str, str]) -> None:
    """A durable write needs no O_DIRECT."""
    assert found(option, rw="write", **BUFFERED) == []
