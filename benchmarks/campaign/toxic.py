"""A bad network in front of an API server, by toxiproxy.

go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from benchmarks.campaign.proxy import write_kubeconfig
from tests.flows.server import until

TOXICS: list[dict[str, Any]] = [
    {"type": "reset_peer", "toxicity": 0.25, "attributes": {"timeout": 4000}},
    {"type": "latency", "toxicity": 1.0, "attributes": {"latency": 150, "jitter": 150}},
]


@contextmanager
def bad_network(toxiproxy: str, kubeconfig: Path, bad: Path, *, seed: int) -> Iterator[None]:
    """Write a kubeconfig that leads through toxiproxy, which is a program's path, for the block."""
    content = yaml.safe_load(kubeconfig.read_text())
    cluster = dict(content["clusters"][0]["cluster"])
    url = urlsplit(cluster["server"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [toxiproxy, "-host", "127.0.0.1", "-port", str(port), "-seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            proxies = f"http://127.0.0.1:{port}/proxies"
            until(lambda: answers(proxies), bool)
            what = {"name": "api", "listen": "127.0.0.1:0", "upstream": url.netloc}
            listens = httpx.post(proxies, json=what).raise_for_status().json()["listen"]
            for toxic in TOXICS:
                more = {"name": toxic["type"], "stream": "downstream"}
                httpx.post(f"{proxies}/api/toxics", json=toxic | more).raise_for_status()
            cluster |= {"server": f"{url.scheme}://{listens}", "tls-server-name": url.hostname}
            write_kubeconfig(bad, cluster, content["users"][0]["user"].get("token", ""))
            yield
        finally:
            process.terminate()


def answers(url: str) -> bool:
    """Whether toxiproxy is up."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
