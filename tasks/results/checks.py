"""The table `checks`: what one check of the preflight found; a failed one refuses a run."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tasks.plan.plan import PlanError
from tasks.results.column import Row

Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check(Row):
    """A check on an object: what was seen, and what to do where that is not good.

    `without` names the storms and storm volumes that a run skips for it.
    """

    check: Annotated[str, "what was checked, such as permission or quota"]
    object: Annotated[str, "on what: a node, a class, a resource"]
    status: Annotated[Status, "pass, warn or fail; a run with a fail does not begin"]
    seen: Annotated[str, "what was seen"]
    advice: Annotated[str, "what to do about it; empty where nothing is to be done"] = ""
    without: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What was seen, and what to do where there is something."""
        return f"{self.seen}. {self.advice}" if self.advice else self.seen


def refuse(checks: list[Check]) -> None:
    """PlanError, one line for each check that failed; nothing if none did."""
    failed = [check for check in checks if check.status == "fail"]
    if failed:
        raise PlanError("\n".join(f"preflight: {c.check}: {c.object}: {c.words}" for c in failed))


def skips(checks: list[Check]) -> dict[str, str]:
    """Why storms and storm volumes are skipped, by their names: the first check's reason."""
    found: dict[str, str] = {}
    for check in checks:
        for name in check.without:
            found.setdefault(name, f"{check.seen}; {check.advice}")
    return found
