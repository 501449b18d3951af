from typing import Any

import pytest
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from .kube import FOREVER, IMAGE, ON_TERM, Kube, has_condition, is_phase, is_ready, pod_spec


def terminated(pod: Any) -> Any:
    """The state of the only container once it has ended."""
    statuses = pod.status.container_statuses
    return statuses and statuses[0].state.terminated


def test_finished_pod_says_how_it_ended(kube: Kube) -> None:
    kube.create_pod("ok", pod_spec("true", restartPolicy="Never"))
    kube.create_pod("bad", pod_spec("exit 3", restartPolicy="Never"))
    kube.create_pod("killed", pod_spec("sh -c 'kill -9 $PPID'; exit 4", restartPolicy="Never"))
    ok = kube.pod("ok", is_phase("Succeeded"))
    bad = kube.pod("bad", is_phase("Failed"))
    end = terminated(ok)
    assert (end.exit_code, end.reason) == (0, "Completed")
    assert end.started_at <= end.finished_at
    assert (terminated(bad).exit_code, terminated(bad).reason) == (3, "Error")
    assert {c.type: c.reason for c in ok.status.conditions}["Ready"] == "PodCompleted"
    kube.pod("ok", lambda pod: not has_condition(pod, "PodReadyToStartContainers"))
    # The first process of a container cannot be killed from within it on a real cluster.
    assert terminated(kube.pod("killed", terminated)).exit_code in {4, 137}


def test_running_pod_has_the_conditions_and_addresses(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER))
    pod = kube.pod("p", is_ready)
    conditions = {c.type: c.status for c in pod.status.conditions}
    assert conditions == {
        "PodScheduled": "True",
        "Initialized": "True",
        "PodReadyToStartContainers": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }
    assert pod.status.host_ip
    assert pod.status.pod_ip
    (status,) = pod.status.container_statuses
    assert (status.ready, status.started, status.restart_count) == (True, True, 0)
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        assert kube.event("p", reason).type == "Normal"


def test_environment_and_arguments_are_filled_in(kube: Kube) -> None:
    def from_field(path: str) -> dict[str, object]:
        return {"fieldRef": {"fieldPath": path}}

    env = [
        {"name": "POD", "valueFrom": from_field("metadata.name")},
        {"name": "SPACE", "valueFrom": from_field("metadata.namespace")},
        {"name": "NODE", "valueFrom": from_field("spec.nodeName")},
        {"name": "BOTH", "value": "$(POD)-on-$(NODE)"},
    ]
    on_w2 = {"kubernetes.io/hostname": "w2"}
    command = "echo $BOTH $SPACE $HOSTNAME $(POD) $$(POD)"
    spec = pod_spec(command, env=env, restartPolicy="Never", nodeSelector=on_w2)
    spec["containers"][0]["command"] = ["echo", "$(BOTH)", "$(SPACE)", "$(MISSING)", "$$(POD)"]
    kube.create_pod("p", spec)
    kube.pod("p", is_phase("Succeeded"))
    assert kube.log("p") == f"p-on-w2 {kube.namespace} $(MISSING) $(POD)\n"


def test_log_is_followed_to_its_end_with_timestamps(kube: Kube) -> None:
    command = "for n in 1 2 3; do echo line $n; sleep 0.3; done; printf unended"
    kube.create_pod("p", pod_spec(command, restartPolicy="Never"))
    kube.pod("p", lambda pod: pod.status.phase in {"Running", "Succeeded"})
    read = kube.core.read_namespaced_pod_log
    lines = list(watch.Watch().stream(read, "p", kube.namespace, timestamps=True))
    assert [line.split(" ", 1)[1] for line in lines] == ["line 1", "line 2", "line 3"]
    # The client's stream drops a last line that has no end; the log itself has it.
    stamps = [line.split(" ", 1)[0] for line in lines]
    assert stamps == sorted(stamps)
    assert all(stamp.endswith("Z") and len(stamp.partition(".")[2]) > 6 for stamp in stamps)
    assert kube.log("p", tail_lines=2) == "line 3\nunended"


