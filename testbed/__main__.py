"""`python -m testbed`: the commands."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from . import build as builds
from . import (
    certificates,
    cluster,
    control_plane,
    csi_driver,
    machine,
    network,
    nodes,
    prerequisites,
    processes,
    state,
)
from .shell import unproxied
from .state import Failed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="A real multi-node Kubernetes on one machine, without Docker and without a VM: "
    "unmodified etcd, API server, scheduler, controllers, kubelets, containerd and runc.\n\n"
    "Needs root on Debian. State is in `$STORMARK_TESTBED`, by default "
    "/var/lib/stormark-testbed. Exit codes: 0 done; 1 it failed, and the message says what to do; "
    "130 interrupted. `run` exits as its command does.",
)
console = Console()
errors = Console(stderr=True)
NODES = 3


def _release(release: str | None) -> str | None:
    if release is not None and re.fullmatch(builds.RELEASE, release) is None:
        raise typer.BadParameter(f"a release such as 1.31 or 1.31.14, not {release!r}")
    return release


Release = Annotated[
    str | None,
    typer.Option(
        "--kubernetes",
        callback=_release,
        metavar="RELEASE",
        help="An older Kubernetes, such as 1.31 or 1.31.14, by its Go modules.",
        show_default=False,
    ),
]
Csi = Annotated[
    bool, typer.Option("--csi", help="With the classes csi-block, whose volumes attach.")
]
Node = Annotated[str, typer.Argument(help="A node, as w1.")]


@contextmanager
def telling() -> Iterator[None]:
    """Say an error in a sentence and exit with 1."""
    try:
        yield
    except Failed as error:
        errors.print(f"testbed: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except PermissionError as error:
        errors.print(f"testbed: {error.filename}: permission denied; run it as root", style="red")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        there = state.owner() == state.FOLDER  # else nothing was made, or `run` has ended it
        hint = "; `python -m testbed down` removes what there is" if there else ""
        errors.print(f"testbed: interrupted{hint}")
        raise typer.Exit(130) from None


@app.command()
def build(release: Release = None, csi: Csi = False) -> None:
    """Compile Kubernetes and the provisioner from Go modules, if that is not done yet."""
    with telling(), state.exclusive(), machine.alone():
        builds.build(release, csi=csi)


@app.command()
def up(
    count: Annotated[
        int, typer.Option("--nodes", min=1, max=certificates.MOST_NODES, help="Number of nodes.")
    ] = NODES,
    release: Release = None,
    csi: Csi = False,
) -> None:
    """Make the cluster, or finish it: builds first if needed, and prints the kubeconfig's path."""
    with telling():
        cluster.up(count, release, csi=csi)
    _print(str(state.KUBECONFIG))


@app.command(epilog="Example: `python -m testbed run -- kubectl get nodes`")
def run(
    command: Annotated[list[str], typer.Argument(help="A command with its arguments, after --.")],
    csi: Csi = False,
) -> None:
    """Run a command with the testbed's KUBECONFIG; one that was not up is ended after it.

    The command has STORMARK_TESTBED too, so that a `python -m testbed` in it is of the same one.

    Exits as the command does, which is waited for also after Ctrl-C and SIGTERM. Until then no
    other `run` or `down` may use the testbed.
    """
    with telling(), state.in_use(), _on_signal(signal.default_int_handler, signal.SIGTERM):
        was_up = state.owner() is not None
        try:
            cluster.up(NODES, csi=csi)
            code = _code_of(command)
        finally:
            if not was_up and os.geteuid() == 0:
                cluster.down()
    raise typer.Exit(code)


@app.command()
def kubeconfig() -> None:
    """Print the path of the administrator's kubeconfig."""
    with telling():
        _check_up()
    _print(str(state.KUBECONFIG))


@app.command()
def status() -> None:
    """Say which processes run, and what Kubernetes says of nodes and classes."""
    with telling():
        _check_up()
        prerequisites.check_root()
        for name, pid in sorted(processes.running().items()):
            _print(f"{pid:>8} {name}")
        _print(control_plane.kubectl("get", "nodes,storageclasses", "--output=wide"))


@app.command()
def stop_node(node: Node) -> None:
    """Cut a node's power: what it has not made durable is gone."""
    with _on(node), state.exclusive():
        nodes.stop(node)


@app.command()
def kill_node(node: Node) -> None:
    """Kill a node's processes alone: a process fault, after which the kernel still has all data."""
    with _on(node), state.exclusive():
        nodes.kill(node)


@app.command()
def start_node(node: Node) -> None:
    """Start a node that was stopped or killed."""
    with _on(node), state.exclusive():
        nodes.start(node)


@app.command()
def cut(node: Node) -> None:
    """Take a node off the network."""
    with _on(node), state.exclusive():
        network.cut(node)


@app.command()
def join(node: Node) -> None:
    """Put a node on the network again."""
    with _on(node), state.exclusive():
        network.join(node)


@app.command()
def array(
    attach_seconds: Annotated[float, typer.Option(help="Each attachment takes so long.")] = 0,
    detach_failures: Annotated[
        int, typer.Option(help="So many detachments fail, from now on.")
    ] = 0,
    delete_seconds: Annotated[float, typer.Option(help="Each deletion takes so long.")] = 0,
) -> None:
    """Let the volumes of csi-block be slow or fail; without options they are as they were."""
    with telling(), state.exclusive():
        prerequisites.check_root()
        _check_up()
        csi_driver.tell(attach_seconds, detach_failures, delete_seconds)


@app.command()
def down() -> None:
    """End every process, mount, network, cgroup and file of the testbed, also after a crash."""
    with telling(), state.in_use():
        cluster.down()


def _code_of(command: list[str]) -> int:
    """The exit code of a command with the testbed's KUBECONFIG, as a shell has it.

    What a signal ends is the command's to decide: it may have to clean up first.
    """
    child: subprocess.Popen[bytes] | None = None
    early = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif number != signal.SIGINT:  # which the terminal gives to both
            child.send_signal(number)

    with _on_signal(pass_on, signal.SIGINT, signal.SIGTERM):
        try:
            own = {"KUBECONFIG": str(state.KUBECONFIG), "STORMARK_TESTBED": str(state.FOLDER)}
            child = subprocess.Popen(command, env=unproxied() | own)
        except OSError as error:
            raise Failed(f"`{command[0]}` cannot be run: {error.strerror}") from error
        for number in early:
            child.send_signal(number)
        code = child.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _on_signal(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Handle signals in a way of one's own for a while."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def _on(node: str) -> Iterator[None]:
    with telling():
        prerequisites.check_root()
        _check_up()
        nodes.check(node)
        yield


def _check_up() -> None:
    state.check_owner()
    if state.owner() is None or not state.KUBECONFIG.exists():  # a reboot keeps files alone
        raise Failed(
            f"no testbed runs with its state in {state.FOLDER}: `python -m testbed up` makes it"
        )


def _print(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    app(prog_name="python -m testbed")
