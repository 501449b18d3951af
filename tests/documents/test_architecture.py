"""docs/architecture.md: each picture of rooms is the one that import-linter holds."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
# The contract that holds the rooms of each folder.
CONTRACTS = {"tasks": "rooms", "reports": "report-rooms", "embedded": "embedded-rooms"}
each_folder = pytest.mark.parametrize("folder", CONTRACTS)


def section(folder: str) -> str:
    """The page's section on a folder's rooms."""
    return PAGE.split(f"## The rooms of {folder}/\n")[1].split("\n## ")[0]


def arrows(folder: str) -> list[tuple[str, str]]:
    return re.findall(r"^    (\w+) --> (\w+)$", section(folder), re.MULTILINE)


def floors(folder: str) -> dict[str, int]:
    """The rooms of a folder by their floor, 0 the top one."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts[f"importlinter:contract:{CONTRACTS[folder]}"]["layers"].strip().splitlines()
    return {room.strip(): floor for floor, line in enumerate(layers) for room in line.split("|")}


@each_folder
def test_the_picture_has_the_rooms_that_are_there(folder: str) -> None:
    folders = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert {room for arrow in arrows(folder) for room in arrow} == folders == floors(folder).keys()


@each_folder
def test_every_arrow_goes_down_to_the_next_floor(folder: str) -> None:
    """And every room above the lowest floor has one."""
    floor, drawn = floors(folder), arrows(folder)
    assert [arrow for arrow in drawn if floor[arrow[1]] != floor[arrow[0]] + 1] == []
    lowest = max(floor.values())
    assert {above for above, _ in drawn} == {room for room in floor if floor[room] < lowest}


@each_folder
def test_every_room_has_a_line_and_about_a_dozen_modules_at_most(folder: str) -> None:
    for room in floors(folder):
        assert f"| `{room}/` |" in section(folder)
        assert len(list((ROOT / folder / room).glob("[!_]*.py"))) <= 14
