"""fio's own logs of each second as rows of `fio_seconds`."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tasks.plan.job_file import Job
from tasks.speed import seconds
from tests.tasks.sample import by_second

ENDED = datetime(2026, 11, 27, 3, 0, 10, tzinfo=UTC)
BINS = 928


def packed(**logs: str) -> str:
    """What fio.sh says of logs, by kind and process: `iops_1`."""
    text = "".join(
        f"# log_{name.rpartition('_')[0]}.{name.rpartition('_')[2]}.log\n{rows}\n"
        for name, rows in logs.items()
    )
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def rates(*rows: tuple[int, int], direction: int = 1) -> str:
    return "\n".join(f"{at}, {value}, {direction}, 0, 0" for at, value in rows)


def output(*jobs: str, runtime: int = 4000, direction: str = "write", **figures: int) -> str:
    """fio's JSON of jobs that moved something in one direction."""
    none = {"total_ios": 0, "io_bytes": 0, "runtime": 0}
    told = dict.fromkeys(("read", "write", "trim"), none)
    told[direction] = {"total_ios": 400, "io_bytes": 400 * 4096, "runtime": runtime} | figures
    return json.dumps(
        {
            "timestamp_ms": int(ENDED.timestamp() * 1000),
            "jobs": [{"jobname": job} | told for job in jobs],
        }
    )


def a_job(name: str = "a", **numbers: int) -> Job:
    return Job(name, {}, numbers)


def column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_a_second_without_io_is_a_row_with_0_and_no_latency() -> None:
    """fio has no row of it; what comes after a stall is told of the second before it."""
    iops = rates((1000, 100), (4000, 200))
    latency = rates((2900, 5_000_000), (4000, 1_000_000))
    logs = packed(iops_1=iops, bw_1=rates((1000, 400), (4000, 800)), clat_1=latency)
    rows = by_second(logs, output("a"), [a_job()])["a"]
    assert column(rows, "iops") == [100, 0, 0, 200]
    assert column(rows, "bytes") == [100 * 4096, 0, 0, 200 * 4096]
    assert column(rows, "mean_latency_seconds") == [0.005, None, None, 0.001]


def test_the_twin_without_a_stall_has_no_0() -> None:
    iops = rates((1000, 100), (2000, 100), (3000, 100), (4000, 100))
    rows = by_second(packed(iops_1=iops), output("a"), [a_job()])["a"]
    assert column(rows, "iops") == [100, 100, 100, 100]


def test_the_last_second_has_what_is_left_of_the_job_s_totals() -> None:
    """fio's thread that logs may end before it has told it; what was dropped is known."""
    iops = rates((1000, 99), (2001, 99))  # 99 in a second, then 99.9 and 1 ms more
    rows = by_second(
        packed(iops_1=iops, bw_1=rates((1000, 396), (2001, 396))),
        output("a", runtime=3001, total_ios=249, io_bytes=313 * 4096),  # 64 of the ramp's
        [a_job()],
    )["a"]
    assert column(rows, "iops") == [99, 99.9, 50]
    assert rows[2]["bytes"] == pytest.approx(50 * 4096, rel=0.05)


def test_a_thread_that_wakes_late_is_no_dip_and_no_peak() -> None:
    """It divides by the time since the second began; the next has the less to count."""
    iops = rates((1000, 100), (2500, 100), (3000, 50), (4000, 100))
    rows = by_second(packed(iops_1=iops), output("a"), [a_job()])["a"]
    assert column(rows, "iops") == [100, 100, 100, 100]


def test_the_ramp_is_there_and_marked() -> None:
    """fio says nothing of it; its times begin where it ends."""
    iops = rates(*((second * 1000, 100) for second in (1, 2, 3, 4)))
    job = a_job(ramp_time=1_500_000, startdelay=1_000_000)
    rows = by_second(packed(iops_1=iops), output("a"), [job])["a"]
    assert column(rows, "second") == [0, 1, 2, 3, 4, 5]
    assert column(rows, "ramp") == [True, True, False, False, False, False]
    assert column(rows, "iops") == [None, None, 100, 100, 100, 100]
    assert rows[0]["at"] == ENDED - timedelta(seconds=5.5)
    assert column(rows, "at")[2:] == [ENDED - timedelta(seconds=left) for left in (4, 3, 2, 1)]


