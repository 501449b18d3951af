"""The bridge, and the hosts on it: each a network namespace with one address."""

from pathlib import Path

from .certificates import MOST_NODES
from .shell import run, wait_for
from .state import GATEWAY, NUMBER, SUBNET, Failed

BRIDGE = f"smbr{NUMBER}"
STORAGE = f"{SUBNET}.2"
HOSTS = ("storage", *(f"w{index}" for index in range(1, MOST_NODES + 1)))
_OF = NUMBER or ""  # the first testbed of a machine has names without a number
_LINKS = Path("/sys/class/net")


def namespace(host: str) -> str:
    """The name of a host's network namespace, as `ip netns` has it."""
    return f"sm{_OF}-{host}"


def link(host: str) -> str:
    """The name of the bridge's end of a host's cable."""
    return f"smv{_OF}-{host}"


def node_address(index: int) -> str:
    """The address of the node with this number, counted from 1."""
    return f"{SUBNET}.{10 + index}"


def check_unused() -> None:
    """Raise Failed if this machine has the bridge; for when no testbed is known to run."""
    if (_LINKS / BRIDGE).exists():
        raise Failed(
            f"this machine has a network device {BRIDGE} that no known testbed made; "
            f"if nothing needs it: ip link delete {BRIDGE}"
        )


def make_bridge() -> None:
    """Make the bridge, or finish it. What comes from it is never forwarded elsewhere."""
    if not (_LINKS / BRIDGE).exists():
        if (used := run("ip", "-brief", "address", "show", "to", f"{SUBNET}.0/24")) != "":
            raise Failed(
                f"the addresses {SUBNET}.0/24 are in use on this machine: {used}; "
                "remove them, the testbed's network needs them"
            )
        run("ip", "link", "add", BRIDGE, "type", "bridge")
    Path(f"/proc/sys/net/ipv4/conf/{BRIDGE}/forwarding").write_text("0")
    run("ip", "address", "replace", f"{GATEWAY}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


def make_host(host: str, address: str) -> None:
    """Make a host with its cable to the bridge, or finish it; a cut cable is joined."""
    if namespace(host) not in namespaces():
        run("ip", "netns", "add", namespace(host))
    inside = ("ip", "-n", namespace(host))
    if not (_LINKS / link(host)).exists():
        peer = ("peer", "name", "eth0", "netns", namespace(host))
        run("ip", "link", "add", link(host), "type", "veth", *peer)
    run("ip", "link", "set", link(host), "master", BRIDGE, "up")
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "address", "replace", f"{address}/24", "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")
    # services have addresses of their own, which need a route before they are translated
    run(*inside, "route", "replace", "default", "via", GATEWAY)


def cut(host: str) -> None:
    """Pull a host's cable."""
    run("ip", "link", "set", link(host), "down")


def join(host: str) -> None:
    """Plug a host's cable in again."""
    run("ip", "link", "set", link(host), "up")


def namespaces() -> list[str]:
    """The network namespaces of the testbed."""
    there = {line.split()[0] for line in run("ip", "netns", "list").splitlines()}
    return [name for name in map(namespace, HOSTS) if name in there]


def remove() -> None:
    """Remove the hosts' cables and namespaces, and the bridge."""
    for cable in _links():
        run("ip", "link", "delete", cable)
    for name in namespaces():
        run("ip", "netns", "delete", name)
    wait_for("network devices removed", lambda: not _links(), 10, "`ip link`")


def _links() -> list[str]:
    return [name for name in (BRIDGE, *map(link, HOSTS)) if (_LINKS / name).exists()]
