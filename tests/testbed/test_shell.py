"""What a failed command and a wait in vain say."""

import pytest

from testbed.shell import CommandFailed, run, unproxied, wait_for
from testbed.state import GATEWAY, Failed


def test_output() -> None:
    """A command is given its input, and its output comes without the last newline."""
    assert run("cat", text="line\n") == "line"


def test_failed_command() -> None:
    """The message has the command, its status, what it wrote, and what to do."""
    with pytest.raises(CommandFailed) as raised:
        run("sh", "-c", "echo no such device >&2; exit 3")
    assert "exited 3: no such device" in str(raised.value)
    assert "`python -m testbed down` clears the machine" in str(raised.value)


def test_missing_command() -> None:
    """A program that is not there is named."""
    with pytest.raises(CommandFailed, match="`no-such-program` cannot be run: No such file"):
        run("no-such-program")


def test_no_proxy_is_asked_for_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment excepts already stays excepted."""
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert run("sh", "-c", "echo $NO_PROXY") == f"localhost,{GATEWAY}"


def test_no_other_cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar that reads KUBECONFIG would serve that one."""
    monkeypatch.setenv("KUBECONFIG", "/another/kubeconfig")
    assert run("sh", "-c", "echo ${KUBECONFIG-none}") == "none"
    assert unproxied()["KUBECONFIG"] == "/another/kubeconfig"


def test_wait() -> None:
    """A command that fails is no end of waiting."""
    failures = iter(["one", "two"])

    def probe() -> bool:
        for failure in failures:
            raise CommandFailed(failure)
        return True

    wait_for("the third try", probe, 30, "nowhere")


def test_wait_in_vain() -> None:
    """The message says for what, how long, what was seen last, and where to look."""

    def probe() -> bool:
        raise CommandFailed("connection refused")

    with pytest.raises(Failed) as raised:
        wait_for("the API server was ready", probe, 0, "/log/kube-apiserver")
    assert str(raised.value) == (
        "the API server was ready not within 0 s; last seen: connection refused. "
        "Look at /log/kube-apiserver"
    )
