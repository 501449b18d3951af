"""Nothing is left behind, however the cluster ends."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from kubernetes import client, config, watch

from embedded import cluster

DEADLINE_SECONDS = 120.0
FORKING = "trap '' TERM HUP; (trap '' TERM HUP; setsid sleep {0}) & sleep {0} & wait"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A cluster as a child process, whose input is a pipe from here."""
    command = [sys.executable, "-m", "embedded", "--folder", str(tmp_path / "cluster")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        yield child
        child.kill()


def start_pod(process: subprocess.Popen[str]) -> set[int]:
    """Run a pod whose processes ignore signals and leave its session; their ids."""
    assert process.stdout
    kubeconfig = process.stdout.readline().strip()
    seconds = f"9{uuid4().int % 10**6:06d}"  # a duration that marks this test's processes
    container = {"name": "c", "image": "x", "command": ["sh", "-c", FORKING.format(seconds)]}
    with config.new_client_from_config(kubeconfig) as api_client:
        core: Any = client.CoreV1Api(api_client)
        core.create_namespaced_pod(
            "default", {"metadata": {"name": "p"}, "spec": {"containers": [container]}}
        )
        for change in watch.Watch().stream(
            core.list_namespaced_pod, "default", timeout_seconds=int(DEADLINE_SECONDS)
        ):
            if change["object"].status.phase == "Running":
                break
    return find_processes(seconds)


def find_processes(word: str) -> set[int]:
    """The processes with a word in their command line, once two of them sleep."""
    while True:
        found = set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if word in path.read_text():
                    found.add(int(path.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        if len(found) >= 4:  # the guard, the shell, and both sleeps
            return found


def assert_ended(pids: set[int]) -> None:
    """Wait for the end of each process, or fail."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ready, _, _ = select.select([handle], [], [], DEADLINE_SECONDS)
            assert ready, f"process {pid} still runs"
        finally:
            os.close(handle)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_all(
    process: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    pids = start_pod(process)
    process.send_signal(number)
    assert process.wait(DEADLINE_SECONDS) == 0
    assert_ended(pids)
    assert not (tmp_path / "cluster").exists()


def test_end_of_the_parents_pipe_ends_all(process: subprocess.Popen[str], tmp_path: Path) -> None:
    pids = start_pod(process)
    assert process.stdin
    process.stdin.close()
    assert process.wait(DEADLINE_SECONDS) == 0
    assert_ended(pids)
    assert not (tmp_path / "cluster").exists()


def test_cluster_ends_though_controllers_would_replace_its_pods(
    process: subprocess.Popen[str],
) -> None:
    assert process.stdout
    labels = {"app": "a"}
    container = {"name": "c", "image": "x", "command": ["sleep", "1000"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 6, "selector": {"matchLabels": labels}, "template": template}
    with config.new_client_from_config(process.stdout.readline().strip()) as api_client:
        apps: Any = client.AppsV1Api(api_client)
        apps.create_namespaced_deployment("default", {"metadata": {"name": "d"}, "spec": spec})
        for change in watch.Watch().stream(
            apps.list_namespaced_deployment, "default", timeout_seconds=int(DEADLINE_SECONDS)
        ):
            if change["object"].status.ready_replicas == 6:
                break
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_SECONDS) == 0


def test_killed_cluster_leaves_no_container(process: subprocess.Popen[str]) -> None:
    pids = start_pod(process)
    process.kill()
    assert_ended(pids)


def start_by_default(stack: ExitStack) -> tuple[subprocess.Popen[str], Path]:
    """A cluster that chooses its folder; the path of its kubeconfig, which is in there."""
    command = [sys.executable, "-m", "embedded"]
    child = stack.enter_context(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    )
    stack.callback(child.kill)
    assert child.stdout
    return child, Path(child.stdout.readline().strip())


def test_folder_of_a_killed_cluster_is_removed_by_the_next() -> None:
    with ExitStack() as stack:
        killed, left = start_by_default(stack)
        killed.kill()
        killed.wait(DEADLINE_SECONDS)
        assert left.exists()
        alive, kubeconfig = start_by_default(stack)
        assert not left.parent.exists()
        other, _ = start_by_default(stack)
        assert kubeconfig.exists()
        for child in (alive, other):
            child.send_signal(signal.SIGTERM)
            child.wait(DEADLINE_SECONDS)


CLEANING = """
import signal
from kubernetes import client, config
from embedded import cluster

with cluster.running() as kubeconfig:
    try:
        print("ready", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        with config.new_client_from_config(str(kubeconfig)) as api_client:
            print(len(client.CoreV1Api(api_client).list_node().items), flush=True)
"""


def test_interrupted_caller_can_still_clean_up() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLEANING],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as caller:
        assert caller.stdout
        assert caller.stdout.readline() == "ready\n"
        os.killpg(caller.pid, signal.SIGINT)  # as a terminal does
        assert caller.stdout.readline() == "3\n"
        assert caller.wait(DEADLINE_SECONDS) == 0


def test_running_cluster_is_gone_after_the_block(tmp_path: Path) -> None:
    with cluster.running(tmp_path / "cluster") as kubeconfig:
        assert (tmp_path / "cluster").is_dir()
        current = config.list_kube_config_contexts(str(kubeconfig))[1]
        assert current["name"] == "embedded"
    assert not (tmp_path / "cluster").exists()


def test_open_watch_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever still watches is cut off; that is no error of the cluster's."""
    with cluster.running() as kubeconfig, config.new_client_from_config(str(kubeconfig)) as api:
        core: Any = client.CoreV1Api(api)
        answer = core.list_namespaced_pod("default", watch=True, _preload_content=False)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        answer.read()
    assert capfd.readouterr().err == ""


def test_folder_that_exists_is_not_taken(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RuntimeError, match="before it was ready"), cluster.running(tmp_path):
        pass
    assert (tmp_path / "kept").read_text() == "mine"
    assert str(tmp_path) in capfd.readouterr().err
