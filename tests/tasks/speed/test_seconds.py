"""fio's own logs of each second as rows of `fio_seconds`."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from reports.speed.steady import course
from tasks.plan.job_file import Job
from tasks.speed import seconds
from tests.tasks.sample import by_second

ENDED = datetime(2026, 11, 27, 3, 0, 10, tzinfo=UTC)
BINS = 928
# When, in ms, and I/Os and KiB a second.
LATE_THREAD = [
    (999, 219, 876), (2000, 196, 784), (3543, 77, 311), (4543, 216, 864), (5542, 200, 800),
    (6542, 200, 800), (7543, 200, 800), (8543, 200, 800), (9544, 199, 799), (10546, 199, 798),
    (11546, 200, 800), (12547, 200, 800), (13548, 200, 800), (14548, 201, 804), (15549, 219, 876),
    (16550, 200, 800), (17550, 196, 784), (18551, 204, 816), (19552, 180, 720), (20552, 220, 880),
    (21553, 179, 719), (22554, 220, 880), (23555, 200, 800), (24555, 200, 800), (25556, 200, 800),
    (26557, 200, 800), (27558, 196, 784), (28558, 204, 816), (29558, 200, 800), (30559, 200, 800),
    (31559, 200, 800), (32560, 200, 800), (33560, 200, 800), (34562, 199, 799), (35563, 200, 800),
]  # fmt: skip


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
    latency = rates((3100, 5_000_000), (4000, 1_000_000))
    logs = packed(iops_1=iops, bw_1=rates((1000, 400), (4000, 800)), clat_1=latency)
    rows = by_second(logs, output("a"), [a_job()])["a"]
    assert column(rows, "iops") == [100, 0, 0, 200]
    assert column(rows, "bytes") == [100 * 4096, 0, 0, 200 * 4096]
    assert column(rows, "mean_latency_seconds") == [0.005, None, None, 0.001]


def test_the_twin_without_a_stall_has_no_0() -> None:
    iops = rates((1000, 100), (2000, 100), (3000, 100), (4000, 100))
    rows = by_second(packed(iops_1=iops), output("a"), [a_job()])["a"]
    assert column(rows, "iops") == [100, 100, 100, 100]


def test_the_last_second_has_what_is_left_of_the_job_s_bytes() -> None:
    """fio's thread that logs may end before it has told it.

    I/Os in flight at the ramp's end are in its logs and its bytes, and not in its total of I/Os.
    """
    rows = by_second(
        packed(iops_1=rates((1000, 100), (2000, 100)), bw_1=rates((1000, 400), (2000, 400))),
        output("a", runtime=3000, total_ios=186, io_bytes=250 * 4096),  # 64 of the ramp's
        [a_job()],
    )["a"]
    assert column(rows, "iops") == [100, 100, 50]
    assert column(rows, "bytes") == [100 * 4096, 100 * 4096, 50 * 4096]


def of_late_thread(last: int) -> list[dict[str, Any]]:
    """The seconds of a job that was held to 200 I/Os a second, as fio 3.33 logged them.

    fio was stopped for 0.9 s in the third; it looks 0.5 s after each second's begin from then on.
    `last` is what was done after its last look: 98 I/Os, of the real job.
    """
    told = LATE_THREAD
    logs = packed(
        iops_1=rates(*((at, iops) for at, iops, _ in told)),
        bw_1=rates(*((at, kib) for at, _, kib in told)),
    )
    done = 6969 + last
    return by_second(
        logs, output("a", runtime=36052, total_ios=done - 15, io_bytes=done * 4096), [a_job()]
    )["a"]


def test_a_thread_that_looks_late_makes_no_second_faster_and_no_last_one_a_stall() -> None:
    """fio divides by the time since it looked last, and keeps being late."""
    found = column(of_late_thread(98), "iops")
    assert sum(found[:-1]) + found[-1] * 1.052 == pytest.approx(7067, rel=0.001)
    assert all(179 <= iops <= 221 for iops in found[4:]), found
    assert found[-1] == pytest.approx(200, rel=0.05)
    assert not [words for words in course(found[4:]) if "stall" in words]


def test_the_twin_that_stalls_in_its_last_second() -> None:
    """Of that second fio still logged the first half."""
    found = column(of_late_thread(0), "iops")
    assert found[-1] == pytest.approx(0.563 * 200 / 1.052, rel=0.05)


@pytest.mark.parametrize(("left", "last"), [(200, 200), (0, 0), (-1, 0), (-20, None)])
def test_a_last_second_is_a_stall_only_if_what_is_left_is_known(
    left: int, last: float | None
) -> None:
    """Rounding may make it a little less than none; far less is logs that say something else."""
    logs = packed(iops_1=rates(*((second * 1000, 200) for second in range(1, 6))))
    told = output("a", runtime=6000, total_ios=1000 + left)
    assert column(by_second(logs, told, [a_job()])["a"], "iops") == [*[200] * 5, last]


def test_the_last_second_of_a_long_job_is_not_known() -> None:
    """What fio rounds away in half an hour is more than a second has."""
    logs = packed(iops_1=rates(*((second * 1000, 200) for second in range(1, 1800))))
    told = output("a", runtime=1_800_000, total_ios=1799 * 200)
    found = column(by_second(logs, told, [a_job()])["a"], "iops")
    assert found == [*[200] * 1799, None]


def test_a_thread_that_drifts_by_more_than_a_second_leaves_none_out() -> None:
    """It is a ms later each second, as on a machine that is idle."""
    logs = packed(iops_1=rates(*((look * 1001, 200) for look in range(1, 1800))))
    told = output("a", runtime=1_802_000, total_ios=360_400)
    found = column(by_second(logs, told, [a_job()])["a"], "iops")
    assert len(found) == 1802
    assert found[:1800] == pytest.approx([200] * 1800, rel=0.025)


@pytest.mark.parametrize(("completed", "told"), [((2100, 3101), [80, 80]), ((), [0, 0])])
def test_a_thread_that_slept_for_seconds_is_no_stall(
    completed: tuple[int, ...], told: list[float]
) -> None:
    """Latencies are logged by another one: they say whether I/Os were completed meanwhile."""
    logs = packed(
        iops_1=rates((1000, 80), (4500, 80), (5500, 80)),
        clat_1=rates(*((at, 1000) for at in (1000, *completed, 4501))),
    )
    rows = by_second(logs, output("a", runtime=6000, total_ios=480), [a_job()])["a"]
    assert column(rows, "iops")[1:3] == told


def test_one_direction_without_io_is_no_sleep() -> None:
    """fio looks at all directions at once."""
    both = rates(*((second * 1000, 7) for second in (1, 2, 3, 4)), direction=0)
    document = json.loads(output("a", total_ios=12))
    document["jobs"][0]["read"] = {"total_ios": 28, "io_bytes": 28 * 4096, "runtime": 4000}
    logs = packed(
        iops_1=f"{both}\n{rates((1000, 3), (4001, 9))}",
        clat_1=rates(*((second * 1000, 1000) for second in (1, 2, 3, 4)), direction=0),
    )
    rows = by_second(logs, json.dumps(document), [a_job()])["a"]
    found = [row["iops"] for row in rows if row["direction"] == "write"]
    assert found == [3, 0, 0, pytest.approx(9, rel=0.01)]


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
