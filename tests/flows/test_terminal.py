"""Signals to the whole process group while Prefect's server starts, and the end of its parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# The group is signalled without a pause while children start; printed is how many of them died.
STARTS = """
import os, signal, subprocess, sys, threading
from functools import partial
from flows import terminal

apart = terminal._apart if sys.argv[1] == "apart" else lambda popen, args: popen(
    args, start_new_session=True
)
for number in terminal.ENDING:
    signal.signal(number, lambda *_: None)
died = 0
for _ in range(40):
    over = threading.Event()

    def send():
        while not over.is_set():
            os.killpg(0, signal.SIGINT)

    sending = threading.Thread(target=send)
    sending.start()
    child = apart(subprocess.Popen, args=["sleep", "60"])
    name = f"/proc/{child.pid}/comm"
    while child.poll() is None and open(name).read() != "sleep\\n":
        pass
    over.set()
    sending.join()
    died += child.poll() is not None
    child.kill()
    child.wait()
print(died)
"""


@pytest.mark.parametrize(("how", "all_live"), [("apart", True), ("in a session alone", False)])
def test_no_signal_reaches_what_starts_apart(how: str, all_live: bool) -> None:
    """Between fork and setsid a child still is of the group."""
    done = subprocess.run(
        [sys.executable, "-c", STARTS, how],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) == 0) is all_live, done.stdout


# Starts a child, says its PID, and waits to be killed.
IS_KILLED = """
import subprocess, sys, time
from flows import terminal

apart = terminal._apart if sys.argv[1] == "apart" else lambda popen, args: popen(
    args, start_new_session=True
)
print(apart(subprocess.Popen, args=["sleep", "3600"]).pid, flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize(("how", "lives"), [("apart", False), ("in a session alone", True)])
def test_what_starts_apart_ends_with_a_run_that_is_killed(how: str, lives: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IS_KILLED, how], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        while not lives and Path(f"/proc/{child}/comm").read_text() != "sleep\n":
            pass  # by then it knows its parent
        parent.kill()
        parent.wait()
        if lives:
            assert "State:\tZ" not in Path(f"/proc/{child}/status").read_text()
            os.kill(child, signal.SIGKILL)
        assert parent.stdout.read() == "", "whose end comes when the child, which has it too, ends"
