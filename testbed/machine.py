"""What the testbeds of a machine change together: one command at a time may, others wait."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tenacity import Retrying, retry_if_result, wait_fixed

from .shell import step

LOCK = "\0stormark-testbed-machine"


@contextmanager
def alone() -> Iterator[None]:
    """Hold numbers, packages, kernel settings and builds; waits while another testbed does.

    The lock is an abstract socket: the kernel releases it however this process ends.
    """
    with socket.socket(socket.AF_UNIX) as lock:

        def bound() -> bool:
            try:
                lock.bind(LOCK)
            except OSError:
                return False
            return True

        if not bound():
            step("waiting for another testbed, which installs, builds or goes down")
            Retrying(retry=retry_if_result(lambda done: not done), wait=wait_fixed(0.1))(bound)
        yield
