import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from tests.conftest import pool_of


@pytest.fixture
def pool(core: Any) -> Iterator[urllib3.PoolManager]:
    """Requests without retries; all faults are cleared afterwards."""
    with pool_of(core.api_client, retries=False) as pool:
        yield pool
        pool.request("DELETE", f"{host(core)}/embedded/faults")


def host(core: Any) -> str:
    return str(core.api_client.configuration.host)


def set_fault(pool: urllib3.PoolManager, core: Any, **fault: object) -> None:
    answer = pool.request("POST", f"{host(core)}/embedded/faults", json=fault)
    assert answer.status == 200, answer.data


def faults(pool: urllib3.PoolManager, core: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pool.request("GET", f"{host(core)}/embedded/faults").json()
    return found


def test_only_the_nth_call_is_answered_so(pool: urllib3.PoolManager, core: Any) -> None:
    set_fault(pool, core, verb="list", resource="nodes", nth=2, times=1, answer=500)
    core.list_node()
    with pytest.raises(ApiException) as broken:
        core.list_node()
    assert broken.value.status == 500
    core.list_node()
    (fault,) = faults(pool, core)
    assert (fault["seen"], fault["fired"]) == (3, 1)


def test_forbidden_in_the_words_of_kubernetes(pool: urllib3.PoolManager, core: Any) -> None:
    set_fault(pool, core, verb="create", resource="persistentvolumeclaims", answer=403)
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_persistent_volume_claim("default", {"metadata": {"name": "a"}})
    assert json.loads(str(refused.value.body))["message"] == (
        'persistentvolumeclaims is forbidden: User "embedded" cannot create resource '
        '"persistentvolumeclaims" in API group "" in the namespace "default"'
    )


def test_too_many_requests_say_when_to_come_back(pool: urllib3.PoolManager, core: Any) -> None:
    set_fault(pool, core, verb="get", resource="nodes", answer=429, retry_after_seconds=7)
    answer = pool.request("GET", f"{host(core)}/api/v1/nodes/w1")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["details"]["retryAfterSeconds"] == 7


def test_closed_connection_and_stalled_call(pool: urllib3.PoolManager, core: Any) -> None:
    set_fault(pool, core, verb="get", resource="namespaces", answer="close")
    set_fault(pool, core, verb="get", resource="nodes", answer="stall")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("GET", f"{host(core)}/api/v1/namespaces/default")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        pool.request("GET", f"{host(core)}/api/v1/nodes/w1", timeout=0.3)
    assert pool.request("GET", f"{host(core)}/api/v1/nodes/w1").status == 200


def test_dropped_and_expired_watches(pool: urllib3.PoolManager, core: Any) -> None:
    set_fault(pool, core, verb="watch", resource="nodes", answer="drop-watch")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        list(watch.Watch().stream(core.list_node, timeout_seconds=5))
    pool.request("DELETE", f"{host(core)}/embedded/faults")
    set_fault(pool, core, verb="watch", resource="nodes", answer="gone")
    with pytest.raises(ApiException) as gone:
        list(watch.Watch().stream(core.list_node, timeout_seconds=5))
    assert gone.value.status == 410


def test_unknown_answer_is_refused(pool: urllib3.PoolManager, core: Any) -> None:
    body = {"verb": "get", "resource": "nodes", "answer": "explode"}
    answer = pool.request("POST", f"{host(core)}/embedded/faults", json=body)
    assert answer.status == 400
    assert "explode" in answer.json()["message"]
    assert faults(pool, core) == []


@pytest.mark.parametrize("answer", [403, "gone"])
def test_subresources_are_resources_of_their_own(
    pool: urllib3.PoolManager, core: Any, answer: int | str
) -> None:
    set_fault(pool, core, verb="get", resource="pods/log", answer=answer)
    path = f"{host(core)}/api/v1/namespaces/default/pods/none"
    assert pool.request("GET", path).status == 404
    assert pool.request("GET", f"{path}/log").status == (410 if answer == "gone" else 403)


WRITER = "echo old > data/f; sleep 2.5; echo new >> data/f; echo new > data/g; "


def run_writer(core: Any, name: str, folder: Path, end: str) -> Path:
    """Run a pod that writes before and within its last second; the folder of its volume."""
    path = f"/mnt/{name}"
    container = {
        "name": "c",
        "image": "x",
        "workingDir": "/",
        "command": ["sh", "-c", WRITER + end],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "containers": [container],
        "nodeName": "w1",
        "restartPolicy": "Never",
        "volumes": [{"name": "data", "hostPath": {"path": path}}],
    }
    core.create_namespaced_pod("default", {"metadata": {"name": name}, "spec": spec})
    for change in watch.Watch().stream(
        core.list_namespaced_pod,
        "default",
        field_selector=f"metadata.name={name}",
        timeout_seconds=20,
    ):
        if change["object"].status.phase in {"Succeeded", "Failed"}:
            break
    return folder / "w1" / path.lstrip("/")


@pytest.mark.parametrize(("name", "end"), [("ended", "exit 0"), ("killed", "kill -KILL $$")])
def test_kubelet_loses_the_last_second_of_writes(
    pool: urllib3.PoolManager, core: Any, folder: Path, name: str, end: str
) -> None:
    set_fault(pool, core, kubelet="lose-last-second")
    written = run_writer(core, name, folder, end)
    assert (written / "f").read_text() == "old\n"
    assert (written / "g").read_text() == ""
    assert faults(pool, core) == [{"kubelet": "lose-last-second", "fired": 1}]


def test_kubelet_without_the_fault_loses_nothing(
    pool: urllib3.PoolManager, core: Any, folder: Path
) -> None:
    set_fault(pool, core, kubelet="lose-last-second")
    pool.request("DELETE", f"{host(core)}/embedded/faults")
    written = run_writer(core, "kept", folder, "exit 0")
    assert (written / "f").read_text() == "old\nnew\n"
    assert faults(pool, core) == []
