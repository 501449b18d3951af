"""What `down` removes of a machine's network: the testbed's own, by its exact name."""

from pathlib import Path

import pytest

from testbed import network


def test_removes_its_own_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of other programs may begin as the testbed's do."""
    others = ["sm-w10", "sm-storage-2", "sm-work", "smv-w10", "smv-work", "smbr00", "eth0"]
    hosts = ["storage", "w1", "w9"]
    links = ["smbr0", *(f"smv-{host}" for host in hosts)]
    namespaces = [f"sm-{host}" for host in hosts]
    for name in [*links, *others]:
        (tmp_path / name).mkdir()
    deleted = []

    def ip(*command: str) -> str:
        if command[1:] == ("netns", "list"):
            return "\n".join(f"{name} (id: 0)" for name in [*namespaces, *others])
        assert command[:3] in {("ip", "link", "delete"), ("ip", "netns", "delete")}
        deleted.append(command[3])
        if command[1] == "link":
            (tmp_path / command[3]).rmdir()
        return ""

    monkeypatch.setattr(network, "_LINKS", tmp_path)
    monkeypatch.setattr(network, "run", ip)
    network.remove()
    assert sorted(deleted) == sorted([*links, *namespaces])
