"""What `manifests/sample.sh` says of a node, as counters. Only computes."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.provision.bench_log import unpacked

SECTOR, KIB = 512, 1024
TICKS = 100  # a second, in what the kernel tells programs
WAYS = ("read", "write")
# Of a block device (Documentation/block/stat.rst): place in its line, and unit.
DEVICE = {
    "read_ios": (0, 1.0), "read_bytes": (2, SECTOR), "read_time": (3, 1e-3),
    "write_ios": (4, 1.0), "write_bytes": (6, SECTOR), "write_time": (7, 1e-3),
    "busy_time": (9, 1e-3), "queue_time": (10, 1e-3), "flushes": (15, 1.0),
}  # fmt: skip
# Of an NFS mount (/proc/self/mountstats): of the line `bytes:` those that went over the network, of
# an operation how many there were, and the milliseconds from begin to end of all of them.
NFS = "nfs"
NFS_BYTES = {"read_bytes": (4, 1.0), "write_bytes": (5, 1.0)}
NFS_OPERATION = {"ios": (0, 1.0), "time": (7, 1e-3)}
CPU = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
MEMORY = {
    "MemAvailable:": "memory_available_bytes",
    "Dirty:": "dirty_bytes",
    "Writeback:": "writeback_bytes",
}
# A cgroup's bytes, as io.stat or as blkio.throttle.io_service_bytes has them.
OWN = re.compile(r"\b(rbytes=|wbytes=|Read |Write )(\d+)")

Array = NDArray[np.float64]
Counters = dict[str, float]


class Samples(NamedTuple):
    """What was said of a turn: when, in seconds of uptime, and each counter by its name then.

    `devices` are number and name, from the volume's down; `mount` is filesystem and source; `ended`
    is when fio ended, `cpu_seconds` what the sampling took.
    """

    devices: list[tuple[str, str]]
    mount: tuple[str, str]
    at: Array
    counters: list[Counters]
    ended: float
    cpu_seconds: float

    def counter(self, name: str) -> tuple[Array, Array]:
        """The times at which a counter was said, and what it was."""
        has = np.array([name in one for one in self.counters])
        return self.at[has], np.array([one[name] for one in self.counters if name in one])


def samples(packed: str) -> Samples | None:
    """What was packed; None where it did not come whole, or is of fewer than two samples."""
    try:
        found = _read(unpacked(packed))
    except (ValueError, LookupError):
        return None
    return found if len(found.at) > 1 else None


def _read(text: str) -> Samples:
    devices: list[tuple[str, str]] = []
    at: list[float] = []
    counters: list[Counters] = []
    mount, ended, cpu = ("", ""), 0.0, 0.0
    for line in text.splitlines():
        word, *values = line.split()
        if word == "at":
            at.append(float(values[0]))
            counters.append({})
        elif counters and word in LINES:
            counters[-1] |= LINES[word](values)
        match [word, *values]:
            case ["#", "device", number, name]:
                devices.append((number, name))
            case ["#", "mount", kind, *source]:
                mount = kind, " ".join(source)
            case ["#", "ended", uptime]:
                ended = float(uptime)
            case ["#", "stat", *_]:
                cpu = _cpu_seconds(line)
            case ["#", "schedstat", own, *_]:  # finer, and without its sleeps
                cpu = max(cpu, float(own) / 1e9)
    return Samples(devices, mount, np.array(at), counters, ended, cpu)


def _cpu_seconds(line: str) -> float:
    """utime, stime, cutime and cstime of a line of /proc/PID/stat."""
    return sum(map(int, line.rpartition(")")[2].split()[11:15])) / TICKS


def _of_device(values: list[str]) -> Counters:
    return _named(values[0], values[1:], DEVICE)


def _of_nfs(values: list[str]) -> Counters:
    kind = values[0].strip(":").lower()
    if kind == "bytes":
        return _named(NFS, values[1:], NFS_BYTES)
    return _named(NFS, values[1:], {f"{kind}_{name}": of for name, of in NFS_OPERATION.items()})


def _named(of: str, values: list[str], places: dict[str, tuple[int, float]]) -> Counters:
    """Those that the line has: kernels before 5.5 count no flushes."""
    return {
        f"{of} {name}": int(values[place]) * unit
        for name, (place, unit) in places.items()
        if place < len(values)
    }


def _own(values: list[str]) -> Counters:
    told = OWN.findall(" ".join(values[1:]))
    ways = {"r": "read", "w": "write"}
    return {f"{values[0]} own_{ways[kind[0].lower()]}_bytes": float(count) for kind, count in told}


def _of_cpu(values: list[str]) -> Counters:
    return {f"cpu {state}": float(ticks) for state, ticks in zip(CPU, values, strict=False)}


def _of_memory(values: list[str]) -> Counters:
    told = zip(values[::3], values[1::3], strict=True)
    return {MEMORY[name]: float(kilobytes) * KIB for name, kilobytes in told}


def _of_pressure(values: list[str]) -> Counters:
    return {f"{values[0]} {values[1]}": int(values[-1].removeprefix("total=")) / 1e6}


LINES: dict[str, Callable[[list[str]], Counters]] = {
    "device": _of_device,
    "own": _own,
    NFS: _of_nfs,
    "cpu": _of_cpu,
    "memory": _of_memory,
    "pressure": _of_pressure,
}
