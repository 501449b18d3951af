"""Checks before a volume is made: each names what is wrong, and what makes it right."""

import pytest

from tasks import check
from tasks.plan import PlanError
from tasks.pods import PodFailed
from tests.tasks.api import Answer, Api
from tests.tasks.sample import PODS, make_run, pod, script_pod

FACTS = "@stormark fact kernel 6.1\n@stormark fact fio_version {}\n"


def checked(api: Api, log: str) -> str:
    script_pod(api, Answer.of(log))
    return check.image_and_fio_file(make_run(api.cluster), [])


def test_an_image_and_a_file_that_fit_give_fio_s_version(api: Api) -> None:
    """It is recorded with the run."""
    assert checked(api, FACTS.format("fio-3.33") + "@stormark checked\n") == "fio-3.33"


def test_the_check_mounts_no_volume(api: Api) -> None:
    """It is there before any volume is."""
    checked(api, FACTS.format("fio-3.33") + "@stormark checked\n")
    (created,) = api.asked("POST")
    spec = created.body["spec"]["template"]["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["stormark", "scratch"]
    assert "affinity" not in spec


def test_a_file_that_fio_cannot_read_is_the_plan_s_fault(api: Api) -> None:
    """In fio's own words."""
    log = FACTS.format("fio-3.33") + "@stormark unreadable fio: failed parsing rw=sideways\n"
    with pytest.raises(PlanError, match=r"^fio file: fio cannot read it: failed parsing rw=side"):
        checked(api, log)


def test_an_image_without_fio_is_the_image_s_fault(api: Api) -> None:
    """The job file is not blamed for it; the shell's words are kept."""
    log = FACTS.format("") + "@stormark unreadable stormark/fio.sh: 1: fio: not found\n"
    with pytest.raises(PodFailed, match=r"image .*kubestr:latest cannot run fio.*fio: not found"):
        checked(api, log)


def test_an_image_that_says_nothing_is_told_what_it_needs(api: Api) -> None:
    """Such as one without a shell."""
    with pytest.raises(PodFailed, match=r"the check wrote nothing.*It needs fio and a POSIX sh"):
        checked(api, "exec: sh: not found\n")


def test_a_container_that_its_node_cannot_run_fails_in_the_runtime_s_words(api: Api) -> None:
    """The image is not blamed for it."""
    ended = {"reason": "StartError", "exitCode": 128, "message": "runc create failed: no such file"}
    script_pod(api, Answer.of(""))
    failed = pod("terminated", containerStatuses=[{"state": {"terminated": ended}}])
    api.answers["GET", PODS] = [Answer.items([failed])]
    with pytest.raises(PodFailed, match=r"^pod pod-1 did not start: StartError: runc create fail"):
        check.image_and_fio_file(make_run(api.cluster), [])


def test_an_image_that_cannot_be_pulled_is_named_at_once(api: Api) -> None:
    """Nobody waits for what will not come."""
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    pulling = pod("waiting", containerStatuses=[{"state": {"waiting": waiting}}])
    script_pod(api, Answer.of(""))
    api.answers["GET", PODS] = [Answer.items([pulling])]
    with pytest.raises(PodFailed) as failed:
        check.image_and_fio_file(make_run(api.cluster), [])
    assert str(failed.value) == (
        "pod pod-1 cannot start with image fio:test: ImagePullBackOff: no such image. "
        "Check the image's name and that the nodes may pull it."
    )


def test_a_namespace_that_is_missing_can_be_made(api: Api) -> None:
    """The message has the command."""
    api.script("GET", "/api/v1/namespaces/bench", Answer.refusal(404, "NotFound"))
    with pytest.raises(PlanError, match="`kubectl create namespace bench` makes it"):
        check.namespace(api.cluster)


def test_nodes_say_what_they_are() -> None:
    """Quantities as numbers, for provenance."""
    info = {
        "kernelVersion": "6.1",
        "osImage": "Debian",
        "kubeletVersion": "v1.34.4",
        "containerRuntimeVersion": "containerd://2",
    }
    status = {"nodeInfo": info, "capacity": {"cpu": "1500m", "memory": "16Gi"}}
    assert check.node({"metadata": {"name": "n1"}, "status": status}) == {
        "name": "n1",
        "kernel": "6.1",
        "os_image": "Debian",
        "kubelet_version": "v1.34.4",
        "container_runtime": "containerd://2",
        "cpus": 1.5,
        "memory_bytes": 2**34,
    }
