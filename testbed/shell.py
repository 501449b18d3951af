"""Running commands, waiting for conditions, and saying what happens."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from . import state
from .state import GATEWAY, Failed

MARK = "STORMARK_TESTBED_PROCESS"
_console = Console(stderr=True)


class CommandFailed(Failed):
    """A command's line, exit status and output."""


def step(text: str) -> None:
    """Say on stderr what happens now."""
    _console.print(f"testbed: {text}", markup=False, highlight=False, soft_wrap=True)


def unproxied() -> dict[str, str]:
    """The environment of this process, in which no proxy is asked for the API server."""
    direct = f"{os.environ.get('NO_PROXY') or os.environ.get('no_proxy', '')},{GATEWAY}"
    return os.environ | {"NO_PROXY": direct, "no_proxy": direct}


def environment(process: str = "command") -> dict[str, str]:
    """That of `unproxied`, with the mark by which processes.py knows what the testbed runs.

    It names no cluster: external-provisioner prefers KUBECONFIG to its own --kubeconfig, and would
    make the volumes of whichever cluster the command's caller had chosen.
    """
    own = unproxied() | {MARK: f"{state.FOLDER}:{process}"}
    own.pop("KUBECONFIG", None)
    return own


def run(*command: str | Path, text: str | None = None) -> str:
    """The output of a command that ends by itself, given text as its input.

    Raises CommandFailed if it cannot be started or exits with anything but 0.
    """
    line = [str(word) for word in command]
    try:
        done = subprocess.run(
            line, input=text, text=True, capture_output=True, check=False, env=environment()
        )
    except OSError as error:
        raise CommandFailed(f"`{line[0]}` cannot be run: {error.strerror}") from error
    if done.returncode:
        output = (done.stderr + done.stdout).strip()
        raise CommandFailed(
            f"`{' '.join(line)}` exited {done.returncode}: {output or 'no output'}. "
            "Run the command again; if it fails again, `python -m testbed down` clears the machine"
        )
    return done.stdout.strip()


def wait_for(what: str, probe: Callable[[], bool], seconds: float, look_at: str) -> None:
    """Wait until a probe is true; a command that fails counts as not yet.

    Raises Failed after so many seconds, with the last failure and where to look.
    """
    seen = ""

    def tried() -> bool:
        nonlocal seen
        try:
            return probe()
        except CommandFailed as error:
            seen = f"; last seen: {error}"
            return False

    try:
        Retrying(
            retry=retry_if_result(lambda true: not true),
            stop=stop_after_delay(seconds),
            wait=wait_fixed(0.1),
        )(tried)
    except RetryError:
        raise Failed(f"{what} not within {seconds:.0f} s{seen}. Look at {look_at}") from None
