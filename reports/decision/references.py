"""What was promised of a class, and which share of it the class reaches."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reports.data.load import Row, Run
from reports.data.stats import NEAR
from reports.decision.figures import classes_of, of_volumes, summary, throughput_kind
from reports.text.units import MIB, quantity

STATED = Path(__file__).parent / "references.yaml"
GIB = 2**30
AMOUNT = re.compile(r"(\d+)(?:Mi|MiB)?")


class Limit(NamedTuple):
    """A limit of a specification, with the fields of `references.yaml`."""

    figure: str
    value: float = 0
    per_gib: float = 0
    at_least: float | None = None
    at_most: float | None = None
    direction: str = "either"
    access: str = "any"
    smallest_block_bytes: int = 1
    largest_block_bytes: int | None = None
    min_io_depth: int = 1
    direct: bool = True
    concurrent_jobs: int = 1

    def of(self, capacity: int | None) -> float | None:
        """The limit of a volume of so many bytes; None where it depends on an unknown size."""
        if capacity is None and self.per_gib:
            return None
        amount = max(self.value + self.per_gib * (capacity or 0) / GIB, self.at_least or 0)
        return min(amount, self.at_most or amount)

    def words(self, amount: float) -> str:
        """An amount of it, such as `3,000 IOPS` or `125 MiB/s`."""
        return f"{amount:,.0f} IOPS" if self.figure == "iops" else f"{quantity(amount, MIB)} MiB/s"


class Specification(NamedTuple):
    """What somebody promises, and where."""

    title: str
    source: str
    limits: tuple[Limit, ...]
    read_on: str = ""
    note: str = ""


class Share(NamedTuple):
    """A job's figure as a share of a limit."""

    job: str
    share: float
    promised: str

    @property
    def at_its_limit(self) -> bool:
        """Whether the class gives what is promised, and no more."""
        return abs(self.share - 1) <= NEAR


class Held(NamedTuple):
    """A class held against one specification; `of_itself` where its own parameters say which."""

    storage_class: str
    specification: Specification
    shares: tuple[Share, ...]
    of_itself: bool = False


def held(run: Run) -> tuple[Held, ...]:
    """Each class against what it says of itself, and against what the plan names for it."""
    own = run.plan.get("specifications") or {}
    chosen = run.plan.get("references") or {}
    rows = {row["storage_class"]: row for row in run.classes}
    found = []
    for name in classes_of(run):
        its_own = _of_itself(rows[name], _capacity(run, name)) if name in rows else None
        against = [its_own]
        if wanted := chosen.get(name) or chosen.get("*"):
            known = own.get(wanted) or stated()["specifications"].get(wanted)
            against.append(_specification(known) if known else None)
        for specification in dict.fromkeys(filter(None, against)):
            shares = tuple(_shares(run, name, specification))
            # the plan may name the same: then it asked for the line
            of_itself = specification is its_own and specification not in against[1:]
            found.append(Held(name, specification, shares, of_itself))
    return tuple(found)


@cache
def stated() -> dict[str, Any]:
    """The file's specifications by name, and which class has which by itself."""
    known: dict[str, Any] = yaml.safe_load(STATED.read_text())
    return known


def _specification(fields: dict[str, Any]) -> Specification:
    limits = tuple(Limit(**limit) for limit in fields["limits"])
    return Specification(**{**fields, "limits": limits})


def _capacity(run: Run, name: str) -> int | None:
    sizes = [v["capacity_bytes"] for v in run.volumes if v["storage_class"] == name]
    return next((size for size in sizes if size), None)


def _of_itself(row: Row, capacity: int | None) -> Specification | None:
    """What a class's provisioner and parameters say of it; None where they say nothing."""
    given = {k.lower(): str(v) for k, v in json.loads(row["parameters"] or "{}").items()}
    for rule in stated()["classes"]:
        kind = given.get(rule.get("parameter", "type").lower(), rule.get("default", ""))
        if (row["provisioner"], kind.lower()) == (rule["provisioner"], rule["type"].lower()):
            known = stated()["specifications"][rule["specification"]]
            return _provisioned(_specification(known), rule, given, capacity)
    return None