def test_processes_of_a_job_and_jobs_that_fio_adds_up_are_one() -> None:
    """Means count by I/Os; another job's processes are its own."""
    group = [a_job("a", numjobs=2), a_job("b")._replace(merged=True), a_job("c")]
    logs = packed(
        **{f"iops_{n}": rates((1000, 10 * n), (2000, 10 * n)) for n in (1, 2, 3, 4)},
        clat_1=rates((1000, 6_000_000)),
        clat_3=rates((1000, 2_000_000)),
    )
    rows = by_second(logs, output("a", "c", runtime=2000), group)
    assert column(rows["a"], "iops") == [60, 60]
    assert column(rows["c"], "iops") == [40, 40]
    assert rows["a"][0]["mean_latency_seconds"] == pytest.approx(0.003)


def test_latencies_come_from_the_bins_of_a_histogram() -> None:
    """fio's bins: one each up to 64 ns, then 64 for each power of two, here two as one."""

    def histogram(at: int, **bins: int) -> str:
        counts = [str(bins.get(f"b{number}", 0)) for number in range(BINS)]
        return f"{at}, 1, 4096, {', '.join(counts)}"

    logs = packed(
        iops_1=rates((1000, 9), (2000, 9), (3000, 9), (4000, 9)),
        clat_hist_1="\n".join(
            [histogram(1000, b3=8, b20=10), histogram(2000, b64=1), histogram(3000)]
        ),
    )
    rows = by_second(logs, output("a"), [a_job()])["a"]
    assert column(rows, "max_latency_seconds") == [42e-9, 132e-9, None, None]
    # 8 of 6 to 8 ns and 10 of 40 to 42, then one of 128 to 132
    assert column(rows, "mean_latency_seconds") == [2.589e-8, 1.3e-7, None, None]


def test_reads_and_writes_are_rows_of_their_own() -> None:
    """Of a direction in which nothing was done there are none."""
    both = rates((1000, 7), direction=0) + "\n" + rates((1000, 3))
    document = json.loads(output("a", runtime=1000, total_ios=3))
    document["jobs"][0]["read"] = {"total_ios": 7, "io_bytes": 7 * 4096, "runtime": 1000}
    rows = by_second(packed(iops_1=both), json.dumps(document), [a_job()])["a"]
    assert [(row["direction"], row["iops"]) for row in rows] == [("read", 7), ("write", 3)]


def test_a_job_that_fio_does_not_report_has_no_rows_and_keeps_its_place() -> None:
    """With stats=0; the processes after it are counted on."""
    silent = Job("silent", {"stats": "0"}, {"numjobs": 2})
    logs = packed(iops_3=rates((1000, 5)))
    rows = by_second(logs, output("a", runtime=1000), [silent, a_job()])
    assert column(rows.pop("a"), "iops") == [5]
    assert rows == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("none: the image has no gzip", "the image has no gzip"),
        (packed(iops_1=rates((1000, 5)))[:-8], "did not come whole"),
        ("", "fio logged nothing of job a"),
        (packed(iops_1="what"), "none that are known here"),
        (packed(), "fio logged nothing of job a"),
    ],
    ids=["no tool", "cut", "nothing", "another form", "empty"],
)
def test_what_cannot_be_read_is_a_reason(words: str, why: str) -> None:
    """A line that a rotation took, an image that lacks tools, a fio that logs otherwise."""
    with pytest.raises(seconds.NoSeconds, match=why):
        by_second(words, output("a"), [a_job()])


def test_a_chunk_that_is_missing_anywhere_is_a_reason() -> None:
    """A rotation of logs takes lines, and what is left may be no stream at all."""
    chance = Random(1)
    iops = rates(*((second * 1000, chance.randrange(10**6)) for second in range(1, 6000)))
    whole, size = packed(iops_1=iops), 1000
    assert by_second(whole, output("a", runtime=5_999_000), [a_job()])["a"]
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert len(chunks) > 30
    for lost in range(len(chunks)):
        left = "".join(chunks[:lost] + chunks[lost + 1 :])
        with pytest.raises(seconds.NoSeconds, match="did not come whole"):
            by_second(left, output("a", runtime=5_999_000), [a_job()])


@pytest.mark.parametrize(
    ("row", "told"),
    [("1000, 5, 7, 0, 0", output("a", runtime=1000)), ("1000, 5, 1, 0, 0", "[]")],
)
def test_logs_and_output_of_another_form_are_a_reason(row: str, told: str) -> None:
    """A direction that there is not, a document that is a list."""
    with pytest.raises(seconds.NoSeconds, match="none that are known here"):
        by_second(packed(iops_1=row), told, [a_job()])
