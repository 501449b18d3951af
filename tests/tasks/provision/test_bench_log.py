"""What a pod's log says, line by line, and the rates in fio's progress."""

import pytest

from tasks.provision.bench_log import MOST_LINES, FioLog, rates


def read(*lines: str) -> FioLog:
    log = FioLog()
    for line in lines:
        log.feed(line)
    return log


def test_facts_keep_their_spaces() -> None:
    """A value is all that follows its name."""
    log = read("@stormark fact kernel 6.1.0 some build", "@stormark fact fio_version ")
    assert log.facts == {"kernel": "6.1.0 some build", "fio_version": ""}


def test_a_group_has_its_start_words_output_and_status() -> None:
    """Everything between begin and end belongs to the group; progress is no output."""
    log = read(
        "@stormark begin a,b 1700000000",
        "Jobs: 2 (f=2): [r(2)][r=1MiB/s][r=256 IOPS]",
        "@stormark stderr fio: a warning",
        "@stormark output a,b",
        "{",
        "}",
        "@stormark end a,b 0",
        "after",
        "@stormark finished",
    )
    assert log.begun == {"a,b": 1700000000}
    assert log.stderr == {"a,b": ["fio: a warning"]}
    assert log.output == {"a,b": "{\n}\n"}
    assert log.status == {"a,b": 0}
    assert log.finished


def test_what_fio_logged_of_each_second_is_put_together() -> None:
    """Line by line; another try begins anew."""
    first = ["@stormark begin 1 0", "@stormark output 1", "{}", "@stormark seconds 1 H4sI"]
    log = read(*first, *first, "@stormark seconds 1 AAAA", "@stormark end 1 0")
    assert (log.seconds, log.output) == ({"1": "H4sIAAAA"}, {"1": "{}\n"})


def test_a_log_that_is_cut_has_no_status_for_its_last_group() -> None:
    """What had ended stays; what had begun is known to have begun."""
    log = read(
        "@stormark begin a 1", "@stormark output a", "@stormark end a 0", "@stormark begin b 2"
    )
    assert (set(log.begun), set(log.status), log.finished) == ({"a", "b"}, {"a"}, False)


def test_what_a_volume_refuses_is_kept() -> None:
    """Too small, not writable, an engine that fails, a file that cannot be laid out."""
    log = read(
        "@stormark refuse 100 200",
        "@stormark unwritable sh: cannot create a: Permission denied",
        "@stormark engine libaio fio: engine libaio not loadable",
        "@stormark failed-layout fio: no space left",
        "@stormark unreadable fio: job a dropped",
    )
    assert log.refused == (100, 200)
    assert log.unwritable == "sh: cannot create a: Permission denied"
    assert log.engine_errors == ["libaio: fio: engine libaio not loadable"]
    assert log.errors == ["fio: no space left", "fio: job a dropped"]
    assert not log.finished


def test_lines_of_others_are_ignored() -> None:
    """A shell's or a kernel's words in the log change nothing."""
    assert read("hello", "", "stormark: fact a b", "@stormarks fact a b") == FioLog()


@pytest.mark.parametrize(
    ("line", "iops", "bytes_per_second"),
    [
        ("[r(1)][50.0%][r=1MiB/s][r=256 IOPS][eta 00m:01s]", 256, 2**20),
        ("[w(1)][50.0%][w=816KiB/s][w=204 IOPS][eta 00m:01s]", 204, 816 * 2**10),
        ("[r(1)][50.0%][r=1.5GiB/s][r=393k IOPS][eta 00m:01s]", 393_000, 3 * 2**29),
        ("[r(1)][50.0%][r=4GiB/s][r=1.05M IOPS][eta 00m:01s]", 1_050_000, 2**32),
        ("[r(1)][50.0%][r=512B/s][r=1 IOPS][eta 00m:01s]", 1, 512),
        (
            "[m(1)][62.5%][r=20.5MiB/s,w=10.5MiB/s][r=26.9k,w=8991 IOPS][eta 00m:03s]",
            35_891,
            31 * 2**20,
        ),
    ],
)
def test_rates_are_read_with_their_prefixes(
    line: str, iops: float, bytes_per_second: float
) -> None:
    """Reads and writes together; I/Os count by 1,000, bytes by 1,024."""
    assert rates(f"Jobs: 1 (f=1): {line}") == pytest.approx((iops, bytes_per_second))


def test_the_newest_update_of_a_line_counts() -> None:
    """fio ends a line every other second, with a carriage return between the updates."""
    line = (
        "Jobs: 1 (f=1): [r(1)][50.0%][r=1MiB/s][r=256 IOPS][eta 00m:04s]\r"
        "Jobs: 1 (f=1): [r(1)][62.5%][r=2MiB/s][r=512 IOPS][eta 00m:03s] \r"
    )
    assert rates(line) == (512, 2 * 2**20)


@pytest.mark.parametrize("line", ["", "Jobs: 1 (f=1)", "Jobs: 1 (f=1): [L(1)][-.-%][eta 00m:02s]"])
def test_a_line_without_rates_has_none(line: str) -> None:
    """Before the first second, or while files are laid out."""
    assert rates(line) is None


def test_of_many_words_beside_the_figures_the_first_are_kept() -> None:
    """A verify that fails has a line for each block."""
    log = FioLog()
    log.feed("@stormark begin 1 1700000000")
    for number in range(500):
        log.feed(f"@stormark stderr verify: bad block {number}")
    assert len(log.stderr["1"]) == MOST_LINES + 1
    assert log.stderr["1"][-1] == f"and {500 - MOST_LINES} lines more"