def test_log_of_what_is_not_there_is_refused(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER))
    kube.pod("p", is_ready)
    with pytest.raises(ApiException) as wrong:
        kube.log("p", container="other")
    assert wrong.value.status == 400
    assert "container other is not valid for pod p" in str(wrong.value.body)
    with pytest.raises(ApiException) as none:
        kube.log("p", previous=True)
    assert none.value.status == 400
    expected = 'previous terminated container \\"main\\" in pod \\"p\\" not found'
    assert expected in str(none.value.body)


def test_empty_dir_survives_a_container_restart_and_not_its_pod(kube: Kube) -> None:
    volumes = [{"name": "scratch", "emptyDir": {}}]
    command = "echo run >> scratch/f; [ $(wc -l < scratch/f) = 2 ] || exit 1; " + FOREVER
    kube.create_pod("p", pod_spec(command, volumes=volumes))
    pod = kube.pod("p", lambda p: is_ready(p) and p.status.container_statuses[0].restart_count == 1)
    (status,) = pod.status.container_statuses
    assert status.last_state.terminated.exit_code == 1
    kube.core.delete_namespaced_pod("p", kube.namespace)
    kube.pod_gone("p")
    kube.create_pod("p", pod_spec("ls -A scratch", volumes=volumes, restartPolicy="Never"))
    kube.pod("p", is_phase("Succeeded"))
    assert kube.log("p") == ""


def test_host_path_stays_on_its_node(kube: Kube) -> None:
    folder = f"/var/tmp/{kube.namespace}"

    def on(node: str, name: str, command: str) -> str:
        volumes = [{"name": "host", "hostPath": {"path": folder, "type": "DirectoryOrCreate"}}]
        spec = pod_spec(command, volumes=volumes, nodeName=node, restartPolicy="Never")
        kube.create_pod(name, spec)
        kube.pod(name, is_phase("Succeeded"))
        return kube.log(name)

    on("w1", "write", "echo mine > host/f")
    assert on("w2", "elsewhere", "ls -A host") == ""
    assert on("w1", "again", "cat host/f; rm host/f") == "mine\n"


def test_missing_host_directory_fails_to_mount(kube: Kube) -> None:
    volumes = [{"name": "host", "hostPath": {"path": "/no/such", "type": "Directory"}}]
    kube.create_pod("p", pod_spec("true", volumes=volumes))
    event = kube.event("p", "FailedMount", of='volume "host"')
    assert event.message == (
        'MountVolume.SetUp failed for volume "host" : hostPath type check failed, /no/such is '
        'not a directory, unable to determine its type: path "/no/such" does not exist'
    )
    not_yet = ("PodReadyToStartContainers", "False")  # a kubelet says so after the event
    kube.pod("p", lambda p: not_yet in {(c.type, c.status) for c in p.status.conditions or []})


def test_config_map_is_mounted_once_it_exists(kube: Kube) -> None:
    volumes = [{"name": "config", "configMap": {"name": "settings"}}]
    command = "cat config/one; cat config/two"
    kube.create_pod("p", pod_spec(command, volumes=volumes, restartPolicy="Never"))
    event = kube.event("p", "FailedMount", of='volume "config"')
    expected = 'MountVolume.SetUp failed for volume "config" : configmap "settings" not found'
    assert event.message == expected
    waiting = kube.pod("p", lambda p: p.status.container_statuses)
    assert waiting.status.container_statuses[0].state.waiting.reason == "ContainerCreating"
    data = {"one": "1\n", "two": "2\n"}
    kube.core.create_namespaced_config_map(
        kube.namespace, {"metadata": {"name": "settings"}, "data": data}
    )
    kube.pod("p", is_phase("Succeeded"))
    assert kube.log("p") == "1\n2\n"


def test_config_map_items_have_paths_and_modes(kube: Kube) -> None:
    kube.core.create_namespaced_config_map(
        kube.namespace, {"metadata": {"name": "settings"}, "data": {"job": "x", "other": "y"}}
    )
    item = {"key": "job", "path": "sub/run.fio", "mode": 0o755}
    volumes = [{"name": "config", "configMap": {"name": "settings", "items": [item]}}]
    command = "cd config; ls; stat -L -c %a sub/run.fio"
    kube.create_pod("p", pod_spec(command, volumes=volumes, restartPolicy="Never"))
    kube.pod("p", is_phase("Succeeded"))
    assert kube.log("p") == "sub\n755\n"


