"""What Kubernetes promises of a volume in a storm, as `expectations.yaml` states it."""

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reports.data.load import Row, bare

STATED = Path(__file__).parent / "expectations.yaml"
# The topology keys of one node: Kubernetes' own, and those of CSI drivers, which end alike.
ONE_NODE = re.compile(r"\S*(?:hostname|metadata\.name|node|nodename|node-?id) In ([^\s,]+)", re.I)


class Expectation(NamedTuple):
    """`allowed` maps where the writer may come back to `kept` or `lost`."""

    allowed: dict[str, str]
    waits_for: tuple[str, ...]
    why: str


def tied_to(node_affinity: str | None) -> str | None:
    """The one node that a PV's node affinity names; None where it names several or no node."""
    if node_affinity is None or " or " in node_affinity:
        return None
    names = [ONE_NODE.fullmatch(rule) for rule in node_affinity.split(" and ")]
    return next((name[1] for name in names if name), None)


def kind(row: Row) -> str:
    """The kind of volume of a storms row, as the file names it."""
    if row["storage_class"] is None:
        return bare(row["volume"])
    if row["node_affinity"] is None:
        return "class on any node"
    tied = tied_to(row["node_affinity"]) is not None
    return "class tied to a node" if tied else "class tied to some nodes"


def expectation(row: Row) -> Expectation | None:
    """What is promised for the volume and storm of a row; None where the file states nothing."""
    stated = _stated()
    tainted = f"{row['storm']}, out of service"
    storm = row["storm"] if row["out_of_service_seconds"] is None else tainted
    promise = stated["volumes"].get(kind(row), {}).get(storm)
    if promise is None:
        return None
    why, allowed = promise["why"], promise["allowed"]
    waited = stated["stateful"].get(storm) if row["writer_kind"] == "StatefulSet" else None
    if waited:
        allowed = {place: kept for place, kept in allowed.items() if place not in waited["not"]}
        why = waited["why"]
    elif row["storage_class"] is not None and "other node" in allowed:
        why = " ".join([why, *filter(None, [stated["access_modes"].get(row["access_mode"])])])
    back = row["came_back"]
    if allowed.get(back) == "kept" and (left := _left(row)) is not None:
        allowed, why = allowed | {back: "lost"}, stated["left"][left]
    return Expectation(allowed, tuple(promise.get("waits_for", ())), why)


def _left(row: Row) -> str | None:
    """The kind of a volume that is another one by now: its pod's, or the node's it was read on.

    A pod that has to wait for its node may be the one from before or a new one, also on another
    node: where it came back does not say.
    """
    volume = kind(row)
    changed = {
        "emptyDir": row["new_pod_created_seconds"] is not None,
        "hostPath": row["verified_on"] not in (None, row["node_before"]),
    }
    return volume if changed.get(volume) else None


def is_surprise(promised: Expectation, row: Row) -> bool:
    """Whether a measured row differs from the promise: in where it came back, in kept, in why."""
    outcome = promised.allowed.get(row["came_back"])
    if outcome is None:
        return True
    if row["kept"] is not None and row["kept"] != (outcome == "kept"):
        return True
    waited = row["pending_reason"] if row["came_back"] == "after uncordon" else None
    return waited is not None and waited not in promised.waits_for


@cache
def _stated() -> dict[str, dict[str, Any]]:
    stated: dict[str, dict[str, Any]] = yaml.safe_load(STATED.read_text())
    return stated
