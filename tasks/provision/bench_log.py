"""Reads what `manifests/fio.sh` writes to its pod's log. Only computes."""

import base64
import gzip
import re
import zlib
from dataclasses import dataclass, field

from tasks.plan.job_file import SIZE_UNITS

# fio's eta line, as in [r=105MiB/s,w=35.1MiB/s][r=26.9k,w=8991 IOPS]
MOST_LINES = 10
PACKED = re.compile(r"@stormark (?P<what>seconds|node) (?P<group>\S+) (?P<part>.*)")
RATES = re.compile(r"\[([^]]*B/s)]\[([^]]*) IOPS]")


@dataclass
class FioLog:
    """What a pod's log has said so far; `feed` it line by line.

    `ended` is what the cluster says of a pod that ended before it had finished.
    """

    facts: dict[str, str] = field(default_factory=dict)
    engine_errors: list[str] = field(default_factory=list)
    parsed: list[str] = field(default_factory=list)
    unusable_engines: dict[str, str] = field(default_factory=dict)  # why, where fio has it
    errors: list[str] = field(default_factory=list)
    refused: tuple[int, int] | None = None
    begun: dict[str, int] = field(default_factory=dict)
    stderr: dict[str, list[str]] = field(default_factory=dict)
    output: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, str] = field(default_factory=dict)  # packed, see `tasks/speed/seconds.py`
    node: dict[str, str] = field(default_factory=dict)  # packed, see `tasks/speed/node_seconds.py`
    status: dict[str, int] = field(default_factory=dict)
    unwritable: str | None = None
    finished: bool = False
    group: str | None = None
    in_output: bool = False
    ended: str | None = None

    def feed(self, line: str) -> None:
        """Take in the next line."""
        if line.startswith("@stormark parse "):
            self.parsed.append(line.removeprefix("@stormark parse "))
        elif packed := PACKED.match(line):
            of = self.seconds if packed["what"] == "seconds" else self.node
            self.in_output = False
            of[packed["group"]] = of.get(packed["group"], "") + packed["part"]
        elif line.startswith("@stormark "):
            words = line.split(" ", 3)[1:]
            self._message(words[0], *words[1:])
        elif self.in_output and self.group is not None:
            self.output[self.group] += line + "\n"

    def _warn(self, said: list[str], words: str) -> None:
        """Keep the first lines, and count the others: a failed verify has one for each block."""
        if len(said) < MOST_LINES:
            said.append(words)
        else:
            more = int(said.pop().split()[1]) if len(said) > MOST_LINES else 0
            said.append(f"and {more + 1} lines more")

    def _message(self, kind: str, first: str = "", rest: str = "") -> None:
        match kind:
            case "fact":
                self.facts[first] = rest
            case "engine":
                self.engine_errors.append(f"{first}: {rest}")
            case "no-engine" | "refused-engine":
                self.unusable_engines[first] = rest
            case "refuse":
                self.refused = int(first), int(rest)
            case "begin":
                self.group, self.begun[first], self.stderr[first] = first, int(rest), []
            case "stderr" if self.group is not None:
                self._warn(self.stderr[self.group], f"{first} {rest}".strip())
            case "output":
                self.in_output, self.output[first] = True, ""
                self.seconds[first] = self.node[first] = ""
            case "end":
                self.in_output, self.group, self.status[first] = False, None, int(rest)
            case "unreadable" | "failed-layout":
                self.errors.append(f"{first} {rest}".strip())
            case "unwritable":
                self.unwritable = f"{first} {rest}".strip()
            case "order":  # what a lost pod had begun to say is over
                self.in_output, self.group, self.finished = False, None, False
            case "ready" | "finished" | "checked":
                self.finished = True


def rates(line: str) -> tuple[float, float] | None:
    """IOPS and bytes a second, reads and writes together, of a line of fio's progress.

    A line holds several updates, with carriage returns between them: the last is the newest.
    """
    updates = RATES.findall(line)
    if not updates:
        return None
    bandwidth, iops = updates[-1]
    return _total(iops, 1000.0), _total(bandwidth, 1024.0)


def _total(parts: str, step: float) -> float:
    """The sum of values such as r=26.9k,w=8991 or r=105MiB/s; a prefix counts by `step`."""
    prefixes = {unit: step**power for power, unit in enumerate(SIZE_UNITS)}
    total = 0.0
    for number, unit in re.findall(r"=([0-9.]+)([kKMGT]?)", parts):
        total += float(number) * prefixes[unit.lower()]
    return total


def unpacked(packed: str) -> str:
    """The text that fio.sh has packed; ValueError where it did not come whole."""
    try:
        return gzip.decompress(base64.b64decode(packed, validate=True)).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error
