"""On what a report's figures rest, and what was not tested."""

from collections.abc import Iterable, Mapping

from reports.data.load import Row, Run
from reports.data.proof import Fsync, Proof
from reports.decision.fate import MEASURED, node_storms
from reports.decision.figures import ENOUGH, classes_of, volumes_in_words
from reports.text.units import seconds, tenths

# Pods tolerate a node that is not ready for so long, by the default of Kubernetes.
MOVED_SECONDS = 300


def basis(run: Run) -> str:
    """How much was measured: volumes a class, nodes, nights, seconds, working set and memory."""
    fio = [row for row in run.fio if row["status"] == MEASURED]
    parts = []
    if fio:
        counts = [_volumes(fio, name) for name in classes_of(run)]
        parts.append(f"{_span(counts)} a class")
    if nodes := {row["node"] for row in fio if row["node"]} | {
        row["node_before"] for row in run.storms if row["node_before"]
    }:
        parts.append(f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}")
    parts.append("one night")
    if times := _known(fio, "runtime_seconds"):
        parts.append(f"{seconds(max(times))} a job at most")
    if ratios := _of_memory(fio):
        parts.append(f"a working set of {max(ratios):.2f} × the node's memory at most")
    return ", ".join(parts)


def has_few_volumes(run: Run) -> bool:
    """Whether a class has figures of too few volumes for an interval."""
    fio = [row for row in run.fio if row["status"] == MEASURED]
    return bool(fio) and min(_volumes(fio, name) for name in classes_of(run)) < ENOUGH


def untested(run: Run, proved: Mapping[str, Proof]) -> list[str]:
    """What no figure of the run speaks of; `proved` is what its storms prove of each fsync."""
    fio = [row for row in run.fio if row["status"] == MEASURED]
    found = ["other nights", *_power(run, proved), "a fault of the storage behind a class"]
    if not any(row["status"] == MEASURED for row in run.storms):
        found.append("any storm")
    elif not {"node-crash", "node-lost"} & {*node_storms(run, classes_of(run))}:
        found.append("a node that dies")
    if not fio:
        found.append("speed")
    elif max(_of_memory(fio), default=0) < 1:
        found.append("a working set that memory cannot hold")
    if soon := _back_too_soon(run):
        found.append(soon)
    return found


def _back_too_soon(run: Run) -> str:
    """That no node stayed away, of a run whose nodes were back before their pods would move."""
    rows = [row for row in run.storms if row["status"] == MEASURED and row["hold_seconds"]]
    held = [row["hold_seconds"] for row in rows if row["storm"] in ("node-crash", "node-partition")]
    if not held or max(held) >= MOVED_SECONDS or any(row["storm"] == "node-lost" for row in rows):
        return ""
    return (
        f"a node that stays away: it was back after {tenths(max(held))}, and Kubernetes moves its "
        "pods after five minutes"
    )


def _power(run: Run, proved: Mapping[str, Proof]) -> list[str]:
    """A loss of power, by the classes of which no fault shows what it does to them."""
    names = classes_of(run)
    decided = {name for name, proof in proved.items() if proof.fsync is not Fsync.NOT_PROVED}
    spared = [name for name in names if name not in decided]
    if len(spared) == len(names):
        return ["a loss of power"]
    return [f"a loss of power of {' and '.join(spared)}"] if spared else []


def _of_memory(rows: Iterable[Row]) -> list[float]:
    return [
        row["file_size_bytes"] / row["node_memory_bytes"]
        for row in rows
        if row["file_size_bytes"] and row["node_memory_bytes"]
    ]


def _known(rows: Iterable[Row], column: str) -> list[float]:
    return [row[column] for row in rows if row[column]]


def _volumes(fio: list[Row], name: str) -> int:
    return len({row["volume"] for row in fio if row["storage_class"] == name})


def _span(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return volumes_in_words(high) if low == high else f"{low} to {volumes_in_words(high)}"
