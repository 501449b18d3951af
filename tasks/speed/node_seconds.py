"""What a node did in each second of a job: rows of the table `node_seconds`. Only computes.

Between two samples, a second apart, a counter is taken to have grown evenly: so each second of fio
has its own difference.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tasks.results.node_columns import NodeSecondRow
from tasks.results.second_columns import SecondRow
from tasks.speed.node_samples import CPU, MEMORY, NFS, WAYS, Array, Samples, samples

OUTSIDE = 1.0  # seconds before the first sample, or after the last, that they still stand for
CPU_STATES = {
    "user": ("user", "nice"), "system": ("system", "irq", "softirq"),
    "iowait": ("iowait",), "steal": ("steal",), "idle": ("idle",),
}  # fmt: skip
PRESSURES = ("io some", "io full", "cpu some", "memory some", "memory full")
Grown = Callable[[str], Array]  # by how much a counter grew in each second


def rows(
    packed: str, seconds: Mapping[str, Sequence[SecondRow]], ended: float
) -> dict[str, list[NodeSecondRow]]:
    """The node's seconds of each job, by its name; none where it was not looked at.

    `packed` is what fio.sh says of the samples, `seconds` each job's rows of `fio_seconds`, and
    `ended` when fio ended, in seconds since the epoch.
    """
    found = samples(packed)
    if found is None:
        return {}
    return {job: _of_job(found, of_job, ended) for job, of_job in seconds.items() if of_job}


def _of_job(found: Samples, seconds: Sequence[SecondRow], fio_ended: float) -> list[NodeSecondRow]:
    """A row for each second, of which fio has one for each direction."""
    grid = list({row.second: row for row in seconds}.values())
    begins = np.array([row.at.timestamp() for row in grid]) - fio_ended + found.ended
    ends = np.append(begins[1:], max(min(begins[-1] + 1, found.ended), begins[-1] + 0.1))
    known = (begins >= found.at[0] - OUTSIDE) & (ends <= found.at[-1] + OUTSIDE)

    def at(name: str, times: Array) -> Array:
        when, what = found.counter(name)
        if len(when) < 2:
            return np.full(len(times), np.nan)
        return np.where(known, np.interp(times, when, what), np.nan)

    def grown(name: str) -> Array:
        return at(name, ends) - at(name, begins)

    columns = _columns(found, grown, ends - begins)
    columns |= {name: at(name, ends) for name in MEMORY.values()}
    about = _about(found)
    return [
        NodeSecondRow(
            **row.key._asdict(),
            second=row.second,
            at=row.at,
            ramp=row.ramp,
            **about,
            **_figures(columns, place),
        )
        for place, row in enumerate(grid)
    ]


def _about(found: Samples) -> dict[str, Any]:
    """What is the same in every second."""
    kind, source = found.mount
    names = [name for _, name in found.devices]
    server = source if kind.startswith(NFS) else None
    lasted = float(found.at[-1] - found.at[0])
    nobody = None if names or server else f"{kind} lies on no block device here: {source}"
    return {
        "device": server or next(iter(names), None),
        "no_device": nobody,
        "below": names[-1] if len(names) > 1 else None,
        "sampling_cpu_percent": _short(100 * found.cpu_seconds / lasted) if lasted else None,
    }


def _columns(found: Samples, grown: Grown, lasted: Array) -> dict[str, Array]:
    numbers = [number for number, _ in found.devices] or [NFS]
    top, low = numbers[0], numbers[-1]
    columns = _of_device(top, grown, lasted) | _of_cpu(grown)
    for way in WAYS:
        columns[f"own_{way}_bytes"] = grown(f"{low} own_{way}_bytes") / lasted
        if low != top:
            columns[f"below_{way}_bytes"] = grown(f"{low} {way}_bytes") / lasted
    for pressure in PRESSURES:
        name = f"{pressure.replace(' ', '_pressure_')}_percent"
        columns[name] = 100 * grown(pressure) / lasted
    return columns


def _of_device(number: str, grown: Grown, lasted: Array) -> dict[str, Array]:
    columns = {
        "flush_iops": grown(f"{number} flushes") / lasted,
        "queue_length": grown(f"{number} queue_time") / lasted,
        "busy_percent": 100 * grown(f"{number} busy_time") / lasted,
    }
    for way in WAYS:
        count, took = grown(f"{number} {way}_ios"), grown(f"{number} {way}_time")
        none = np.full(len(count), np.nan)
        columns[f"{way}_iops"] = count / lasted
        columns[f"{way}_bytes"] = grown(f"{number} {way}_bytes") / lasted
        columns[f"{way}_wait_seconds"] = np.divide(took, count, out=none, where=count > 0)
    return columns


def _of_cpu(grown: Grown) -> dict[str, Array]:
    ticks = np.array([grown(f"cpu {state}") for state in CPU])
    every = ticks.sum(axis=0)
    shares = dict(zip(CPU, 100 * ticks / np.where(every > 0, every, np.nan), strict=True))
    return {
        f"cpu_{name}_percent": np.sum([shares[state] for state in states], axis=0)
        for name, states in CPU_STATES.items()
    }


def _figures(columns: dict[str, Array], place: int) -> dict[str, Any]:
    """The columns of the second at a place."""
    return {name: _figure(name, column[place]) for name, column in columns.items()}


def _figure(name: str, value: float) -> float | int | None:
    if not np.isfinite(value):
        return None
    return round(value) if name.endswith("_bytes") else _short(value)


def _short(value: float) -> float:
    """To four digits, as in fio_seconds."""
    return float(f"{value:.4g}")
