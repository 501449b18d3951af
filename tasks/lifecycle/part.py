"""A part of a run, such as its speed or its storms, as far as the run has to know it."""

from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from tasks.results.run_columns import RunRow


class Cell(Protocol):
    """A row of the table in which a part has one for each planned cell."""

    @property
    def status(self) -> str:
        """`failed`, or why it is good: `measured`, `skipped`, `not offered`."""

    @property
    def error(self) -> str | None:
        """Why there is no figure."""


C = TypeVar("C", bound=Cell)


class Part(NamedTuple, Generic[C]):
    """A part that is about to begin: which rows are its cells, and how many are planned.

    `named` is how a sentence names a cell; `told` is the run's own row with what it says of these.
    """

    cell: type[C]
    planned: int
    named: Callable[[C], str]
    told: Callable[[RunRow, list[C]], RunRow]
