"""fio's JSON as rows: recorded from fio 3.33, without the parts that stormark does not read."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.plan.job_file import Job
from tasks.results.schema import TABLES
from tasks.speed.fio_output import UnreadableOutput, rows

DATA = Path(__file__).parents[1] / "data" / "fio"


def recorded(job: str) -> str:
    return (DATA / f"{job}-3.33.json").read_text()


def row(job: str, output: str | None = None) -> dict[str, Any]:
    return rows(recorded(job) if output is None else output, [Job(job, {})])[job]


def with_options(job: str, **options: str) -> dict[str, Any]:
    """The row of a recorded job that was told other options."""
    document = json.loads(recorded(job))
    document["jobs"][0]["job options"] |= options
    return row(job, json.dumps(document))


def test_a_mixed_job_has_figures_of_both_directions() -> None:
    """Totals are sums; each direction has its own figures and latencies, in ns."""
    measured = row("mixed")
    assert measured == {
        "fio_version": "fio-3.33",
        "engine": "libaio",
        "rw": "randrw",
        "block_size_bytes": 4096,
        "io_depth": 16,
        "num_jobs": 1,
        "direct": True,
        "runtime_seconds": 1.001,
        "iops": pytest.approx(39734.265734 + 17007.992008),
        "bandwidth_bytes_per_second": 162751552.0 + 69664735.0,
        "read_iops": 39734.265734,
        "read_bandwidth_bytes_per_second": 162751552.0,
        "read_latency_mean_ns": 260551.587972,
        "read_latency_max_ns": 5638897.0,
        "read_latency_p50_ns": 244736.0,
        "read_latency_p95_ns": 366592.0,
        "read_latency_p99_ns": 536576.0,
        "read_latency_p99_9_ns": 1843200.0,
        "write_iops": 17007.992008,
        "write_bandwidth_bytes_per_second": 69664735.0,
        "write_latency_mean_ns": 306968.881468,
        "write_latency_max_ns": 5466541.0,
        "write_latency_p50_ns": 284672.0,
        "write_latency_p95_ns": 440320.0,
        "write_latency_p99_ns": 659456.0,
        "write_latency_p99_9_ns": 2473984.0,
    }


def test_fdatasync_has_latencies_of_its_own() -> None:
    """What a commit waits for is apart from the write into the page cache."""
    measured = row("durable")
    assert (measured["engine"], measured["direct"], measured["block_size_bytes"]) == (
        "psync",
        False,
        2300,
    )
    assert measured["sync_latency_p99_ns"] == 261120.0
    assert measured["sync_latency_mean_ns"] == 120546.379305
    assert measured["write_latency_p99_ns"] == 146432.0


def test_a_direction_in_which_nothing_moved_stays_missing() -> None:
    """Never zero: nothing was measured."""
    assert not [column for column in row("durable") if column.startswith("read_")]
    assert not [column for column in row("mixed") if column.startswith("sync_")]


def test_latencies_that_gtod_reduce_leaves_out_stay_missing() -> None:
    """The rates are there, zeros that fio writes for latencies are not."""
    measured = row("reduced")
    assert measured["iops"] == measured["read_iops"] == 13666.666667
    assert not [column for column in measured if "latency" in column]


def test_percentiles_that_the_job_file_leaves_out_stay_missing() -> None:
    """With a percentile_list of the user's own, those of it are read."""
    document = json.loads(recorded("mixed"))
    document["jobs"][0]["read"]["clat_ns"]["percentile"] = {"99.000000": 536576}
    measured = row("mixed", json.dumps(document))
    assert measured["read_latency_p99_ns"] == 536576.0
    assert measured["read_latency_mean_ns"] == 260551.587972
    assert "read_latency_p50_ns" not in measured


@pytest.mark.parametrize("job", ["mixed", "durable", "reduced"])
def test_every_figure_has_a_column(job: str) -> None:
    """Nothing is computed that the table would refuse."""
    assert set(row(job)) <= {column.name for column in TABLES["fio"]}


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"bs": "1M"}, 2**20),
        ({"bsrange": "4k-8k"}, None),
        ({"bssplit": "4k/60:64k"}, None),
        ({"bs": "4k,8k"}, None),
    ],
)
def test_a_block_size_that_is_not_one_is_missing(options: dict[str, str], size: int | None) -> None:
    """A range or a split has no single size."""
    assert with_options("mixed", **options)["block_size_bytes"] == size


@pytest.mark.parametrize(("written", "depth"), [("1k", 1024), ("0x20", 32), ("(2*8)", None)])
def test_a_depth_is_read_as_fio_reads_it(written: str, depth: int | None) -> None:
    """What cannot be read is missing; the figures beside it are not lost."""
    measured = with_options("mixed", iodepth=written, numjobs=written)
    assert (measured["io_depth"], measured["num_jobs"]) == (depth, depth)


def test_unbuffered_is_direct() -> None:
    """fio has two names for it, one the opposite of the other."""
    assert with_options("durable", direct="1")["direct"] is True
    document = json.loads(recorded("durable"))
    del document["jobs"][0]["job options"]["direct"]
    del document["global options"]["direct"]
    assert row("durable", json.dumps(document))["direct"] is False
    document["jobs"][0]["job options"]["buffered"] = "0"
    assert row("durable", json.dumps(document))["direct"] is True


def test_words_before_the_json_are_skipped() -> None:
    """fio writes notes into the same file."""
    output = "fio: this platform does not support process shared mutexes\n" + recorded("mixed")
    assert row("mixed", output) == row("mixed")


@pytest.mark.parametrize("length", [0, 1, 1500, -3])
def test_output_that_is_cut_is_refused(length: int) -> None:
    """A pod that was killed has measured nothing; the message shows where it ends."""
    with pytest.raises(UnreadableOutput, match="fio's output is not JSON"):
        row("mixed", recorded("mixed")[:length])


def test_a_job_that_is_missing_is_named() -> None:
    """Its cell fails; it does not take another's figures."""
    with pytest.raises(UnreadableOutput, match="fio's output has no job absent"):
        rows(recorded("mixed"), [Job("mixed", {}), Job("absent", {})])