def _provisioned(
    known: Specification, rule: dict[str, Any], given: dict[str, str], capacity: int | None
) -> Specification:
    """The specification with the amounts that the class's parameters provision in its place.

    Where every volume has the specification's, a class cannot provision less.
    """
    amounts = {limit: _amount(given, rule, limit.figure, capacity) for limit in known.limits}
    if rule.get("baseline"):
        amounts = {
            limit: amount if amount and amount > (limit.of(capacity) or 0) else None
            for limit, amount in amounts.items()
        }
    limits = tuple(
        limit._replace(value=amount, per_gib=0, at_least=None, at_most=None) if amount else limit
        for limit, amount in amounts.items()
    )
    if not any(amounts.values()):
        return known
    return known._replace(
        title=f"{known.title}, as the class provisions it", limits=limits, note=""
    )


def _amount(
    given: dict[str, str], rule: dict[str, Any], figure: str, capacity: int | None
) -> float | None:
    """What a class's parameters provision of a figure: operations, or bytes, each second."""
    per_gib = given.get(str(rule.get("iops_per_gib", "")).lower(), "")
    if figure == "iops" and per_gib.isdecimal() and capacity:
        return int(per_gib) * capacity / GIB
    amount = AMOUNT.fullmatch(given.get(str(rule.get(figure, "")).lower(), ""))
    unit = rule.get("unit", 1) if figure == "bytes_per_second" else 1
    return int(amount[1]) * float(unit) if amount and int(amount[1]) else None


def _shares(run: Run, name: str, specification: Specification) -> Iterator[Share]:
    capacity = _capacity(run, name)
    rows = [row for row in run.fio if row["storage_class"] == name and row["status"] == "measured"]
    for job in dict.fromkeys(row["job"] for row in rows):
        mine = [row for row in rows if row["job"] == job]
        for limit in specification.limits:
            promised = limit.of(capacity)
            if (
                promised
                and _matches(limit, mine[0])
                and not _other_first(specification, limit, mine[0], capacity)
            ):
                figure = summary(kind := throughput_kind(limit.figure), of_volumes(mine, kind))
                if figure is not None:
                    yield Share(job, figure.value / promised, limit.words(promised))


def _matches(limit: Limit, row: Row) -> bool:
    """Whether a job ran under the conditions that the limit is of."""
    rw, block = row["rw"] or "", row["block_size_bytes"] or 0
    depth = (row["io_depth"] or 1) * (row["num_jobs"] or 1)
    access = "random" if rw.startswith("rand") else "sequential"
    direction = {"read": "read", "randread": "read", "write": "write", "randwrite": "write"}.get(rw)
    return (
        direction is not None
        and limit.direction in ("either", direction)
        and limit.access in ("any", access)
        and limit.smallest_block_bytes <= block <= (limit.largest_block_bytes or block)
        and depth >= limit.min_io_depth
        and (row["direct"] is not False or not limit.direct)
        and (row["concurrent_jobs"] or 1) == limit.concurrent_jobs
    )


def _other_first(
    specification: Specification, limit: Limit, row: Row, capacity: int | None
) -> bool:
    """Whether blocks of this size come to another limit of the specification before this one."""
    block = row["block_size_bytes"]
    mine = _operations(limit, block, capacity)
    others = [
        _operations(other, block, capacity)
        for other in specification.limits
        if other is not limit and other.direction in ("either", limit.direction)
    ]
    return any(other is not None and mine is not None and other < mine for other in others)


def _operations(limit: Limit, block: int, capacity: int | None) -> float | None:
    amount = limit.of(capacity)
    return amount / block if amount and limit.figure == "bytes_per_second" else amount
