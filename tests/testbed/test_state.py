"""A number for each testbed of a machine, and one command at a time that changes it."""

import subprocess
import sys
from pathlib import Path

import pytest

from testbed import machine, state
from testbed.state import Failed

HOLDER = """
import sys
from testbed import state
state.LOCK = "\\0" + sys.argv[1]
with state.exclusive():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_number_for_each_testbed(folder: Path) -> None:
    """The first that is free; with one of its own a testbed keeps it."""
    assert state._number() == 0
    state.OWNERS[0].write_text("/elsewhere")
    assert state._number() == 1
    state.OWNERS[1].write_text("/nowhere")
    assert state._number() == 2
    state.OWNERS[5].write_text(str(folder))
    assert state._number() == 5
    assert state.others() == [Path("/elsewhere"), Path("/nowhere")]


def test_files_keep_their_number() -> None:
    """A reboot frees all numbers; certificates and the cluster's data are still of the old one."""
    state.PKI.mkdir()
    state.OWNERS[1].write_text("/elsewhere")
    assert state._number() == 0
    state.KEPT_NUMBER.write_text("2")
    assert state._number() == 2
    state.OWNERS[2].write_text("/nowhere")
    assert state._number() == 0


def test_files_of_a_number_that_is_taken_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another address no certificate would be valid."""
    monkeypatch.setattr(state, "NUMBER", 1)
    monkeypatch.setattr(state, "OWNER", state.OWNERS[1])
    state.OWNERS[0].write_text("/elsewhere")
    state.PKI.mkdir()
    with pytest.raises(Failed) as raised:
        state.claim()
    assert f"files in {folder} are of a testbed with other addresses (198.18.0.1)" in str(
        raised.value
    )
    assert "belong to /elsewhere: `python -m testbed down` removes them" in str(raised.value)
    assert state.owner() is None
    state.PKI.rmdir()
    state.claim()
    assert state.owner() == folder


def test_a_number_is_taken_meanwhile(folder: Path) -> None:
    """The message names the other's state folder, and what to do."""
    state.OWNER.write_text("/elsewhere")
    with pytest.raises(Failed) as raised:
        state.claim()
    assert "with its state in /elsewhere, has taken the addresses" in str(raised.value)
    assert "run the command again" in str(raised.value)
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


def test_what_testbeds_share_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another testbed's command is refused nothing: it goes on when the first has ended."""
    monkeypatch.setattr(machine, "LOCK", state.LOCK)
    command = [sys.executable, "-c", HOLDER, state.LOCK[1:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        waits = holder.stdin.close
        monkeypatch.setattr(machine, "step", lambda _: waits())
        with machine.alone():
            assert holder.wait() == 0
