"""Who may ask the embedded cluster: its pods are processes of the user who runs it."""

import json
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from kubernetes import client, config, stream
from kubernetes.client.exceptions import ApiException

from embedded import cluster
from tests.conftest import pool_of

PODS = "/api/v1/namespaces/default/pods"
EVIL = "https://evil.example"


@pytest.fixture
def pool(core: Any) -> Iterator[urllib3.PoolManager]:
    """Requests by the cluster's certificate, without its token."""
    trusted = core.api_client.configuration.ssl_ca_cert
    with urllib3.PoolManager(ca_certs=trusted, retries=False) as pool:
        yield pool


@pytest.fixture
def token(core: Any) -> str:
    return str(core.api_client.configuration.get_api_key_with_prefix("BearerToken"))


def pod(name: str) -> str:
    container = {"name": "c", "image": "busybox", "command": ["true"]}
    spec = {"containers": [container], "restartPolicy": "Never"}
    return json.dumps({"metadata": {"name": name}, "spec": spec})


def ask(core: Any, pool: urllib3.PoolManager, name: str, **headers: str) -> Any:
    """Create a pod with just these headers; the answer's status, and whether the pod is there."""
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    url = f"{core.api_client.configuration.host}{PODS}"
    answer = pool.request("POST", url, body=pod(name).encode(), headers=given)
    there = {one.metadata.name for one in core.list_namespaced_pod("default").items}
    return answer.status, name in there


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain", "host": "evil.example", "origin": EVIL}, 403),
        ({"content_type": "text/plain", "origin": EVIL}, 401),
        ({"content_type": "application/json"}, 401),
        ({"content_type": "application/json", "authorization": "Bearer guess"}, 401),
        ({"content_type": "application/json", "authorization": "", "host": "localhost"}, 401),
    ],
    ids=["cross-site", "text", "no token", "wrong token", "empty token"],
)
def test_without_the_token_nothing_is_created(
    core: Any, pool: urllib3.PoolManager, headers: dict[str, str], status: int
) -> None:
    assert ask(core, pool, "uninvited", **headers) == (status, False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({"content_type": "application/json", "host": "evil.example"}, 403),
        ({"content_type": "application/json", "host": "127.0.0.1.evil.example:80"}, 403),
    ],
)
def test_with_the_token_a_foreign_host_and_other_types_are_refused(
    core: Any, pool: urllib3.PoolManager, token: str, headers: dict[str, str], status: int
) -> None:
    """A page whose name was made to resolve to this machine, and what a form may send."""
    assert ask(core, pool, "uninvited", authorization=token, **headers) == (status, False)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "localhost:8443", "[::1]:9"])
def test_with_the_token_it_is_created(
    core: Any, pool: urllib3.PoolManager, token: str, host: str
) -> None:
    """The requests above fail by what they lack alone."""
    name = f"invited-{re.sub(r'[^a-z0-9]', '', host)}"
    headers = {"content_type": "application/json; charset=utf-8", "host": host}
    assert ask(core, pool, name, authorization=token, **headers) == (201, True)
    core.delete_namespaced_pod(name, "default", grace_period_seconds=0)


def test_every_path_wants_the_token(core: Any, pool: urllib3.PoolManager, token: str) -> None:
    """In the words of Kubernetes; also of faults, which only tests have at all."""
    host = core.api_client.configuration.host
    for path in ("/readyz", "/version", "/api/v1/nodes", "/embedded/faults", f"{PODS}/p/log"):
        answer = pool.request("GET", f"{host}{path}")
        assert (answer.status, answer.json()["reason"]) == (401, "Unauthorized"), path
    version = pool.request("GET", f"{host}/version", headers={"Authorization": token})
    assert version.status == 200


def test_an_exec_wants_the_token(kubeconfig: Path) -> None:
    settings = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=settings)
    settings.api_key = {}
    with client.ApiClient(settings) as api:
        connect = client.CoreV1Api(api).connect_get_namespaced_pod_exec
        with pytest.raises(ApiException) as refused:
            stream.stream(connect, "p", "default", command=["id"], stdout=True)
    assert refused.value.status == 0
    assert "401" in str(refused.value.reason)


def test_plain_http_is_no_way_in(core: Any, token: str) -> None:
    """Nor does the token go over the wire in the clear."""
    port = int(core.api_client.configuration.host.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        request = f"GET /version HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"gitVersion" not in answer


def test_faults_are_for_tests_alone() -> None:
    """A cluster as the demo starts it has no way to be broken."""
    with (
        cluster.running() as kubeconfig,
        config.new_client_from_config(str(kubeconfig)) as api,
        pool_of(api, retries=False) as pool,
    ):
        url = f"{api.configuration.host}/embedded/faults"
        fault = {"verb": "list", "resource": "nodes", "answer": 500}
        assert pool.request("POST", url, json=fault).status == 404
        assert len(client.CoreV1Api(api).list_node().items) == 3


def test_only_their_owner_may_read_its_files(kubeconfig: Path, folder: Path) -> None:
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "tls.key").stat().st_mode) == 0o600


def test_the_token_is_on_no_command_line(kubeconfig: Path) -> None:
    """Which everybody on the machine may read."""
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"].encode()
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:  # it has just ended
            continue
    assert any(b"embedded" in line for line in lines)
    assert not any(token in line for line in lines)
