"""fio's JSON as rows: recorded from fio 3.33, without the parts that stormark does not read."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.plan.job_file import Job
from tasks.plan.plan import Plan
from tasks.results.schema import TABLES
from tasks.speed.fio_output import UnreadableOutput, errors
from tests.tasks.sample import CELL, figures, read, said

DATA = Path(__file__).parents[1] / "data" / "fio"


def recorded(job: str) -> str:
    return (DATA / f"{job}-3.33.json").read_text()


def job_of(recorded: dict[str, Any]) -> Job:
    """The job that was recorded, by the options that fio says it had."""
    (one,) = recorded["jobs"]
    options = recorded.get("global options", {}) | one["job options"]
    lines = "\n".join(f"{name}={value}" for name, value in options.items())
    (job,) = read(Plan(fio_file=f"[{one['jobname']}]\n{lines}\n")).jobs
    return job


def row(job: str, output: str | None = None) -> dict[str, Any]:
    """What fio said of a recorded job, by column; what it did not say is left out."""
    text = recorded(job) if output is None else output
    return told(text, job_of(json.loads(text[text.index("{") :])))


def told(output: str, job: Job) -> dict[str, Any]:
    columns = figures(output, [job])[job.name]
    return {k: value for k, value in columns.items() if value is not None and k not in said(CELL)}


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
        "ignored_errors": 0,
        "latency_kind": "clat",
        "iops": pytest.approx(39734.265734 + 17007.992008),
        "bandwidth_bytes_per_second": 162751552.0 + 69664735.0,
        "read_ios": 39774,
        "read_iops": 39734.265734,
        "read_bandwidth_bytes_per_second": 162751552.0,
        "read_latency_mean_ns": 260551.587972,
        "read_latency_max_ns": 5638897.0,
        "read_latency_p50_ns": 244736.0,
        "read_latency_p95_ns": 366592.0,
        "read_latency_p99_ns": 536576.0,
        "read_latency_p99_9_ns": 1843200.0,
        "write_ios": 17025,
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
    assert with_options("mixed", **options).get("block_size_bytes") == size


@pytest.mark.parametrize(("written", "depth"), [("1k", 1024), ("0x20", 32)])
def test_a_depth_is_read_as_fio_reads_it(written: str, depth: int | None) -> None:
    """By its own numbers."""
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
        figures(recorded("mixed")[:length], [Job("mixed", {}, {})])


def test_a_job_that_is_missing_is_named() -> None:
    """Its cell fails; it does not take another's figures."""
    with pytest.raises(UnreadableOutput, match="fio's output has no job absent"):
        figures(recorded("mixed"), [Job("mixed", {}, {}), Job("absent", {}, {})])


def test_a_mix_that_fio_reports_as_one_has_its_own_columns() -> None:
    """unified_rw_reporting has neither reads nor writes; nothing of it is counted as either."""
    document = json.loads(recorded("mixed"))
    (job,) = document["jobs"]
    job["mixed"] = job.pop("read")
    del job["write"]
    measured = row("mixed", json.dumps(document))
    assert measured["iops"] == measured["mixed_iops"] == 39734.265734
    assert measured["mixed_latency_p99_ns"] == 536576.0
    assert not [column for column in measured if column.startswith(("read_", "write_"))]


def test_trims_are_apart() -> None:
    """They are I/Os too, and no writes."""
    document = json.loads(recorded("mixed"))
    (job,) = document["jobs"]
    job["trim"] = job["write"]
    job["write"] = job["write"] | {"total_ios": 0, "iops": 0, "bw_bytes": 0}
    measured = row("mixed", json.dumps(document))
    assert measured["trim_iops"] == 17007.992008
    assert measured["iops"] == pytest.approx(39734.265734 + 17007.992008)
    assert not [column for column in measured if column.startswith("write_")]


@pytest.mark.parametrize("blocks", [16, 1024], ids=["some", "more than the document waits for"])
def test_errors_that_were_gone_on_after_are_counted(tmp_path: Path, blocks: int) -> None:
    """fio ends well and says the first as the job's; 32 KiB of its words end within a line."""
    (tmp_path / "x").write_bytes(os.urandom(blocks * 4096))
    common = f"filename=x\nsize={blocks * 4096}\nbs=4k\n"
    text = f"[mixed]\n{common}rw=read\nverify=md5\n"
    ended, output = fio(tmp_path, text + "continue_on_error=verify\n")
    assert (ended, '"error" : 0,' in output) == (0, False)
    assert row("mixed", output)["ignored_errors"] == blocks
    ended, output = fio(tmp_path, text)  # one that is not gone on after
    assert ended != 0
    _, output = fio(tmp_path, f"[mixed]\n{common}rw=read\n")
    assert row("mixed", output)["ignored_errors"] == 0


