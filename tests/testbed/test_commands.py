"""What a user sees: help, and refusals in a sentence with exit code 1."""

import os
from errno import EACCES
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from testbed import network, state
from testbed.__main__ import app

FAILED, MISUSED = 1, 2
COMMANDS = [
    *(
        "build",
        "up",
        "run",
        "kubeconfig",
        "status",
        "stop-node",
        "kill-node",
        "start-node",
        "cut",
        "join",
        "array",
        "down",
    )
]
ON_A_NODE = ["stop-node w1", "kill-node w1", "start-node w1", "cut w1", "join w1"]


def command(*arguments: str) -> Result:
    """Run a command here; an exception that is no exit is the test's failure."""
    result = CliRunner().invoke(app, arguments)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands believe that they are root; none of these tests lets one do anything."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    # bridge and cgroups have the names of a real testbed, also where a refusal is missing
    for action in ("network.cut", "network.join", "nodes.start", "nodes.stop", "nodes.kill"):
        monkeypatch.setattr(f"testbed.{action}", lambda node: pytest.fail(f"{node} was touched"))


@pytest.fixture
def up() -> None:
    """What the commands take for a testbed that is up."""
    state.claim()
    state.KUBECONFIG.touch()


def test_help() -> None:
    """Every command is there with a sentence."""
    result = command("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f" {name} " in result.stdout


@pytest.mark.parametrize("line", ["up", "run true", "down", "cut w1", "join w1", "stop-node w1"])
def test_not_root(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever changes the machine needs root, and says so."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = command(*line.split())
    assert result.exit_code == FAILED
    assert "run it as root" in result.stderr
    assert not state.OWNER.exists()


def test_forbidden_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder that may not be written to is named."""

    def refuse(_release: str | None, *, csi: bool) -> None:  # noqa: ARG001
        raise PermissionError(EACCES, "Permission denied", str(state.BIN))

    monkeypatch.setattr("testbed.build.build", refuse)
    result = command("build")
    assert result.exit_code == FAILED
    assert "permission denied; run it as root" in result.stderr


@pytest.mark.parametrize("line", ["build --kubernetes 31", "up --kubernetes v1.31"])
def test_no_release(line: str) -> None:
    """It is refused with what one looks like, before anything is done."""
    result = command(*line.split())
    assert result.exit_code == MISUSED
    assert "a release such as 1.31 or 1.31.14" in result.stderr


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("line", ["up", "down", "cut w1", "start-node w1"])
def test_a_number_that_another_testbed_has_taken(line: str) -> None:
    """Its bridge, addresses and cgroups stay as they are."""
    state.OWNER.write_text("/elsewhere")
    result = command(*line.split())
    assert result.exit_code == FAILED
    assert "with its state in /elsewhere" in result.stderr
    assert state.OWNER.read_text() == "/elsewhere"


@pytest.mark.usefixtures("root")
def test_unknown_bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge of the same name that nobody claims is not taken over."""
    (tmp_path / network.BRIDGE).mkdir()
    monkeypatch.setattr(network, "_LINKS", tmp_path)
    monkeypatch.setattr("testbed.prerequisites.check", lambda: None)
    result = command("up")
    assert result.exit_code == FAILED
    assert f"network device {network.BRIDGE} that no known testbed made" in result.stderr
    assert not state.OWNER.exists()


@pytest.mark.usefixtures("root", "up")
def test_unknown_node(folder: Path) -> None:
    """The message names those that there are."""
    for name in ("w1", "w2"):
        (folder / "nodes" / name).mkdir(parents=True)
    result = command("cut", "w7")
    assert result.exit_code == FAILED
    assert result.stderr == "testbed: there is no node w7; nodes are w1, w2\n"


@pytest.mark.usefixtures("root", "up")
@pytest.mark.parametrize("line", ON_A_NODE)
def test_one_change_at_a_time(line: str, folder: Path) -> None:
    """A node stays as it is while another command changes the testbed."""
    (folder / "nodes" / "w1").mkdir(parents=True)
    with state.exclusive():
        result = command(*line.split())
    assert result.exit_code == FAILED
    assert "another command is changing the testbed" in result.stderr


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("rebooted", [False, True])
@pytest.mark.parametrize("line", [*("status", "kubeconfig"), *ON_A_NODE])
def test_not_up(line: str, rebooted: bool, folder: Path) -> None:
    """What asks a cluster that is not there says how to make it; files alone make none."""
    if rebooted:
        state.KUBECONFIG.touch()
        (folder / "nodes" / "w1").mkdir(parents=True)
    result = command(*line.split())
    assert result.exit_code == FAILED
    assert str(folder) in result.stderr
    assert "`python -m testbed up`" in result.stderr


@pytest.mark.usefixtures("up")
def test_kubeconfig() -> None:
    """The path alone, for $(...)."""
    assert command("kubeconfig").stdout == f"{state.KUBECONFIG}\n"


@pytest.mark.parametrize("count", ["0", "10"])
def test_number_of_nodes(count: str) -> None:
    """Addresses and tokens are for one to nine."""
    assert command("up", "--nodes", count).exit_code == MISUSED
