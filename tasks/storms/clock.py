"""The client's clock for all that is measured: a step of the wall clock shifts nothing."""

import time

_EPOCH = time.time() - time.monotonic()


def now() -> float:
    """Seconds since the epoch as this process began, advanced by the monotonic clock since."""
    return _EPOCH + time.monotonic()
