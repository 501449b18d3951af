import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from .kube import FOREVER, Kube, is_phase, is_ready, pod_spec


class Ended(NamedTuple):
    stdout: str
    stderr: str
    status: dict[str, Any]


def connect(kube: Kube, pod: str, command: Sequence[str], **options: Any) -> Any:
    """The client's websocket to a command in the pod."""
    asked = {"stdin": False, "stdout": True, "stderr": True, "tty": False} | options
    call = kube.core.connect_get_namespaced_pod_exec
    return stream(call, pod, kube.namespace, command=command, _preload_content=False, **asked)


def execute(kube: Kube, pod: str, *command: str, **options: Any) -> Ended:
    """Run a command in the pod to its end."""
    socket = connect(kube, pod, command, **options)
    return end_of(socket)


def end_of(socket: Any) -> Ended:
    socket.run_forever(timeout=120)
    socket.sock.shutdown()  # its close() closes nothing once the server has closed
    channels = [socket.read_channel(number) for number in (1, 2, 3)]
    return Ended(channels[0], channels[1], json.loads(channels[2]))


SUCCESS = {"metadata": {}, "status": "Success"}


def running(kube: Kube, **more: Any) -> str:
    """A pod that runs until it is ended; its name."""
    kube.create_pod("p", pod_spec(FOREVER, **more))
    kube.pod("p", is_ready)
    return "p"


def test_streams_and_environment_are_those_of_the_container(kube: Kube) -> None:
    volumes = [{"name": "scratch", "emptyDir": {}}]
    pod = running(kube, volumes=volumes, env=[{"name": "WHO", "value": "me"}])
    assert execute(kube, pod, "sh", "-c", "echo $WHO > scratch/f; echo no >&2") == (
        "",
        "no\n",
        SUCCESS,
    )
    assert execute(kube, pod, "cat", "scratch/f") == ("me\n", "", SUCCESS)


def test_exit_code_is_in_the_status(kube: Kube) -> None:
    pod = running(kube)
    causes = [{"reason": "ExitCode", "message": "3"}]
    assert execute(kube, pod, "sh", "-c", "exit 3").status == {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": (
            "command terminated with non-zero exit code: command terminated with exit code 3"
        ),
        "details": {"causes": causes},
    }
    killed = execute(kube, pod, "sh", "-c", "kill -KILL $$").status
    assert killed["details"]["causes"] == [{"reason": "ExitCode", "message": "137"}]


def test_stdin_reaches_the_command_until_it_is_closed(kube: Kube) -> None:
    socket = connect(kube, running(kube), ["cat"], stdin=True)
    assert socket.subprotocol == "v5.channel.k8s.io"
    socket.write_stdin("one\n")
    assert socket.readline_stdout(timeout=120) == "one"
    socket.write_stdin("two")
    socket.close_channel(0)
    assert end_of(socket) == ("two", "", SUCCESS)


def test_command_is_done_though_it_left_a_process_that_goes_on(kube: Kube) -> None:
    volumes = [{"name": "scratch", "emptyDir": {}}]
    pod = running(kube, volumes=volumes)
    leave = "(while [ ! -f scratch/go ]; do sleep 0.1; done; echo on > scratch/f) >/dev/null 2>&1 &"
    assert execute(kube, pod, "sh", "-c", leave).status == SUCCESS
    go = "echo > scratch/go; while [ ! -s scratch/f ]; do sleep 0.1; done; cat scratch/f"
    assert execute(kube, pod, "sh", "-c", go).stdout == "on\n"


def test_program_that_does_not_exist(kube: Kube) -> None:
    status = execute(kube, running(kube), "no-such-program").status
    assert (status["reason"], status["code"]) == ("InternalError", 500)
    expected = 'exec: "no-such-program": executable file not found in $PATH: unknown'
    assert expected in status["message"]


def test_container_that_does_not_run(kube: Kube) -> None:
    kube.create_pod("p", pod_spec("true", restartPolicy="Never"))
    kube.pod("p", is_phase("Succeeded"))
    with pytest.raises(ApiException) as refused:
        execute(kube, "p", "true")
    assert "Handshake status 500 " in str(refused.value.reason)
    assert 'container not found ("main")' in str(refused.value.reason)


def test_pod_or_container_that_is_not_there(kube: Kube) -> None:
    kube.create_pod("nowhere", pod_spec(FOREVER, nodeSelector={"no": "such"}))
    for pod, container, message in (
        ("none", "main", r"pods \"none\" not found"),
        ("nowhere", "main", "pod nowhere does not have a host assigned"),
        ("nowhere", "other", "container other is not valid for pod nowhere"),
    ):
        with pytest.raises(ApiException) as refused:
            execute(kube, pod, "true", container=container)
        assert message in str(refused.value.reason)


def test_command_ends_with_its_container(kube: Kube) -> None:
    socket = connect(kube, running(kube), ["sh", "-c", "echo up; while true; do sleep 0.1; done"])
    assert socket.readline_stdout(timeout=120) == "up"
    kube.core.delete_namespaced_pod("p", kube.namespace)
    causes = [{"reason": "ExitCode", "message": "137"}]
    assert end_of(socket).status["details"]["causes"] == causes


WRITER = """
echo $$ > scratch/pid
echo run >> scratch/runs
while true; do sleep 0.1; done
"""


def running_script(kube: Kube) -> None:
    """A pod whose main process is a script that says its process id, in a shared namespace."""
    kube.core.create_namespaced_config_map(
        kube.namespace, {"metadata": {"name": "script"}, "data": {"writer.sh": WRITER}}
    )
    volumes = [{"name": "scratch", "emptyDir": {}}, {"name": "c", "configMap": {"name": "script"}}]
    spec = pod_spec("", volumes=volumes, shareProcessNamespace=True)
    spec["containers"][0]["command"] = ["sh", "c/writer.sh"]
    kube.create_pod("p", spec)
    kube.pod("p", is_ready)


def test_container_whose_main_process_is_killed_restarts_in_place(kube: Kube) -> None:
    running_script(kube)
    wait = "while [ ! -s scratch/runs ]; do sleep 0.1; done; kill -KILL $(cat scratch/pid)"
    execute(kube, "p", "sh", "-c", wait)
    pod = kube.pod("p", lambda p: is_ready(p) and p.status.container_statuses[0].restart_count)
    (status,) = pod.status.container_statuses
    last = status.last_state.terminated
    assert (status.restart_count, last.exit_code, last.reason) == (1, 137, "Error")
    again = "while [ $(wc -l < scratch/runs) != 2 ]; do sleep 0.1; done; echo kept"
    assert execute(kube, "p", "sh", "-c", again).stdout == "kept\n"
