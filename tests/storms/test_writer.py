"""manifests/writer.sh: what it acknowledges is on the volume, whoever writes next."""

import os
import signal
from pathlib import Path

import pytest

from tasks.storms.ledger import checksum, records
from tests.storms.scripts import SHELLS, Place, acknowledged, make_place


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return make_place(tmp_path, request.param)


def test_it_says_who_it_is_and_counts_from_0(place: Place) -> None:
    lines = place.write("web-1", records=2)
    assert lines[:2] == ["start as web-1.1", "ack 0"]
    assert acknowledged(lines) == list(range(len(acknowledged(lines))))


def test_a_file_s_name_is_durable_before_its_first_record(place: Place) -> None:
    """A file that is synced may be gone after a power cut, where its folder was not."""
    tool, log = place.folder / "bin" / "sync", place.folder / "log"
    tool.write_text(f'#!/bin/sh\nls "$1" >>{log}; wc -c <"$1/web-1.1" >>{log}; echo "$@" >>{log}\n')
    tool.chmod(0o755)
    place.write("web-1", records=1)
    assert log.read_text().split("\n")[:5] == [
        "web-1.1", "web-1.1.pages", "web-1.1.unsynced", "0", "volume/stormark volume",
    ]  # fmt: skip


def test_an_image_without_sync_writes_all_the_same(place: Place) -> None:
    tool = place.folder / "bin" / "sync"
    tool.write_text("#!/bin/sh\necho no such applet >&2; exit 127\n")
    tool.chmod(0o755)
    assert place.write("web-1", records=1)[:2] == ["start as web-1.1", "ack 0"]


def test_each_life_has_a_file_of_its_own(place: Place) -> None:
    """Also in the same pod, whose container was started again."""
    written = set()
    for life in (1, 2, 3):
        lines = place.write("web-1", records=2)
        assert lines[:2] == [f"start as web-1.{life}", "ack 0"]
        written |= {(f"web-1.{life}", number) for number in acknowledged(lines)}
    assert records(place.read())[:3] == (written, 0, written)


def test_a_record_that_was_lost_is_not_written_again(place: Place) -> None:
    """A later life of the pod uses its number, but not its name."""
    numbers = acknowledged(place.write("web-1", records=3))
    (place.written / "web-1.1").write_text("")
    place.write("web-1", records=3)
    assert records(place.read()).found.isdisjoint({("web-1.1", number) for number in numbers})


def test_what_is_there_is_not_read_before_the_first_record(place: Place) -> None:
    """It would be counted as recovery."""
    place.write("web-1", records=1)
    os.mkfifo(place.written / "web-0.1")  # whoever opens it to read waits for ever
    assert place.write("web-1", records=1)[:2] == ["start as web-1.2", "ack 0"]


@pytest.mark.parametrize(
    "pod", ["0", "a-b.c-9z", "stormark-20261123-031500-a1b2c3-0-x-6d5f9-zzzzz"]
)
def test_names_have_the_checksum_that_the_judge_computes(place: Place, pod: str) -> None:
    numbers = acknowledged(place.write(pod, records=2))
    written = {(f"{pod}.1", number) for number in numbers}
    assert records(place.read())[:3] == (written, 0, written)


def test_sigterm_lets_it_finish_its_record(place: Place) -> None:
    """The last word is the number that it did not write; every acknowledgement is there."""
    with place.writer("web-1") as writer:
        lines = writer.until("ack 3") + writer.end()
        assert writer.process.returncode == 0
    numbers = acknowledged(lines)
    in_turn = [line for line in lines if not line.startswith("cold ")]  # that is written beside
    assert in_turn[-1] == f"end {numbers[-1] + 1}"
    written = {("web-1.1", number) for number in numbers}
    assert records(place.read())[:3] == (written, 0, written)


def test_after_sigkill_every_acknowledged_record_is_there(place: Place) -> None:
    """At most the record that was under way is there without an acknowledgement."""
    with place.writer("web-1") as writer:
        numbers = acknowledged(writer.until("ack 3") + writer.end(signal.SIGKILL))
    found = records(place.read()).found
    assert {("web-1.1", number) for number in numbers} <= found
    assert len(found) - len(numbers) in (0, 1)


@pytest.mark.parametrize(
    "torn",
    [
        "9 web-1.1",
        f"9 web-1.1 {checksum('web-1.1', 9)}"[:-1],
        "9 web-1.1 12\n",
        f"9 web-2.1 {checksum('web-2.1', 9)}\n",
        "\0\0\0\n",
        "9\n",
    ],
    ids=["cut", "checksum cut", "checksum wrong", "another pod's", "zeros", "a number alone"],
)
def test_a_torn_line_is_no_record_and_does_not_spoil_the_next(place: Place, torn: str) -> None:
    """The next writer begins its first record on a line of its own."""
    first = acknowledged(place.write("web-1", records=1))
    file = place.written / "web-1.1"
    file.write_text(file.read_text() + torn)
    second = acknowledged(place.write("web-1", records=1))
    found, torn_lines, *_ = records(place.read())
    assert found == {("web-1.1", n) for n in first} | {("web-1.2", n) for n in second}
    assert torn_lines == 1


def test_a_volume_that_refuses_is_said_and_nothing_is_acknowledged(place: Place) -> None:
    """A file in the place of its folder refuses every user, root included; mkdir says why."""
    place.written.touch()
    with place.writer("web-1") as writer:
        (line,) = writer.until("unwritable")
    assert line.startswith("unwritable mkdir: ")
    assert "File exists" in line or "Not a directory" in line


def test_a_record_that_is_not_durable_is_not_acknowledged(place: Place) -> None:
    """The error is told in dd's words, and the same number is tried again."""
    place.written.mkdir()
    (place.written / "web-1.1").symlink_to("/dev/full")
    with place.writer("web-1") as writer:
        lines = writer.until("error") + writer.until("error")
    assert [line.partition(" dd: ")[0] for line in lines[1:]] == ["error 0"] * 2
    assert lines[1].endswith("No space left on device")


def test_a_control_that_cannot_be_written_is_said_once_and_stops_no_record(place: Place) -> None:
    """Else what it lacks would count as lost in a fault."""
    place.written.mkdir()
    (place.written / "web-1.1.unsynced").symlink_to("/dev/full")
    lines = place.write("web-1", records=3)
    assert lines[:3] == ["start as web-1.1", "uncontrolled 0", "ack 0"]
    assert sum(line.startswith("uncontrolled") for line in lines) == 1


def test_the_file_is_opened_once(place: Place) -> None:
    """A file that takes its name meanwhile is not the writer's, as no other is a database's."""
    with place.writer("web-1") as writer:
        writer.until("ack 1")
        (place.written / "web-1.1").rename(place.written / "kept")
        (place.written / "web-1.1").touch()
        numbers = acknowledged(writer.until("ack 4") + writer.end())
    assert (place.written / "web-1.1").read_text() == ""
    last = (place.written / "kept").read_text().split("\n")[-2]
    assert last == f"{numbers[-1]} web-1.1 {checksum('web-1.1', numbers[-1])}"
