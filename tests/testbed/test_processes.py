"""Long-lived processes are known by what runs, not by what was noted."""

import os
import subprocess
from pathlib import Path

import pytest

from testbed import processes, state
from testbed.shell import wait_for

FOREVER = ("sleep", "600")


def started() -> int:
    """The PID of `one`."""
    processes.start("one", *FOREVER)
    return processes.running()["one"]


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only to be noted by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_started_once() -> None:
    """To start what runs changes nothing; it runs in a session of its own."""
    pid = started()
    processes.start("one", *FOREVER)
    assert processes.running() == {"one": pid}
    # it is there from its fork on, and has its session a moment later
    wait_for("a session", lambda: os.getsid(pid) != os.getsid(0), 30, str(state.LOG / "one"))


def test_a_process_is_seen_in_its_exec() -> None:
    """It has no environment for a moment; this one execs itself without end."""
    again = ("sh", "-c", 'exec sh -c "$0" "$0"')
    processes.start("one", *again, again[-1])
    seen = [processes.running() for _ in range(300)]
    assert set(seen[0]) == {"one"}
    assert seen == [seen[0]] * 300


def test_a_process_without_environment_holds_nobody_up() -> None:
    """One that was given none, and one that has ended and whose parent has not noted it."""
    with subprocess.Popen(FOREVER, env={}) as process:
        assert processes.running() == {}
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert processes.running() == {}


def test_output_is_logged() -> None:
    """What a process writes is in its log."""
    processes.start("speaker", "sh", "-c", "echo out; echo err >&2")
    log = state.LOG / "speaker"
    wait_for("both lines", lambda: log.read_text() == "out\nerr\n", 30, str(log))


def test_first_of_a_family_is_the_process() -> None:
    """A descendant has no name of its own; kill_all ends it all the same."""
    processes.start("family", "sh", "-c", "sleep 600 & echo $!; wait")
    log = state.LOG / "family"
    wait_for("a child", lambda: log.read_text().endswith("\n"), 30, str(log))
    child = int(log.read_text())
    (parent,) = processes.running().values()
    assert processes.child(parent) == child
    processes.kill_all()
    assert processes.running() == {}
    assert ended(parent)
    assert ended(child)


def test_killed_process_no_longer_runs() -> None:
    """`kill` returns when the process has ended, and may be repeated."""
    pid = started()
    processes.kill(pid, "one")
    assert ended(pid)
    processes.kill(pid, "one")


def test_a_later_process_of_the_same_pid_is_spared() -> None:
    """A PID whose mark is another's is not killed."""
    pid = started()
    processes.kill(pid, "two")
    assert processes.running() == {"one": pid}


def test_other_testbeds_are_spared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A testbed with its state elsewhere neither sees nor ends a process of this one."""
    mine = {"one": started()}
    with monkeypatch.context() as other:
        other.setattr(state, "FOLDER", tmp_path / "other")
        assert processes.running() == {}
        processes.kill_all()
    assert processes.running() == mine
