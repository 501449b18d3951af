"""The rows of a run on their way to disk: appended one by one, written a table at a time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar

from tasks.results import store
from tasks.results.column import Row
from tasks.results.schema import ROWS

R = TypeVar("R", bound=Row)
Tables = Mapping[type[Row], Sequence[Row]]


class Sink:
    """Every row of a run by its kind, and which of them lie on disk.

    Threads append rows at any time, and hold `changing` for no longer than that; one of them writes
    at a time. A row never changes: nobody need look into it to know whether it was written.
    """

    def __init__(self) -> None:
        self._rows: dict[type[Row], list[Any]] = {kind: [] for kind in ROWS.values()}
        self._written: dict[type[Row], Sequence[Row]] = {}
        self.changing = RLock()  # re-entrant: an interrupt may have kept one

    def append(self, *rows: Row) -> None:
        """Append rows, each to its table: all of them at once, or none."""
        with self.changing:
            for row in rows:
                self._rows[type(row)].append(row)

    def replace(self, old: R, new: R) -> None:
        """Put a row in the place of the one that said less."""
        with self.changing:
            rows = self._rows[type(old)]
            rows[next(place for place, row in enumerate(rows) if row is old)] = new

    def rows(self, kind: type[R]) -> list[R]:
        """The rows of a kind, the oldest first."""
        with self.changing:
            return list(self._rows[kind])

    def values(self, column: str) -> set[Any]:
        """What is in a column, whichever tables have it; nulls left out."""
        kinds = [kind for kind in self._rows if hasattr(kind, column)]
        return {getattr(row, column) for kind in kinds for row in self.rows(kind)} - {None}

    def tables(self, *more: Row) -> Tables:
        """All rows as they are now, and `more` that are kept elsewhere."""
        with self.changing:
            now = {kind: list(rows) for kind, rows in self._rows.items()}
        for row in more:
            now[type(row)].append(row)
        return now

    def flush(self, tables: Tables, location: str, run_id: str, started_at: datetime) -> None:
        """Write each table that is not on disk as it is now.

        The table `runs` is the last: whoever finds a run there finds its rows. Raises ResultsError;
        the tables that were not written then are written the next time.
        """
        for name in (*(name for name in ROWS if name != "runs"), "runs"):
            kind = ROWS[name]
            if self._written.pop(kind, None) != tables[kind]:
                store.write_table(location, name, run_id, started_at, tables[kind])
            self._written[kind] = tables[kind]
