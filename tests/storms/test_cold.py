"""The cold region: written once, and checked from then on; damage of it is seen."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.storms.ledger import UnreadableVolume, Verdict, judge_cold, records
from tests.storms.ground import Ground, storm_rows, wait_for_cold
from tests.storms.scripts import Place, make_place
from tests.testbed.shells import program_of

WRITER = "web-1.1"
SIZE = 8192 * 512
SLOWLY = 0.5  # seconds between records: what is cold may take minutes before there are many lines
SHELLS = ("dash", "bash", "busybox", "busybox-static")
OBEY_PATH = pytest.mark.parametrize("place", SHELLS[:3], indirect=True)  # the last has all built in
TOOLS = ("dd", "md5sum", "sed", "seq", "sync", "wc")


@pytest.fixture(params=SHELLS)
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """A volume; busybox has tools of its own."""
    shell = str(request.param)
    if not shell.startswith("busybox"):
        return make_place(tmp_path, [shell])
    program = program_of(shell)
    place = make_place(tmp_path, [str(program), "sh"])
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(program)
    return place


def file_of(place: Place) -> Path:
    return place.written / f"{WRITER}.cold"


def write(place: Place) -> dict[str, str]:
    """Let a writer write until its cold region is durable; what it says of it."""
    with place.writer("web-1", SLOWLY) as writer:
        lines = writer.until("cold ")
        lines += writer.end()
    return said(lines)


def said(lines: list[str]) -> dict[str, str]:
    words = [line.split() for line in lines if line.startswith("cold ")]
    return {writer: value for _, writer, value in words}


def judged(place: Place, known: dict[str, str]) -> tuple[str, ...] | None:
    return judge_cold(known, records(place.read()).cold)


def test_what_nobody_touched_is_whole(place: Place) -> None:
    """It is no record, and none of it is torn; the first record did not wait for it."""
    with place.writer("web-1", SLOWLY) as writer:
        lines = writer.until("cold ") + writer.end()
    assert lines[:2] == [f"start as {WRITER}", "ack 0"]
    assert file_of(place).stat().st_size == SIZE
    assert judged(place, said(lines)) == ()
    assert records(place.read()).torn == 0


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[3_000_000] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: SIZE // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("change", [flip, cut, empty, Path.unlink])
def test_damage_is_seen(place: Place, change: Callable[[Path], None]) -> None:
    """One bit, or all of it."""
    known = write(place)
    change(file_of(place))
    assert judged(place, known) == (WRITER,)


def test_a_later_life_writes_no_other(place: Place) -> None:
    """It is the first one's that is checked, however often the volume is used again."""
    known = write(place)
    later = place.write("web-1", records=3)
    assert said(later) == {}
    assert [file.name for file in place.written.glob("*.cold")] == [f"{WRITER}.cold"]
    assert judged(place, known) == ()


def test_what_was_still_being_written_is_not_judged(place: Place) -> None:
    """Nobody said that it is durable."""
    known = write(place)
    cut(file_of(place))
    assert judged(place, {}) is None
    assert judged(place, known) == (WRITER,)


@OBEY_PATH
@pytest.mark.parametrize("tool", ["seq", "md5sum", "dd"])
def test_where_it_cannot_be_written_records_go_on(place: Place, tool: str) -> None:
    """As in an image without the tool, or on a volume that is full; nothing of it is left."""
    path = place.folder / "bin" / tool
    real = shutil.which(tool)
    path.unlink(missing_ok=True)
    refuse = "case $* in *.cold | 8192 | '') exit 1 ;; esac"
    path.write_text(f'#!/bin/sh\n{refuse}\nexec {real} "$@"\n')
    path.chmod(0o755)
    lines = place.write("web-1", records=20)
    assert said(lines) == {}
    assert not file_of(place).exists()


@OBEY_PATH
def test_one_that_cannot_be_read_is_no_judgement(place: Place) -> None:
    """A checksum of what could be read of it would be called damage."""
    write(place)
    for tool, real in ((name, shutil.which(name)) for name in ("cat", "dd")):
        path = place.folder / "bin" / tool
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\ncase $1 in *.cold) exit 1 ;; esac\nexec {real} "$@"\n')
        path.chmod(0o755)
    with pytest.raises(UnreadableVolume, match=f"{WRITER}.cold cannot be read"):
        records(place.read())


@pytest.mark.parametrize(("damaged", "kept"), [((), True), (None, True), ((WRITER,), False)])
def test_a_volume_with_silent_damage_is_not_kept(
    damaged: tuple[str, ...] | None, kept: bool
) -> None:
    """Though each record is there."""
    assert Verdict(3, [], 0, 0, cold_damaged=damaged).kept is kept


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("damaged", [True, False])
def test_it_is_checked_after_each_storm(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    """Damage is told once, of the storm that it was found after; its twin is checked each time."""
    changed: list[Path] = []

    def flip_once() -> None:
        for folder in ground.folders if damaged and not changed else []:
            for file in folder.glob("var/tmp/stormark-*/local/stormark/*.cold"):
                changed.append(file)
                flip(file)

    wait_for_cold(monkeypatch, flip_once)
    known = ground.run_storms(
        tmp_path,
        storm_volumes=["local"],
        storms=["pod-kill", "pod-delete"],
        recovery_limit_seconds=180,
        writes_per_second=20,
    )
    assert len(changed) == damaged
    found = [(row["kept"], row["cold_damaged"], row["lost_records"]) for row in storm_rows(known)]
    assert found == [(not damaged, damaged, 0), (True, None if damaged else False, 0)]
