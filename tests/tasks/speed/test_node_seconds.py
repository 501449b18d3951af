"""What a node's kernel counted, as rows of `node_seconds`: from samples written by hand."""

import base64
import gzip
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tasks.results.second_columns import SecondRow
from tasks.speed import node_seconds
from tests.tasks.sample import CELL

ENDED = datetime(2026, 11, 27, 3, 0, 10, tzinfo=UTC)
UPTIME = 1000.0  # of the node, when fio ended
HEAD = "# mount xfs /dev/loop3\n# device 7:3 loop3\n"


def device(number: str, *, reads: int = 0, read_ms: int = 0, written: int = 0) -> str:
    """A line of a block device that did so many reads and writes of 4 KiB; 2 ms of queue each."""
    sectors = 8 * reads, 8 * written
    queued = 2 * (reads + written)
    of_reads = f"{reads} 0 {sectors[0]} {read_ms}"
    return f"device {number} {of_reads} {written} 0 {sectors[1]} 0 0 {queued} {queued} 0 0 0 0 5 9"


def packed(*samples: tuple[float, list[str]], head: str = HEAD) -> str:
    told = "".join(
        f"at {UPTIME + at:.2f}\n" + "".join(f"{line}\n" for line in lines) for at, lines in samples
    )
    text = f"{head}{told}# stat 7 (a (b) c) R {'0 ' * 10}3 2 1 4 20 0\n# ended {UPTIME}\n"
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def each_second(
    line: Any, first: int = -5, last: int = 0, head: str = HEAD, offset: float = 0.0
) -> str:
    """Samples of so many seconds, each of the lines for its number from 0."""
    numbers = range(first, last + 1)
    return packed(*((at + offset, line(at - first)) for at in numbers), head=head)


def seconds(count: int = 4, ramp: int = 1) -> list[SecondRow]:
    """The last seconds of fio; a job that reads and writes has each twice."""
    return [
        SecondRow(
            **CELL.key._asdict(),
            second=second,
            at=ENDED - timedelta(seconds=count - second),
            ramp=second < ramp,
            direction=way,
        )
        for way in ("read", "write")
        for second in range(count)
    ]


def rows_of(said: str, **grid: int) -> list[dict[str, Any]]:
    rows = node_seconds.rows(said, {"a": seconds(**grid)}, ENDED.timestamp())["a"]
    return [row.columns() for row in rows]


def column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_each_second_of_fio_is_a_row_once() -> None:
    """Of the job's cell, whichever directions that had."""
    rows = rows_of(each_second(lambda n: [device("7:3", reads=100 * n)]))
    assert column(rows, "second") == [0, 1, 2, 3]
    assert column(rows, "ramp") == [True, False, False, False]
    assert column(rows, "at") == [ENDED - timedelta(seconds=n) for n in (4, 3, 2, 1)]
    for row in rows:
        assert CELL.key._asdict().items() <= row.items()


def test_a_device_s_counters_are_rates() -> None:
    """I/Os, bytes, mean wait, queue and use, from sectors and milliseconds."""
    rows = rows_of(each_second(lambda n: [device("7:3", reads=100 * n, read_ms=50 * n)]))
    for row in rows:
        assert (row["device"], row["below"], row["no_device"]) == ("loop3", None, None)
        assert (row["read_iops"], row["read_bytes"]) == (100, 100 * 4096)
        assert row["read_wait_seconds"] == pytest.approx(0.0005)
        assert (row["queue_length"], row["busy_percent"]) == (0.2, 20)
        assert (row["write_iops"], row["write_bytes"], row["flush_iops"]) == (0, 0, 0)
        assert row["write_wait_seconds"] is None, "nothing was written"


def test_a_sample_between_two_seconds_is_of_both() -> None:
    """The node's clock and fio's seconds have nothing to do with one another."""
    jump = [0, 0, 0, 100, 100, 100, 100]
    said = each_second(lambda n: [device("7:3", reads=jump[n])], last=1, offset=-0.25)
    assert column(rows_of(said), "read_iops") == [25, 75, 0, 0]


def test_the_twin_without_an_offset_has_it_in_one_second() -> None:
    jump = [0, 0, 0, 100, 100, 100]
    said = each_second(lambda n: [device("7:3", reads=jump[n])])
    assert column(rows_of(said), "read_iops") == [0, 100, 0, 0]


def test_seconds_that_nobody_sampled_have_no_figure() -> None:
    """A sampler that ended early leaves no 0 behind."""
    said = each_second(lambda n: [device("7:3", reads=100 * n)], last=-3)
    assert column(rows_of(said), "read_iops") == [100, 0, None, None]


def test_the_lowest_device_is_told_apart_and_has_its_own_bytes() -> None:
    """A cgroup counts by disk: what is compared is of one device."""
    head = HEAD + "# device 8:1 sda1\n# device 8:0 sda\n"
    own = "own 8:0 rbytes={} wbytes={} rios=1 wios=1 dbytes=0 dios=0"
    rows = rows_of(
        each_second(
            lambda n: [
                device("7:3", written=100 * n),
                device("8:0", written=300 * n),
                own.format(0, 4096 * 200 * n),
            ],
            head=head,
        )
    )
    for row in rows:
        assert (row["device"], row["below"]) == ("loop3", "sda")
        assert (row["write_bytes"], row["below_write_bytes"]) == (100 * 4096, 300 * 4096)
        assert (row["own_write_bytes"], row["own_read_bytes"]) == (200 * 4096, 0)


