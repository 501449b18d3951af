"""Commands in a pod's container: what they wrote, or why they did not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes import streams, verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, CommandFailed, CutOff, NotOpened, Unreachable
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.objects import Items
from tasks.kubernetes.pods import container_state
from tasks.storms import faults
from tasks.storms.clock import now
from tests.storms.ground import Ground, storm_rows


@pytest.fixture
def cluster(ground: Ground) -> Iterator[Cluster]:
    """A cluster with a pod named web that runs, and writes its process id where a writer does."""
    command = "echo $$$$ > scratch/pid; while true; do sleep 0.1; done"  # $$ is an escaped $
    container = {
        "name": CONTAINER,
        "image": "busybox",
        "workingDir": "/",
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    spec = {"containers": [container], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}
    verbs.create(ground.cluster, pod)
    wait_running(ground.cluster, restarts=0)
    written = [
        "sh",
        "-c",
        "until [ -s scratch/pid ]; do sleep 0.1; done",
    ]  # it runs before it wrote
    streams.execute(ground.cluster, "web", written, limit_seconds=120)
    yield ground.cluster
    verbs.delete(ground.cluster, "Pod", "web", grace_seconds=0)
    watches.wait(
        ground.cluster, "Pod", lambda items: None if items else True, what="end", limit_seconds=120
    )


def wait_running(cluster: Cluster, restarts: int) -> None:
    def running(items: Items) -> bool | None:
        if "running" not in container_state(items["web"]):
            return None
        return items["web"]["status"]["containerStatuses"][0]["restartCount"] == restarts or None

    watches.wait(cluster, "Pod", running, what="start of pod web", limit_seconds=300, name="web")


def test_what_it_wrote_is_returned(cluster: Cluster) -> None:
    """All of it, and what it complained of is not in it."""
    script = "i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i + 1)); done; echo no >&2"
    output = streams.execute(cluster, "web", ["sh", "-c", script], limit_seconds=120)
    assert output.split() == [str(number) for number in range(5000)]


def test_several_at_once_do_not_disturb_each_other(cluster: Cluster) -> None:
    """Storms on several volumes meet their pods at the same time."""

    def echo(number: int) -> str:
        return streams.execute(cluster, "web", ["echo", str(number)], limit_seconds=120)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(echo, range(16))) == [f"{number}\n" for number in range(16)]


@pytest.mark.parametrize(
    ("pod", "command", "words"),
    [
        ("web", ["sh", "-c", "echo no >&2; exit 3"], "running sh in pod web: exit status 3: no"),
        ("web", ["no-such-tool"], 'exec: "no-such-tool": executable file not found'),
        (
            "gone",
            ["sh"],
            r"running sh in pod gone \(pods/exec\): pods .gone. not found \(HTTP 404\)",
        ),
    ],
)
def test_a_command_that_fails_says_why(
    cluster: Cluster, pod: str, command: list[str], words: str
) -> None:
    """In its own words, or the cluster's."""
    with pytest.raises(ClusterError, match=words):
        streams.execute(cluster, pod, command, limit_seconds=120)


def test_a_command_that_does_not_end_is_left(cluster: Cluster) -> None:
    """The limit is said."""
    with pytest.raises(ClusterError, match="running sleep in pod web: it did not end within 1 s"):
        streams.execute(cluster, "web", ["sleep", "60"], limit_seconds=1)


def test_a_container_is_restarted_in_its_pod(cluster: Cluster) -> None:
    """The pod stays, its container is another."""
    uid = verbs.get(cluster, "Pod", "web")["metadata"]["uid"]
    faults.restart_container(cluster, "web")
    wait_running(cluster, restarts=1)
    assert verbs.get(cluster, "Pod", "web")["metadata"]["uid"] == uid


def test_a_restart_may_take_the_connection_along(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault was carried out: what the writer does next decides, not the order's stream."""
    execute = streams.execute

    def cut(*arguments: Any, **more: Any) -> str:
        with suppress(CommandFailed):
            execute(*arguments, **more)
        raise CutOff("running sh in pod web: its connection ended before it did")

    monkeypatch.setattr(streams, "execute", cut)
    faults.restart_container(cluster, "web")
    wait_running(cluster, restarts=1)


def test_an_order_that_did_not_get_through_is_given_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing had begun; what follows is timed from the order that did."""
    execute, tried = streams.execute, list[float]()

    def reset_once(*arguments: Any, **more: Any) -> str:
        tried.append(now())
        if len(tried) == 1:
            raise NotOpened("running sh in pod web: its connection was reset")
        return execute(*arguments, **more)

    monkeypatch.setattr(streams, "execute", reset_once)
    ordered_at = faults.inject(faults.restart_container, cluster.patient, "web")
    wait_running(cluster, restarts=1)
    assert tried[0] < ordered_at <= tried[1]
    assert len(tried) == 2


def test_an_order_that_may_have_got_through_is_not_given_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one would be another fault."""
    tried = list[str]()

    def unheard(*_: Any, **__: Any) -> str:
        tried.append("order")
        raise Unreachable("running sh in pod web: no answer")

    monkeypatch.setattr(streams, "execute", unheard)
    with pytest.raises(Unreachable):
        faults.inject(faults.restart_container, cluster.patient, "web")
    assert tried == ["order"]


def test_a_fault_that_changes_nothing_is_no_measurement(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection was cut before the order came: the writer did not fail to come back."""

    def cut(*_: Any, **__: Any) -> str:
        raise CutOff("running sh in pod a: its connection ended before it did")

    monkeypatch.setattr(streams, "execute", cut)
    known = ground.run_storms(
        tmp_path,
        storage_classes=["local-path"],
        storm_volumes=["storage-classes"],
        storms=["container-restart"],
        recovery_limit_seconds=5,
    )
    (row,) = storm_rows(known)
    assert row["status"] == "failed"
    assert row["error"].startswith("container-restart on local-path did not happen: writer ")