def fio(folder: Path, text: str) -> tuple[int, str]:
    """Exit status and output of the machine's fio."""
    (folder / "a.fio").write_text(text)
    command = ["fio", "--output=output", "--output-format=json+", "a.fio"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    return ended.returncode, (folder / "output").read_text()


def test_latencies_of_the_whole_i_o_say_so() -> None:
    """A job that asks for percentiles of lat alone has them there."""
    document = json.loads(recorded("mixed"))
    (job,) = document["jobs"]
    for direction in ("read", "write"):
        job[direction]["lat_ns"] = job[direction]["clat_ns"]
        job[direction]["clat_ns"] = {"N": 0}
    job["job options"] |= {"lat_percentiles": "1", "clat_percentiles": "0"}
    measured = row("mixed", json.dumps(document))
    assert (measured["latency_kind"], measured["read_latency_p99_ns"]) == ("lat", 536576.0)


def test_words_behind_the_json_are_skipped() -> None:
    assert row_of(recorded("mixed") + "\nfio: a last word\n") == row("mixed")


def row_of(output: str) -> dict[str, Any]:
    return told(output, job_of(json.loads(recorded("mixed"))))


@pytest.mark.parametrize(
    "change", [{"read": None}, {"read": {}}, {"read": {"total_ios": "many"}}, {"job options": None}]
)
def test_json_that_nobody_expects_fails_its_cell_alone(change: dict[str, Any]) -> None:
    """It is quoted; the run goes on."""
    document = json.loads(recorded("mixed"))
    document["jobs"][0] |= change
    with pytest.raises(
        UnreadableOutput, match=r"fio's output is none that is known here.*fio-3\.33"
    ):
        row_of(json.dumps(document))


def test_jobs_of_one_name_are_told_apart_by_their_order() -> None:
    document = json.loads(recorded("mixed"))
    (first,) = document["jobs"]
    document["jobs"].append(first | {"read": first["read"] | {"iops": 1.0}})
    both = [Job("mixed #1", {}, {}, "mixed"), Job("mixed #2", {}, {}, "mixed")]
    measured = figures(json.dumps(document), both)
    assert [measured[job.name]["read_iops"] for job in both] == [39734.265734, 1.0]


def test_a_job_that_did_nothing_is_not_measured() -> None:
    """fio ends well all the same, as when a process of it was killed."""
    document = json.loads(recorded("mixed"))
    for direction in ("read", "write"):
        document["jobs"][0][direction]["total_ios"] = 0
    with pytest.raises(UnreadableOutput, match="fio did no I/O in job mixed"):
        row_of(json.dumps(document))


def test_a_job_that_failed_is_not_measured() -> None:
    """Another job of its group may be."""
    document = json.loads(recorded("mixed"))
    document["jobs"][0]["error"] = 28
    with pytest.raises(UnreadableOutput, match="fio says of job mixed: No space left on device"):
        row_of(json.dumps(document))
    assert errors(json.dumps(document)) == ["job mixed: No space left on device"]
    assert errors(recorded("mixed")) == errors("{") == []


def test_a_mix_that_is_reported_beside_its_directions_is_counted_once() -> None:
    document = json.loads(recorded("mixed"))
    (job,) = document["jobs"]
    job["mixed"] = job["read"] | {"iops": 56742.25}
    measured = row("mixed", json.dumps(document))
    assert measured["iops"] == measured["mixed_iops"] == 56742.25
    assert measured["read_iops"] == 39734.265734


@pytest.mark.parametrize("word", ["nan", "-nan", "inf"])
def test_numbers_that_json_has_not_are_missing(word: str) -> None:
    document = json.loads(recorded("mixed"))
    document["jobs"][0]["read"]["iops_stddev"] = "NUMBER"
    output = json.dumps(document).replace('"NUMBER"', word)
    assert row_of("a line with { in it\n" + output) == row("mixed")


@pytest.mark.parametrize(
    ("text", "direct"),
    [("direct=1\nbuffered=1\n", False), ("buffered=1\ndirect=1\n", True), ("buffered=0\n", True)],
)
def test_the_last_word_on_the_page_cache_counts(text: str, *, direct: bool) -> None:
    (job,) = read(Plan(fio_file=f"[mixed]\n{text}")).jobs
    assert figures(recorded("mixed"), [job])["mixed"]["direct"] is direct


@pytest.mark.parametrize(("criterion", "steady"), [("iops_slope:1000%", True), ("iops:0%", False)])
def test_whether_a_job_became_steady(tmp_path: Path, criterion: str, *, steady: bool) -> None:
    """By its own criterion: fio ends it then, or at its limit; a job without one says neither."""
    timed = "time_based\nruntime=6\nrate_iops=500,500\n"
    until = f"steadystate={criterion}\nsteadystate_duration=2\n"
    _, output = fio(tmp_path, f"[mixed]\nrw=randrw\nsize=1m\n{timed}{until}")
    found = row("mixed", output)
    assert (found["steady"], found["steady_seconds"]) == (steady, 2.0)
    assert ("steady_iops" in found) is steady
    assert found.get("steady_iops", 1.0) > 0
    assert "steady" not in row("mixed")