def test_deletion_lets_the_container_end_itself(kube: Kube) -> None:
    volumes = [{"name": "host", "hostPath": {"path": f"/var/tmp/{kube.namespace}"}}]
    command = 'trap "sleep 0.3; echo tidy > host/f; exit 0" TERM; echo up; '
    command += "while true; do sleep 0.1; done"
    spec = pod_spec(command, volumes=volumes, nodeName="w1") | {"terminationGracePeriodSeconds": 20}
    kube.create_pod("p", spec)
    kube.pod("p", is_ready)
    assert kube.first_line("p") == "up"
    answer = kube.core.delete_namespaced_pod("p", kube.namespace)
    assert answer.metadata.deletion_grace_period_seconds == 20
    kube.pod_gone("p")
    kube.event("p", "Killing")
    after = pod_spec("cat host/f; rm host/f", volumes=volumes, nodeName="w1", restartPolicy="Never")
    kube.create_pod("q", after)
    kube.pod("q", is_phase("Succeeded"))
    assert kube.log("q") == "tidy\n"


def test_first_process_without_a_handler_ends_only_when_grace_does(kube: Kube) -> None:
    spec = pod_spec("while true; do sleep 0.1; done") | {"terminationGracePeriodSeconds": 2}
    kube.create_pod("p", spec)
    kube.pod("p", is_ready)
    assert exit_codes_of_deleted(kube, "p") == {137}


def test_process_in_a_shared_namespace_needs_no_handler_to_end(kube: Kube) -> None:
    spec = pod_spec("while true; do sleep 0.1; done", shareProcessNamespace=True)
    kube.create_pod("p", spec | {"terminationGracePeriodSeconds": 60})
    kube.pod("p", is_ready)
    assert exit_codes_of_deleted(kube, "p") == {143}


def exit_codes_of_deleted(kube: Kube, pod: str) -> set[int]:
    """Delete a pod; the exit codes of its container that are seen until the pod is gone."""
    version = kube.core.list_namespaced_pod(kube.namespace).metadata.resource_version
    kube.core.delete_namespaced_pod(pod, kube.namespace)
    codes = set()
    for change in watch.Watch().stream(
        kube.core.list_namespaced_pod,
        kube.namespace,
        field_selector=f"metadata.name={pod}",
        resource_version=version,
        timeout_seconds=20,
    ):
        if end := terminated(change["object"]):
            codes.add(end.exit_code)
        if change["type"] == "DELETED":
            break
    return codes


def test_forced_deletion_removes_the_pod_at_once(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(FOREVER) | {"terminationGracePeriodSeconds": 60})
    kube.pod("p", is_ready)
    kube.core.delete_namespaced_pod("p", kube.namespace, grace_period_seconds=0)
    with pytest.raises(ApiException) as gone:
        kube.core.read_namespaced_pod("p", kube.namespace)
    assert gone.value.status == 404


def test_replacement_starts_while_the_old_pod_terminates(kube: Kube) -> None:
    spec = pod_spec('trap "" TERM; while true; do sleep 0.1; done')
    kube.create_deployment("d", spec | {"terminationGracePeriodSeconds": 60})
    (first,) = kube.pods(lambda pods: all(map(is_ready, pods)) and pods)
    kube.core.delete_namespaced_pod(first.metadata.name, kube.namespace)
    both = kube.pods(lambda pods: len(pods) == 2 and any(map(is_ready, pods)) and pods)
    (old,) = [pod for pod in both if pod.metadata.uid == first.metadata.uid]
    assert old.metadata.deletion_timestamp
    kube.core.delete_namespaced_pod(old.metadata.name, kube.namespace, grace_period_seconds=0)


