"""docs/architecture.md: the picture of rooms is the one that import-linter holds."""

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
ARROWS = re.findall(r"^    (\w+) --> (\w+)$", PAGE, re.MULTILINE)


def floors() -> dict[str, int]:
    """The rooms of tasks by their floor, 0 the top one."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:rooms"]["layers"].strip().splitlines()
    return {room.strip(): floor for floor, line in enumerate(layers) for room in line.split("|")}


def test_the_picture_has_the_rooms_that_are_there() -> None:
    folders = {path.parent.name for path in (ROOT / "tasks").glob("*/__init__.py")}
    assert {room for arrow in ARROWS for room in arrow} == folders == floors().keys()


def test_every_arrow_goes_down_to_the_next_floor() -> None:
    """And every room above the lowest floor has one."""
    floor = floors()
    assert [arrow for arrow in ARROWS if floor[arrow[1]] != floor[arrow[0]] + 1] == []
    lowest = max(floor.values())
    assert {above for above, _ in ARROWS} == {room for room in floor if floor[room] < lowest}


def test_every_room_has_a_line_and_about_a_dozen_modules_at_most() -> None:
    for room in floors():
        assert f"| `{room}/` |" in PAGE
        assert len(list((ROOT / "tasks" / room).glob("[!_]*.py"))) <= 14
