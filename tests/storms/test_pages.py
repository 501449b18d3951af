"""Pages that are overwritten in place: whole, torn, or older than what was acknowledged."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.storms.ledger import Page, PagesVerdict, UnreadableVolume, judge_pages, records
from tests.storms.scripts import SHELLS, Place, make_place

WRITER = "web-1.1"
SECTOR, SIZE, COUNT = 512, 8192, 8
# What happens to the file of a writer's pages, and what is then judged of page 3.
Change = Callable[[bytearray], None]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return make_place(tmp_path, request.param)


def write(place: Place, pages: int = 2 * COUNT) -> dict[Page, int]:
    """Let a writer write each page twice or more; the versions that it acknowledged last."""
    with place.writer("web-1") as writer:
        lines = writer.until("start")
        for _ in range(pages):
            lines += writer.until("page")
        lines += writer.end()
    words = [line.split() for line in lines if line.startswith("page ")]
    return {(WRITER, int(page)): int(version) for _, page, version in words}


def judged(place: Place, acknowledged: dict[Page, int]) -> PagesVerdict:
    return judge_pages(acknowledged, records(place.read()).pages)


def stamped(version: int, page: int = 3, sectors: int = 16) -> bytes:
    return (f"{page} {version} {WRITER}".ljust(SECTOR - 1).encode() + b"\n") * sectors


def put(at: int, content: bytes) -> Change:
    """Let page 3 have this content from a sector on."""

    def change(file: bytearray) -> None:
        start = 3 * SIZE + at * SECTOR
        file[start : start + len(content)] = content

    return change


def test_every_page_is_whole_and_as_it_was_acknowledged(place: Place) -> None:
    """Each was written over: the file is no longer than its pages."""
    acknowledged = write(place)
    assert len(acknowledged) == COUNT
    assert min(acknowledged.values()) >= COUNT
    assert (place.written / f"{WRITER}.pages").stat().st_size == COUNT * SIZE
    assert judged(place, acknowledged) == PagesVerdict(COUNT)


@pytest.mark.parametrize(
    ("change", "lost", "torn"),
    [
        (put(0, stamped(3)), True, False),
        (put(0, stamped(1003)), False, False),
        (put(5, stamped(3, sectors=4)), True, True),
        (put(5, stamped(1003, sectors=4)), False, True),
        (put(0, bytes(SECTOR)), True, True),
        (put(15, b"x"), True, True),
        (put(0, bytes(SIZE)), True, False),
        (put(0, stamped(1005, page=5)), True, False),
        (lambda file: file.__delitem__(slice(3 * SIZE, None)), True, False),
    ],
    ids=[
        "an old version", "a later one, not acknowledged", "torn by an old one",
        "torn by a later one, not acknowledged", "a sector of zeros", "a byte", "zeros",
        "another page's", "cut",
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_acknowledged_is_seen(
    place: Place, change: Change, lost: bool, torn: bool
) -> None:
    """Torn pages are told also where nothing that was acknowledged is lost."""
    acknowledged = write(place)
    path = place.written / f"{WRITER}.pages"
    file = bytearray(path.read_bytes())
    change(file)
    path.write_bytes(file)
    found = judged(place, acknowledged)
    assert ((WRITER, 3) in found.lost, (WRITER, 3) in found.torn) == (lost, torn)


def test_a_page_under_way_is_not_torn(place: Place) -> None:
    """The reader may meet a writer that writes; what that acknowledged before is still judged."""
    acknowledged = write(place)
    path = place.written / f"{WRITER}.pages"
    file = bytearray(path.read_bytes())
    put(5, stamped(1003, sectors=4))(file)
    path.write_bytes(file)
    pages = records(place.read()).pages
    assert judge_pages(acknowledged, pages).torn == ((WRITER, 3),)
    assert judge_pages(acknowledged, pages, [WRITER]) == PagesVerdict(COUNT)


def test_pages_that_are_gone_are_lost_and_not_torn(place: Place) -> None:
    acknowledged = write(place)
    (place.written / f"{WRITER}.pages").unlink()
    found = judged(place, acknowledged)
    assert (len(found.lost), found.torn) == (COUNT, ())


def test_a_page_that_is_not_durable_is_not_acknowledged(place: Place) -> None:
    """The error is told in dd's words, the same version is tried again, and records go on."""
    place.written.mkdir()
    (place.written / f"{WRITER}.pages").symlink_to("/dev/full")
    with place.writer("web-1") as writer:
        lines = writer.until("ack 2") + writer.end()
    assert not any(line.startswith("page") for line in lines)
    said = [line for line in lines if line.startswith("error")]
    assert {line.partition(" dd: ")[0] for line in said} == {"error 0"}
    assert said[0].endswith("No space left on device")


def in_its_place(place: Place, tool: str, words: str) -> None:
    path = place.folder / "bin" / tool
    path.write_text(f'#!/bin/sh\n{words}\nexec {shutil.which(tool)} "$@"\n')
    path.chmod(0o755)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_volume_is_read_past_the_page_cache_where_it_allows_that(
    place: Place, allowed: bool
) -> None:
    """The same is found both ways; the controls are read as usual."""
    acknowledged = write(place)
    log = place.folder / "log"
    refuse = "" if allowed else "exit 1"
    in_its_place(place, "dd", f'case $* in *direct*) echo "$1" >>{log}; {refuse} ;; esac')
    probe = subprocess.run(
        ["dd", f"if={place.written}/{WRITER}", "iflag=direct", "bs=65536"],
        capture_output=True, check=False,
    )  # fmt: skip
    reading = records(place.read())
    assert reading.how == ("direct" if allowed and probe.returncode == 0 else "cached")
    assert (len(reading.found) > 0, reading.torn) == (True, 0)
    assert judge_pages(acknowledged, reading.pages) == PagesVerdict(COUNT)
    assert ".unsynced" not in log.read_text()


def test_pages_that_cannot_be_read_are_no_judgement(place: Place) -> None:
    """Though what reads them is the first of a pipe, whose end nobody asks about."""
    write(place)
    in_its_place(place, "cat", "case $1 in *.pages) exit 1 ;; esac")
    in_its_place(place, "dd", "case $1 in *.pages) exit 1 ;; esac")
    with pytest.raises(UnreadableVolume, match=f"{WRITER}.pages cannot be read"):
        records(place.read())
