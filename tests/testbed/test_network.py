"""What `down` removes of a machine's network: the testbed's own, by its exact name."""

from pathlib import Path

import pytest

from testbed import network


def test_removes_its_own_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of other programs may begin as the testbed's do."""
    hosts = ["storage", "w1", "w9"]
    own = [*map(network.link, hosts), *map(network.namespace, hosts), network.BRIDGE]
    others = [*(f"{name}0" for name in own), "sm-work", "smv-work", "eth0", "sm8-w1", "smv8-w1"]
    links = [network.BRIDGE, *map(network.link, hosts)]
    namespaces = [*map(network.namespace, hosts)]
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
