"""`run`: the command decides when it ends, and the testbed that was made for it ends after it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from testbed import state

# The command line in a process of its own, of a cluster that is a word on stdout.
PROGRAM = """
import os, sys
from pathlib import Path
from testbed import __main__, cluster, state

def up(count, csi=False):
    print("up", flush=True)
    exec(os.environ.get("IN_UP", ""))
    state.claim()

def down():
    print("down", flush=True)
    state.release()

home, state.LOCK, state.USE = Path(sys.argv[1]), *("\\0" + name for name in sys.argv[2:4])
state.FOLDER, state.OWNER, state.KUBECONFIG = home, home.parent / "owner", home / "kubeconfig"
cluster.up, cluster.down, os.geteuid = up, down, lambda: 0
__main__.app(sys.argv[4:])
"""
# A command that cleans up for longer than subprocess.run would let it, and ends as it wants to.
CAREFUL = "trap 'sleep 0.5; echo clean; exit 7' INT TERM; echo ready; while :; do sleep 0.1; done"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start the command line with arguments, as a process group of its own."""
    started = []

    def start_one(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        places = (str(folder), state.LOCK[1:], state.USE[1:])
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *places, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | variables,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        with process, suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also the command that a failed test has left


def said(process: subprocess.Popen[str]) -> tuple[int, list[str], str]:
    """Exit code, lines of output and errors of a process that ends."""
    output, errors = process.communicate(timeout=300)
    return process.returncode, output.split(), errors


def ready(process: subprocess.Popen[str]) -> None:
    """Wait for CAREFUL to be so."""
    assert process.stdout is not None
    for word in ("up\n", "ready\n"):
        assert process.stdout.readline() == word


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_exits_as_the_command_does(start: Start, command: str, code: int) -> None:
    """One that a signal has ended, as a shell says it. A testbed that was not up ends."""
    assert said(start("run", "--", "sh", "-c", command)) == (code, ["up", "down"], "")


def test_a_testbed_that_was_up_stays(start: Start, folder: Path) -> None:
    """It was somebody's before; the command is told where it is."""
    state.OWNER.write_text(str(folder))
    run = start("run", "--", "sh", "-c", "echo $KUBECONFIG")
    assert said(run) == (0, ["up", f"{folder}/kubeconfig"], "")
    assert state.owner() == folder


def test_the_command_asks_no_proxy_for_the_api_server(start: Start, folder: Path) -> None:
    """And is of this testbed, but without the mark of its own processes, which `down` kills."""
    echo = "echo $STORMARK_TESTBED $NO_PROXY $no_proxy ${STORMARK_TESTBED_PROCESS:-unmarked}"
    run = start("run", "--", "sh", "-c", echo, NO_PROXY="a.example", no_proxy="a.example")
    code, (up, where, *direct, mark, down), complaint = said(run)
    assert (code, up, where, mark, down, complaint) == (
        0,
        "up",
        str(folder),
        "unmarked",
        "down",
        "",
    )
    # its number depends on the testbeds that the machine has meanwhile
    gateway = re.sub(r"\.\d+\.1$", r"\\.\\d+\\.1", state.GATEWAY)
    assert all(re.fullmatch(f"a\\.example,{gateway}", words) for words in direct)
    assert len(direct) == 2


@pytest.mark.parametrize("terminal", [True, False])
def test_an_interrupted_command_cleans_up(start: Start, terminal: bool) -> None:
    """Ctrl-C reaches run and command at once, SIGTERM run alone; then the testbed ends."""
    run = start("run", "--", "sh", "-c", CAREFUL)
    ready(run)
    if terminal:
        os.killpg(run.pid, signal.SIGINT)
    else:
        run.terminate()
    assert said(run) == (7, ["clean", "down"], "")


def test_terminated_while_it_goes_up(start: Start) -> None:
    """Nothing was run yet; what there is of the testbed ends, and nobody is told to end it."""
    interrupted = "state.claim(); os.kill(os.getpid(), 15)"
    run = start("run", "--", "echo", "never", IN_UP=interrupted)
    assert said(run) == (130, ["up", "down"], "testbed: interrupted\n")


def test_what_an_interrupted_command_leaves_is_said(start: Start, folder: Path) -> None:
    """Of a testbed that was up before, so that `run` keeps it."""
    state.OWNER.write_text(str(folder))
    run = start("run", "--", "echo", "never", IN_UP="os.kill(os.getpid(), 15)")
    said_last = "testbed: interrupted; `python -m testbed down` removes what there is\n"
    assert said(run) == (130, ["up"], said_last)


def test_no_such_program(start: Start) -> None:
    """It is named, and the testbed that was made for it ends."""
    code, output, errors = said(start("run", "--", "no-such-program"))
    assert (code, output) == (1, ["up", "down"])
    assert errors == "testbed: `no-such-program` cannot be run: No such file or directory\n"


def test_a_file_that_up_misses_is_no_program(start: Start) -> None:
    """An error of `up` is not told as one of the command."""
    code, output, errors = said(
        start("run", "--", "true", IN_UP="Path('/no/such/file').read_text()")
    )
    assert (code, output) == (1, ["up", "down"])
    assert "/no/such/file" in errors
    assert "cannot be run" not in errors


@pytest.mark.parametrize("arguments", [["down"], ["run", "--", "true"]])
def test_a_testbed_in_use_is_kept(start: Start, arguments: list[str]) -> None:
    """Nobody ends it, nor begins what may end it, while a command is run."""
    run = start("run", "--", "sh", "-c", CAREFUL)
    ready(run)
    code, output, errors = said(start(*arguments))
    assert (code, output) == (1, [])
    assert "in use, by a `python -m testbed run` or `down`" in errors
    run.terminate()
    assert said(run) == (7, ["clean", "down"], "")


def test_down_after_a_crash_of_run(start: Start) -> None:
    """The kernel frees what a killed process held, also while its command lives on."""
    run = start("run", "--", "sh", "-c", CAREFUL)
    ready(run)
    run.kill()
    run.wait()
    assert said(start("down")) == (0, ["down"], "")
