"""Judges what a volume holds against what was acknowledged. Only computes."""

from collections.abc import Iterable
from typing import NamedTuple

# The arithmetic of `manifests/writer.sh`.
MODULUS, FACTOR = 2**31 - 1, 48271


class Verdict(NamedTuple):
    """Counts of records; `lost` lists the acknowledged ones that are gone, as (writer, number)."""

    acknowledged: int
    lost: list[tuple[str, int]]
    torn: int
    unexpected: int

    @property
    def kept(self) -> bool:
        """Whether every acknowledged record is there and reads back right."""
        return not self.lost


class UnreadableVolume(Exception):
    """What the reader printed is cut at either end, or it could not read a file."""


def checksum(writer: str, number: int) -> int:
    """The checksum of a record."""
    value = 7
    for byte in writer.encode():
        value = (value * 31 + byte) % MODULUS
    return (number * FACTOR + value) % MODULUS


def records(lines: Iterable[str]) -> tuple[set[tuple[str, int]], int]:
    """The whole records that `manifests/reader.sh` printed, as (writer, number), and torn lines.

    Raises UnreadableVolume when it says that a file cannot be read, when its end is missing, or its
    beginning: a node keeps only the last part of a long log.
    """
    found: set[tuple[str, int]] = set()
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
                return found, torn
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


def judge(acknowledged: set[tuple[str, int]], found: set[tuple[str, int]], torn: int) -> Verdict:
    """Compare the records that were acknowledged with those that are there, for each writer."""
    return Verdict(len(acknowledged), sorted(acknowledged - found), torn, len(found - acknowledged))
