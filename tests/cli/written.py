"""Runs in an object store, of whichever kind."""

from collections.abc import Callable, Iterable

from tasks.results.store import read_table
from tests.reports.sample import write_run


def is_there_once(location: str, objects: Callable[[], Iterable[str]]) -> None:
    """Write a run twice: the second write replaces the first; `objects` are the names there."""
    write_run(location, {"local-path": 1.0})
    once = set(objects())
    assert once
    write_run(location, {"local-path": 1.0, "nfs-client": 0.5})
    assert set(objects()) == once
    assert list(read_table(location, "classes")["position"]) == [0, 1]
