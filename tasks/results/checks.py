"""What one check of the preflight found; a failed one refuses a run."""

from typing import Any, Literal, NamedTuple

from tasks.plan.plan import PlanError

Status = Literal["pass", "warn", "fail"]


class Check(NamedTuple):
    """A check on an object: what was seen, and what to do where that is not good.

    `without` names the storms and storm volumes that a run skips for it.
    """

    check: str
    object: str
    status: Status
    seen: str
    advice: str = ""
    without: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What was seen, and what to do where there is something."""
        return f"{self.seen}. {self.advice}" if self.advice else self.seen

    def row(self) -> dict[str, Any]:
        """The check's row of the table `checks`."""
        return {name: getattr(self, name) for name in self._fields if name != "without"}


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
