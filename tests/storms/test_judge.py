"""The judgement on a volume: what was acknowledged, and what the reader found there."""

from pathlib import Path

import pytest

from tasks.storms.ledger import UnreadableVolume, Verdict, checksum, in_control, judge, records
from tests.storms.scripts import SHELLS, acknowledged, make_place


def reading(*files: tuple[str, list[str]], end: str = "@stormark finished") -> list[str]:
    """What reader.sh prints of some files."""
    lines = ["@stormark begin"]
    for name, content in files:
        lines += [f"@stormark file {name}", *content, ""]
    return [*lines, end]


def record(pod: str, number: int) -> str:
    return f"{number} {pod} {checksum(pod, number)}"


def file_of(pod: str, *numbers: int) -> tuple[str, list[str]]:
    return pod, [record(pod, number) for number in numbers]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize("pod", ["a", "stormark-20261123-031500-a1b2c3-4-nfs-client-storm-x9z7k-0"])
def test_checksums_are_those_that_the_writer_wrote(
    tmp_path: Path, shell: list[str], pod: str
) -> None:
    """The shell's arithmetic and Python's agree, also for a long name."""
    place = make_place(tmp_path, shell)
    numbers = acknowledged(place.write(pod, records=5))
    written = (place.written / f"{pod}.1").read_text().split("\n")
    assert [line for line in written if line] == [record(f"{pod}.1", n) for n in numbers]


def test_a_checksum_stays_right_where_its_product_is_large() -> None:
    """A million records on: the products are beyond 32 bits, and the result below 2^31."""
    assert checksum("a", 0) == 7 * 31 + ord("a")
    assert checksum("a", 10**6) == (10**6 * 48271 + 314) % (2**31 - 1)


def test_a_volume_that_holds_all_is_kept() -> None:
    """A record that was never seen acknowledged is no error."""
    whole = records(reading(file_of("web-1", 0, 1, 2)))
    verdict = judge({("web-1", 0), ("web-1", 1)}, whole, set())
    assert verdict.kept
    assert verdict == Verdict(2, [], 0, 1)


@pytest.mark.parametrize(("end", "numbers"), [(None, {0, 1, 2}), (2, {0, 1}), (0, set())])
def test_a_control_has_what_was_written_until_it_was_refused(
    end: int | None, numbers: set[int]
) -> None:
    """That of the life that the fault met, and of no other."""
    acknowledged = {(writer, number) for writer in ("a.1", "a.2") for number in range(3)}
    assert in_control(acknowledged, "a.1", end) == {("a.1", number) for number in numbers}


def test_acknowledged_records_that_are_gone_are_lost() -> None:
    """Each is named, in order."""
    second = records(reading(file_of("web-1", 1)))
    verdict = judge({("web-1", number) for number in range(4)}, second, set())
    assert not verdict.kept
    assert verdict.lost == [("web-1", 0), ("web-1", 2), ("web-1", 3)]


def test_two_writers_are_judged_each_for_itself() -> None:
    """Both may have written the same number, as they do while both run."""
    both = records(reading(file_of("web-1", 0, 1), file_of("web-2", 1, 2)))
    acknowledged = {("web-1", 0), ("web-1", 1), ("web-1", 2), ("web-2", 1), ("web-2", 2)}
    assert judge(acknowledged, both, set()).lost == [("web-1", 2)]


@pytest.mark.parametrize(
    "line",
    ["1 web-1", "1 web-1 7", "x web-1 7", "\0\0\0", f"1 web-2 {checksum('web-2', 1)}", "² web-1 7"],
    ids=["cut", "checksum", "no number", "zeros", "another's", "no ASCII"],
)
def test_a_line_that_is_no_record_is_torn(line: str) -> None:
    """It is counted, and the record that it may have been is lost."""
    lines = [record("web-1", 0), line, record("web-1", 2)]
    read = records(reading(("web-1", lines)))
    assert read.torn == 1
    assert judge({("web-1", number) for number in range(3)}, read, set()).lost == [("web-1", 1)]


def test_an_empty_volume_has_lost_everything() -> None:
    """It was read to its end, so this is a judgement and no failure."""
    assert judge({("web-1", 0)}, records(reading()), set()).lost == [("web-1", 0)]


def test_a_reading_that_is_cut_at_its_end_is_no_judgement() -> None:
    """What was not read is not lost."""
    with pytest.raises(UnreadableVolume, match="ends early"):
        records(reading(file_of("web-1", 0), end=record("web-1", 1)))


@pytest.mark.parametrize("lines", [[], reading(file_of("web-1", 0), file_of("web-2", 1))[3:]])
def test_a_reading_that_is_cut_at_its_start_is_no_judgement(lines: list[str]) -> None:
    """A node keeps only the last 10 MiB of a log: the first files may be gone from it."""
    with pytest.raises(UnreadableVolume, match="begins late"):
        records(lines)


def test_a_file_that_cannot_be_read_is_no_judgement() -> None:
    """The file is named."""
    with pytest.raises(UnreadableVolume, match="web-1"):
        records(reading(("web-1", [record("web-1", 0), "@stormark unreadable web-1"])))


@pytest.mark.parametrize(
    ("control", "lost"),
    [(["0", "1", "2"], 0), (["0", "1"], 1), (["0", "\0\0", "1 2"], 2), (None, 3)],
    ids=["whole", "cut", "zeros", "gone"],
)
def test_a_control_is_judged_for_itself(control: list[str] | None, lost: int) -> None:
    """What it lost is neither lost by the writer nor torn: nobody was told that it is durable."""
    files = [file_of("web-1", 0, 1, 2)]
    if control is not None:
        files.append(("web-1.unsynced", control))
    written = {("web-1", number) for number in range(3)}
    verdict = judge(written, records(reading(*files)), written)
    assert verdict.kept
    assert (verdict.torn, verdict.unexpected, verdict.unsynced) == (0, 0, 3)
    assert len(verdict.unsynced_lost) == lost
