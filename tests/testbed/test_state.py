"""One testbed a machine, and one command at a time that changes it."""

import subprocess
import sys
from pathlib import Path

import pytest

from testbed import state
from testbed.state import Failed

HOLDER = """
import sys
from testbed import state
state.LOCK = "\\0" + sys.argv[1]
with state.exclusive():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_testbed_is_refused(folder: Path) -> None:
    """The message names the other's state folder, and how to end it."""
    state.OWNER.write_text("/elsewhere")
    with pytest.raises(Failed) as raised:
        state.claim()
    assert "has a testbed already, with its state in /elsewhere" in str(raised.value)
    assert "STORMARK_TESTBED=/elsewhere python -m testbed down" in str(raised.value)
    assert state.owner() == Path("/elsewhere")
    assert state.owner() != folder


def test_claimed_again(folder: Path) -> None:
    """The owner may claim again, and after its release anyone may."""
    state.claim()
    state.claim()
    assert state.owner() == folder
    state.release()
    state.release()
    assert state.owner() is None


def test_two_commands_exclude_each_other() -> None:
    """The second is refused while the first works, and may work after it."""
    with state.exclusive(), pytest.raises(Failed, match="another command is changing"):
        state.exclusive().__enter__()
    with state.exclusive():
        pass


def test_a_killed_command_excludes_nobody() -> None:
    """SIGKILL releases the lock."""
    command = [sys.executable, "-c", HOLDER, state.LOCK[1:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Failed):
            state.exclusive().__enter__()
        holder.kill()
        holder.wait()
    with state.exclusive():
        pass