def test_image_that_cannot_be_pulled_waits(kube: Kube) -> None:
    spec = pod_spec("true")
    spec["containers"][0]["image"] = "registry.invalid/nothing:1"
    kube.create_pod("p", spec)
    image = "registry.invalid/nothing:1"
    failed = kube.event("p", "Failed", of="Failed to pull image")
    start = f'Failed to pull image "{image}": failed to pull and unpack image "{image}"'
    assert failed.message.startswith(start)
    kube.event("p", "BackOff", of=f'Back-off pulling image "{image}"')
    kube.event("p", "Failed", of="Error: ErrImagePull")
    pod = kube.pod("p", lambda p: waiting_reason(p) == "ImagePullBackOff")
    assert pod.status.phase == "Pending"
    assert has_condition(pod, "PodReadyToStartContainers")
    kube.core.delete_namespaced_pod("p", kube.namespace)
    kube.pod_gone("p")


def waiting_reason(pod: Any) -> Any:
    statuses = pod.status.container_statuses
    waiting = statuses and statuses[0].state.waiting
    return waiting.reason if waiting else None


def test_crashing_container_backs_off(kube: Kube) -> None:
    kube.create_pod("p", pod_spec("exit 7"))
    pod = kube.pod("p", lambda p: waiting_reason(p) == "CrashLoopBackOff")
    (status,) = pod.status.container_statuses
    assert status.last_state.terminated.exit_code == 7
    assert status.state.waiting.message.startswith("back-off 10s restarting failed container=main")
    assert pod.status.phase == "Running"
    assert has_condition(pod, "PodReadyToStartContainers")
    kube.event("p", "BackOff", of="Back-off restarting failed container main in pod p_")


def test_program_that_does_not_exist_fails_to_start(kube: Kube) -> None:
    spec = pod_spec("true", restartPolicy="Never")
    spec["containers"][0]["command"] = ["no-such-program"]
    kube.create_pod("p", spec)
    pod = kube.pod("p", is_phase("Failed"))
    end = terminated(pod)
    assert (end.exit_code, end.reason) == (128, "StartError")
    expected = 'exec: "no-such-program": executable file not found in $PATH'
    assert expected in kube.event("p", "Failed").message
    assert IMAGE in kube.event("p", "Pulled").message


def test_several_containers_share_a_volume(kube: Kube) -> None:
    spec = pod_spec(
        "while [ ! -f both/f ]; do sleep 0.1; done; cat both/f",
        volumes=[{"name": "both", "emptyDir": {}}],
        restartPolicy="Never",
    )
    second = spec["containers"][0] | {"name": "second", "command": ["sh", "-c", "echo x > both/f"]}
    spec["containers"].append(second)
    kube.create_pod("p", spec)
    pod = kube.pod("p", is_phase("Succeeded"))
    assert len(pod.status.container_statuses) == 2
    assert kube.log("p", container="main") == "x\n"
    with pytest.raises(ApiException) as unclear:
        kube.log("p")
    assert "choose one of: [main second]" in str(unclear.value.body)


def test_nothing_of_a_container_outlives_its_first_process(kube: Kube) -> None:
    volumes = [{"name": "host", "hostPath": {"path": f"/var/tmp/{kube.namespace}"}}]
    writer = "(trap '' HUP TERM; while true; do echo x >> host/f; sleep 0.05; done) & "
    command = writer + "while [ ! -s host/f ]; do sleep 0.05; done; exit 0"
    spec = pod_spec(command, volumes=volumes, nodeName="w1", restartPolicy="Never")
    kube.create_pod("p", spec)
    kube.pod("p", is_phase("Succeeded"))
    compare = "cp host/f host/g; sleep 0.5; cmp host/f host/g && echo still; rm host/f host/g"
    after = pod_spec(compare, volumes=volumes, nodeName="w1", restartPolicy="Never")
    kube.create_pod("q", after)
    kube.pod("q", is_phase("Succeeded"))
    assert kube.log("q") == "still\n"


def test_term_reaches_a_container_that_handles_it(kube: Kube) -> None:
    kube.create_pod("p", pod_spec(ON_TERM + "echo up; while true; do sleep 0.1; done"))
    kube.pod("p", is_ready)
    read = kube.core.read_namespaced_pod_log
    lines = []
    for line in watch.Watch().stream(read, "p", kube.namespace):
        lines.append(line)
        if line == "up":
            kube.core.delete_namespaced_pod("p", kube.namespace, grace_period_seconds=10)
    assert lines == ["up", "ended"]
