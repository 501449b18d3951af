"""Judges what a volume holds against what was acknowledged. Only computes."""

from collections.abc import Iterable
from typing import NamedTuple

# The arithmetic of `manifests/writer.sh`.
MODULUS, FACTOR = 2**31 - 1, 48271
UNSYNCED = ".unsynced"  # ends the name of a writer's control file, of which nothing is made durable
Records = set[tuple[str, int]]


class Verdict(NamedTuple):
    """Counts of records; `lost` lists the acknowledged ones that are gone, as (writer, number).

    `unsynced_lost` lists those that are gone of the `unsynced` ones in the control.
    """

    acknowledged: int
    lost: list[tuple[str, int]]
    torn: int
    unexpected: int
    unsynced: int = 0
    unsynced_lost: tuple[tuple[str, int], ...] = ()

    @property
    def kept(self) -> bool:
        """Whether every acknowledged record is there and reads back right."""
        return not self.lost


class Reading(NamedTuple):
    """What a volume holds: whole records, how many lines are torn, numbers in the controls."""

    found: Records
    torn: int
    unsynced: Records


class UnreadableVolume(Exception):
    """What the reader printed is cut at either end, or it could not read a file."""


def checksum(writer: str, number: int) -> int:
    """The checksum of a record."""
    value = 7
    for byte in writer.encode():
        value = (value * 31 + byte) % MODULUS
    return (number * FACTOR + value) % MODULUS


def records(lines: Iterable[str]) -> Reading:
    """The whole records that `manifests/reader.sh` printed, as (writer, number), and torn lines.

    A line of a control that is no number is none of its records, and not torn: nobody made it
    durable.

    Raises UnreadableVolume when it says that a file cannot be read, when its end is missing, or its
    beginning: a node keeps only the last part of a long log.
    """
    found: Records = set()
    unsynced: Records = set()
    torn = 0
    writer = ""
    rest = iter(lines)
    if (first := next(rest, "")) != "@stormark begin":
        raise UnreadableVolume(f"the reading of the volume begins late, with {first[:80]!r}")
    for line in rest:
        match line.split(" "):
            case ["@stormark", "file", writer]:
                continue
            case ["@stormark", "unreadable", name]:
                raise UnreadableVolume(f"the writer's file {name} cannot be read")
            case ["@stormark", "finished"]:
                return Reading(found, torn, unsynced)
            case words if writer.endswith(UNSYNCED):
                if len(words) == 1 and words[0].isdecimal():
                    unsynced.add((writer.removesuffix(UNSYNCED), int(words[0])))
            case [number, name, check] if (
                number.isdecimal()
                and name == writer
                and check == str(checksum(writer, int(number)))
            ):
                found.add((writer, int(number)))
            case [""]:
                continue
            case _:
                torn += 1
    raise UnreadableVolume("the reading of the volume ends early")


def in_control(acknowledged: Records, writer: str, end: int | None) -> Records:
    """The records of a writer that its control had before they were acknowledged.

    Those before `end`, if one could not be written there: a disk that loses its power may refuse
    one before the writer is killed, and what was written until then counts.
    """
    return {
        (name, number)
        for name, number in acknowledged
        if name == writer and (end is None or number < end)
    }


def judge(acknowledged: Records, reading: Reading, unsynced: Records) -> Verdict:
    """Compare the records that were acknowledged with those that are there, for each writer.

    `unsynced` are those that the control is to hold.
    """
    found, torn, control = reading
    return Verdict(
        len(acknowledged),
        sorted(acknowledged - found),
        torn,
        len(found - acknowledged),
        len(unsynced),
        tuple(sorted(unsynced - control)),
    )
