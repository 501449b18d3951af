"""The shells that run what the testbed gives to nodes: the machine's, and both builds of busybox.

`busybox-static` prefers what it has built in to programs on PATH, `busybox` does not. A machine has
one of them installed at most: `make busyboxes` unpacks both beside the clone's files.
"""

from pathlib import Path

import pytest

UNPACKED = Path(__file__).parents[2] / ".busybox"
SHELLS = ("sh", "busybox", "busybox-static")


def program_of(shell: str) -> Path:
    """The busybox of a shell of that name; skips the test where there is no Debian package."""
    program = UNPACKED / shell
    if not program.exists():
        pytest.skip(f"no {program}: `make busyboxes` unpacks Debian's package")
    return program


def command_of(shell: str) -> list[str]:
    """The command of a shell that is given a script and its arguments."""
    return ["sh"] if shell == "sh" else [str(program_of(shell)), "sh"]
