"""manifests/writer.sh: what it acknowledges is on the volume, and the next writer goes on."""

import signal
from pathlib import Path

import pytest

from tasks.judge import checksum, records
from tests.storms.scripts import SHELLS, Place, acknowledged, make_place


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return make_place(tmp_path, request.param)


def test_an_empty_volume_starts_at_0_and_says_so(place: Place) -> None:
    """Nothing there is told apart from going on after record 0."""
    lines = place.write("web-1", records=2)
    assert lines[:2] == ["start 0 no-record as web-1.1", "ack 0"]
    assert acknowledged(lines) == list(range(len(lines) - 2))


def test_it_goes_on_after_the_last_whole_record(place: Place) -> None:
    """Also in the same pod, whose container was started again."""
    written = {("web-1.1", number) for number in acknowledged(place.write("web-1", records=3))}
    for life in (2, 3):
        last = max(number for _, number in written)
        lines = place.write("web-1", records=2)
        assert lines[0] == f"start {last + 1} after {last} as web-1.{life}"
        written |= {(f"web-1.{life}", number) for number in acknowledged(lines)}
    assert records(place.read()) == (written, 0)


def test_a_record_that_was_lost_is_not_written_again(place: Place) -> None:
    """A later life of the pod may use its number, but not its name."""
    numbers = acknowledged(place.write("web-1", records=3))
    (place.written / "web-1.1").write_text("")
    assert place.write("web-1", records=3)[0] == "start 0 no-record as web-1.2"
    found, _ = records(place.read())
    assert found.isdisjoint({("web-1.1", number) for number in numbers})


def test_the_highest_record_of_any_writer_counts(place: Place) -> None:
    """Each pod has a file of its own, and numbers go on from pod to pod."""
    first = acknowledged(place.write("web-1", records=3))[-1]
    second = acknowledged(place.write("web-2", records=3))
    assert second[0] == first + 1
    assert place.write("web-0", records=1)[0] == (
        f"start {second[-1] + 1} after {second[-1]} as web-0.1"
    )
    assert sorted(file.name for file in place.written.iterdir()) == [
        "web-0.1",
        "web-1.1",
        "web-2.1",
    ]


def test_sigterm_lets_it_finish_its_record(place: Place) -> None:
    """The last word is the number that it did not write; every acknowledgement is there."""
    with place.writer("web-1") as writer:
        lines = writer.until("ack 3") + writer.end()
        assert writer.process.returncode == 0
    numbers = acknowledged(lines)
    assert lines[-1] == f"end {numbers[-1] + 1}"
    assert records(place.read()) == ({("web-1.1", number) for number in numbers}, 0)


def test_after_sigkill_every_acknowledged_record_is_there(place: Place) -> None:
    """At most the record that was under way is there without an acknowledgement."""
    with place.writer("web-1") as writer:
        numbers = acknowledged(writer.until("ack 3") + writer.end(signal.SIGKILL))
    found, _ = records(place.read())
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
    last = acknowledged(place.write("web-1", records=1))[-1]
    file = place.written / "web-1.1"
    file.write_text(file.read_text() + torn)
    lines = place.write("web-1", records=1)
    assert lines[0] == f"start {last + 1} after {last} as web-1.2"
    found, torn_lines = records(place.read())
    assert sorted(number for _, number in found) == list(range(acknowledged(lines)[-1] + 1))
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
