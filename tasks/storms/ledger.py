"""Judges what a volume holds against what was acknowledged. Only computes."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

# The arithmetic of `manifests/writer.sh`.
MODULUS, FACTOR = 2**31 - 1, 48271
UNSYNCED = ".unsynced"  # ends the name of a writer's control file, of which nothing is made durable
Records = set[tuple[str, int]]
# The sectors of a page there; a line of `uniq -c` on them in `manifests/reader.sh`.
SECTORS = 16
COUNTED = re.compile(
    r" *(?P<count>[0-9]+) (?=.{511}$)(?P<page>[0-9]+) (?P<version>[0-9]+) (?P<writer>\S+) *"
)
PAGES = ".pages"  # ends the name of the file of a writer's pages
Page = tuple[str, int]  # its writer and number
Sectors = dict[Page, Counter[int]]  # how many sectors of each page have which version
COLD = ".cold"  # ends the name of the file that a writer wrote once


class PagesVerdict(NamedTuple):
    """Pages with an acknowledged version: those that are `lost` lack it or a later one somewhere.

    `torn` ones have sectors of several versions, or lack some: also of a write that was never
    acknowledged.
    """

    written: int = 0
    lost: tuple[Page, ...] = ()
    torn: tuple[Page, ...] = ()


class Verdict(NamedTuple):
    """Counts of records; `lost` lists the acknowledged ones that are gone, as (writer, number).

    `unsynced_lost` lists those that are gone of the `unsynced` ones in the control, `cold_damaged`
    the writers whose cold region is not as it was; None where there was none to check.
    """

    acknowledged: int
    lost: list[tuple[str, int]]
    torn: int
    unexpected: int
    unsynced: int = 0
    unsynced_lost: tuple[tuple[str, int], ...] = ()
    pages: PagesVerdict = PagesVerdict()
    read_back: str | None = None
    cold_damaged: tuple[str, ...] | None = None

    @property
    def kept(self) -> bool:
        """Whether every acknowledged record, page and cold region is there and reads back right."""
        return not (self.lost or self.pages.lost or self.cold_damaged)


class Reading(NamedTuple):
    """What a volume holds: whole records, torn lines, numbers in the controls, sectors of pages.

    `cold` has the checksum of each writer's cold region. `how` it was read: direct, or cached; None
    where it holds no file.
    """

    found: Records
    torn: int
    unsynced: Records
    pages: Sectors
    cold: dict[str, str]
    how: str | None = None


class UnreadableVolume(Exception):
    """What the reader printed is cut at either end, or it could not read a file."""


def checksum(writer: str, number: int) -> int:
    """The checksum of a record."""
    value = 7
    for byte in writer.encode():
        value = (value * 31 + byte) % MODULUS
    return (number * FACTOR + value) % MODULUS


def records(lines: Iterable[str]) -> Reading:
    """What `manifests/reader.sh` printed: whole records, as (writer, number), torn lines, the rest.

    A line of a control that is no number is none of its records, and not torn: nobody made it
    durable.

    Raises UnreadableVolume when it says that a file cannot be read, when its end is missing, or its
    beginning: a node keeps only the last part of a long log.
    """
    found: Records = set()
    unsynced: Records = set()
    sectors: Sectors = {}
    cold: dict[str, str] = {}
    torn = 0
    how: str | None = None
    writer = ""
    rest = iter(lines)
    if (first := next(rest, "")) != "@stormark begin":
        raise UnreadableVolume(f"the reading of the volume begins late, with {first[:80]!r}")
    for line in rest:
        match line.split(" "):
            case ["@stormark", "file", writer]:
                continue
            case [*_, "@stormark", "unreadable", name]:
                raise UnreadableVolume(f"the writer's file {name} cannot be read")
            case ["@stormark", "finished"]:
                return Reading(found, torn, unsynced, sectors, cold, how)
            case ["@stormark", "read", how]:
                continue
            case _ if writer.endswith(PAGES):
                _add_sectors(sectors, writer.removesuffix(PAGES), line)
            case [value, *_] if writer.endswith(COLD):
                cold.setdefault(writer.removesuffix(COLD), value)
            case words if writer.endswith(UNSYNCED):
                unsynced |= _numbered(writer.removesuffix(UNSYNCED), words)
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


def _numbered(writer: str, words: list[str]) -> Records:
    """The record that a line of a control tells of; none if it is no number."""
    return {(writer, int(words[0]))} if len(words) == 1 and words[0].isdecimal() else set()


def _add_sectors(found: Sectors, writer: str, line: str) -> None:
    """Count the sectors that a line of `uniq -c` tells of, if they have the writer's stamp."""
    if (known := COUNTED.fullmatch(line)) and known["writer"] == writer:
        versions = found.setdefault((writer, int(known["page"])), Counter())
        versions[int(known["version"])] += int(known["count"])


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

    `unsynced` are those that the control is to hold. Pages are left to `judge_pages`, and what is
    cold to `judge_cold`.
    """
    found, torn, control, *_ = reading
    return Verdict(
        len(acknowledged),
        sorted(acknowledged - found),
        torn,
        len(found - acknowledged),
        len(unsynced),
        tuple(sorted(unsynced - control)),
        read_back=reading.how,
    )


def judge_pages(
    acknowledged: Mapping[Page, int], found: Sectors, writing: Collection[str] = ()
) -> PagesVerdict:
    """Compare the last acknowledged version of each page with its sectors.

    An older version is a lost write, also where another page has a later one: a write that was
    reordered is lost too. A page that is torn has lost nothing while each sector has what was
    acknowledged, or what came after. Those of writers that are still `writing` are not torn but
    under way.
    """
    lost = [
        page
        for page, version in acknowledged.items()
        if sum(n for v, n in found.get(page, {}).items() if v >= version) < SECTORS
    ]
    torn = [
        page
        for page, versions in found.items()
        if page[0] not in writing and list(versions.values()) != [SECTORS]
    ]
    return PagesVerdict(len(acknowledged), tuple(sorted(lost)), tuple(sorted(torn)))


def judge_cold(said: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...] | None:
    """The writers whose cold region has another checksum than they said, or is gone.

    None where no writer said one: what was being written as the fault came is not judged.
    """
    if not said:
        return None
    return tuple(sorted(writer for writer, value in said.items() if found.get(writer) != value))
