"""Ends a run in order before its end: at its limit, or when another run has taken its Lease."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tasks.lifecycle.progress import Progress, Report

LOOK_SECONDS = 1.0
# Nobody else's: SIGALRM is Prefect's, SIGINT and SIGTERM are a person's.
SIGNAL = signal.SIGUSR1
Why = Callable[[], Exception | None]


class LimitReached(Exception):
    """The run has taken as long as it may. No ClusterError: no cell failed, all of it ends."""


def unless(over: Why, report: Report) -> Report:
    """`report`, which raises what `over` says once that says something."""

    def tell(progress: Progress) -> None:
        if (error := over()) is not None:
            raise error
        report(progress)

    return tell


@contextmanager
def interrupted_when(over: Why) -> Iterator[None]:
    """Raise what `over` says in the block, wherever that waits: a report may not come for an hour.

    Once, within LOOK_SECONDS, and in the main thread alone; elsewhere only reports end the run.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        if not ended.is_set() and (error := over()) is not None:
            raise error

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            if over() is not None:
                signal.pthread_kill(main.ident or 0, SIGNAL)
                return

    before = signal.signal(SIGNAL, end)
    looking = threading.Thread(target=look, name="limit", daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()
        signal.signal(SIGNAL, before)