def test_bytes_of_an_older_cgroup() -> None:
    """Version 1 has a line for each direction."""
    rows = rows_of(
        each_second(
            lambda n: [
                device("7:3"),
                f"own 7:3 Read {4096 * n}",
                f"own 7:3 Write {8192 * n}",
                f"own 7:3 Total {12288 * n}",
            ]
        )
    )
    assert {(row["own_read_bytes"], row["own_write_bytes"]) for row in rows} == {(4096, 8192)}


def test_bytes_that_no_cgroup_counts_are_unknown() -> None:
    """And not none."""
    (row, *_) = rows_of(each_second(lambda _: [device("7:3")]))
    assert (row["own_read_bytes"], row["own_write_bytes"]) == (None, None)


def test_a_server_s_counters_are_those_of_its_mount() -> None:
    """https://git.linux-nfs.org, nfs-utils, tools/mountstats: places of a mount's figures."""
    rows = rows_of(
        each_second(
            lambda n: [
                f"nfs bytes: 1 2 3 4 {4096 * n} {8192 * n} 7 8",
                f"nfs READ: {10 * n} 10 0 1 1 5 {15 * n} {20 * n} 0",
                f"nfs WRITE: {20 * n} 10 0 1 1 5 {15 * n} {60 * n} 0",
            ],
            head="# mount nfs4 filer:/export\n",
        )
    )
    for row in rows:
        assert (row["device"], row["no_device"]) == ("filer:/export", None)
        assert (row["read_bytes"], row["write_bytes"]) == (4096, 8192)
        assert (row["read_iops"], row["write_iops"]) == (10, 20)
        assert (row["read_wait_seconds"], row["write_wait_seconds"]) == (0.002, 0.003)
        assert (row["queue_length"], row["busy_percent"]) == (None, None)


def test_a_filesystem_without_a_device_says_so() -> None:
    """What the node did is known all the same."""
    said = each_second(
        lambda n: [f"cpu  {n} 0 0 0 0 0 0 0 0 0"], head="# mount fuse.sshfs box:/export\n"
    )
    for row in rows_of(said):
        assert row["device"] is None
        assert row["no_device"] == "fuse.sshfs lies on no block device here: box:/export"
        assert row["read_iops"] is None
        assert row["cpu_user_percent"] == 100


def test_cpu_memory_and_pressure_are_those_of_the_node() -> None:
    """Shares of all CPUs' time, bytes, shares of the second."""
    stall = "avg10=0.00 avg60=0.00 avg300=0.00 total="
    rows = rows_of(
        each_second(
            lambda n: [
                f"cpu  {20 * n} {10 * n} {30 * n} {80 * n} {40 * n} {10 * n} {0} {10 * n} 9 9",
                f"memory MemAvailable: {1000 + n} kB Dirty: 8 kB Writeback: 4 kB",
                f"pressure io some {stall}{250_000 * n}",
                f"pressure io full {stall}{50_000 * n}",
                f"pressure memory some {stall}7",
            ]
        )
    )
    for row in rows:
        shares = [row[f"cpu_{s}_percent"] for s in ("user", "system", "iowait", "steal", "idle")]
        assert shares == [15, 20, 20, 5, 40]
        assert (row["dirty_bytes"], row["writeback_bytes"]) == (8192, 4096)
        assert (row["io_pressure_some_percent"], row["io_pressure_full_percent"]) == (25, 5)
        assert (row["memory_pressure_some_percent"], row["cpu_pressure_some_percent"]) == (0, None)
    assert column(rows, "memory_available_bytes") == [1024 * (1000 + n) for n in (2, 3, 4, 5)]


def test_what_sampling_cost_is_in_each_row() -> None:
    """0.1 s of CPU within 5 s."""
    rows = rows_of(each_second(lambda _: [device("7:3")]))
    assert {row["sampling_cpu_percent"] for row in rows} == {2.0}


@pytest.mark.parametrize(
    "said", ["", "none", base64.b64encode(b"x").decode(), packed(), packed((0, ["device x"]))]
)
def test_samples_that_did_not_come_are_no_rows(said: str) -> None:
    """fio's figures do not depend on them."""
    assert node_seconds.rows(said, {"a": seconds()}, ENDED.timestamp()) == {}


def test_a_chunk_that_is_missing_anywhere_leaves_no_rows() -> None:
    """A rotation of logs takes lines, and what is left may be no stream at all."""
    chance = Random(1)
    lines = [device("7:3", reads=chance.randrange(10**9)) for _ in range(6000)]
    whole, size = each_second(lambda number: [lines[number]], -5999, 0), 1000
    grid = {"a": seconds()}
    assert node_seconds.rows(whole, grid, ENDED.timestamp())["a"]
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert len(chunks) > 30
    for lost in range(len(chunks)):
        left = "".join(chunks[:lost] + chunks[lost + 1 :])
        assert node_seconds.rows(left, grid, ENDED.timestamp()) == {}
