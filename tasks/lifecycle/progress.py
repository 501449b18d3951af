"""What a run says while it runs: one shape, shown by the terminal, the log or Prefect alike."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple


class Progress(NamedTuple):
    """Where a run is. `iops` and `bytes_per_second` are the last second's, while fio runs."""

    run_id: str
    step: str
    cell: int = 0
    cells: int = 0
    seconds_left: float | None = None
    iops: float | None = None
    bytes_per_second: float | None = None


Report = Callable[[Progress], None]

# Whoever starts a run in its own process listens here; without a listener the flow logs each step.
listener: ContextVar[Report | None] = ContextVar("listener", default=None)
