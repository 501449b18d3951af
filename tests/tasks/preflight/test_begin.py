"""Checks before a volume is made: each names what is wrong, and what makes it right."""

from unittest.mock import Mock

import pytest
from tenacity import wait_none

from tasks.kubernetes import streams
from tasks.kubernetes.errors import ClusterError, Unreachable
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.pods import PodFailed
from tasks.lifecycle.run import Run
from tasks.plan.plan import PlanError
from tasks.preflight import begin
from tasks.provision import bench_pod
from tests.tasks.api import Answer, Api
from tests.tasks.sample import PODS, make_run, pod, script_pod

EVENTS = "/api/v1/namespaces/bench/events"
FACTS = "@stormark fact kernel 6.1\n@stormark fact fio_version {}\n"
CHECKED = "@stormark checked\n@stormark order 1\n@stormark finished\n"


def a_profile(api: Api) -> Run:
    return make_run(api.cluster, fio_file=None, profile="quick")


def checked(api: Api, log: str) -> str:
    script_pod(api, Answer.of(log))
    return begin.image_and_fio_file(a_profile(api), [])[0]


def test_an_image_and_a_file_that_fit_give_fio_s_version(api: Api) -> None:
    """It is recorded with the run."""
    assert checked(api, FACTS.format("fio-3.33") + CHECKED) == "fio-3.33"
    assert api.orders == ["1 end"]


@pytest.mark.parametrize(
    "error",
    [
        ClusterError("running sh in pod pod-1 (pods/exec): HTTP 502: no upgrade"),
        Unreachable("running sh in pod pod-1: no answer"),
    ],
    ids=["a proxy", "nobody"],
)
def test_where_no_exec_comes_through_no_volume_is_made(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: ClusterError
) -> None:
    """A proxy that knows no websockets: each cell would fail, after all volumes were made."""
    monkeypatch.setattr(streams, "execute", Mock(side_effect=error))
    monkeypatch.setattr(bench_pod, "wait_fixed", lambda _seconds: wait_none())
    script_pod(api, Answer.of(FACTS.format("fio-3.33") + "@stormark checked\n"))
    api.answers["GET", f"{PODS}/pod-1"] = [Answer.of(pod("running"))]
    words = r"^giving an order to pod pod-1: running sh in pod pod-1.*let websockets through$"
    with pytest.raises(PodFailed, match=words):
        begin.image_and_fio_file(a_profile(api), [])


def test_a_pod_that_ends_before_its_order_is_not_fit(api: Api) -> None:
    with pytest.raises(PodFailed, match="giving an order to pod pod-1: its container ended"):
        checked(api, FACTS.format("fio-3.33") + "@stormark checked\n")


def test_the_check_mounts_no_volume(api: Api) -> None:
    """It is there before any volume is."""
    checked(api, FACTS.format("fio-3.33") + CHECKED)
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
    failed = pod(
        "terminated", containerStatuses=[{"name": CONTAINER, "state": {"terminated": ended}}]
    )
    api.answers["GET", PODS] = [Answer.items([failed])]
    with pytest.raises(PodFailed, match=r"^pod pod-1 did not start: StartError: runc create fail"):
        begin.image_and_fio_file(a_profile(api), [])


RETRIED = ["ImagePullBackOff", "ErrImagePull", "CreateContainerError", "RunContainerError"]
RETRIED += ["CreateContainerConfigError"]


def waiting(reason: str, message: str = "deadline exceeded") -> Answer:
    state = {"waiting": {"reason": reason, "message": message}}
    return Answer.items([pod("waiting", containerStatuses=[{"name": CONTAINER, "state": state}])])


def failed_pulls(api: Api, message: str, count: int) -> None:
    """Let the pod's events say so."""
    said = {"reason": "Failed", "message": f"Failed to pull image: {message}", "count": count}
    often = {"reason": "Failed", "message": "Error: ErrImagePull", "count": 9}
    api.script("GET", EVENTS, Answer.items([said, often]))


@pytest.mark.parametrize("reason", RETRIED)
def test_what_the_kubelet_tries_again_is_waited_for(api: Api, reason: str) -> None:
    """A node whose storage is busy cannot create a container for a while; whoever waits is told."""
    script_pod(api, Answer.of(FACTS.format("fio-3.33") + CHECKED))
    api.answers["GET", PODS].insert(0, waiting(reason))
    failed_pulls(api, "i/o timeout", 7)
    told: list[str] = []
    assert begin.image_and_fio_file(a_profile(api), [], told.append)[0] == "fio-3.33"
    (said,) = told
    assert f"{reason}: deadline exceeded" in said


@pytest.mark.parametrize("reason", RETRIED)
def test_what_the_kubelet_tries_in_vain_is_the_reason(api: Api, reason: str) -> None:
    """Once the limit is reached."""
    script_pod(api, Answer.of(""))
    api.answers["GET", PODS] = [waiting(reason)]
    failed_pulls(api, "i/o timeout", 7)
    words = rf"did not happen within 1 s: pod pod-1 .*{reason}: deadline exceeded"
    with pytest.raises(PodFailed, match=words):
        begin.image_and_fio_file(make_run(api.cluster, start_limit_seconds=1), [])


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_what_the_kubelet_does_not_try_again_is_told_at_once(api: Api, reason: str) -> None:
    """Nobody waits for what will not come."""
    script_pod(api, Answer.of(""))
    api.answers["GET", PODS] = [waiting(reason, "no such image")]
    with pytest.raises(PodFailed) as failed:
        begin.image_and_fio_file(a_profile(api), [])
    assert str(failed.value) == (
        f"pod pod-1 cannot start with image fio:test: {reason}: no such image. "
        "Check the image's name and that the nodes may pull it."
    )


# Of containerd, CRI-O and Docker's registry.
NO_SUCH_IMAGE = [
    'rpc error: code = NotFound desc = failed to resolve reference "x/y:1": x/y:1: not found',
    "pull access denied, repository does not exist or may require authorization",
    "reading manifest 1 in docker.io/x/y: manifest unknown",
    "failed to authorize: unexpected status from GET request to https://a/token: 401 Unauthorized",
    "dial tcp: lookup ghcr.oi: no such host",
]
MAY_PASS = [
    "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit",
    "dial tcp: lookup ghcr.io on 10.0.0.2:53: server misbehaving",
    "dial tcp 10.0.0.9:443: i/o timeout",
    "unexpected status from HEAD request to https://a/v2: 503 Service Unavailable",
]


@pytest.mark.parametrize("message", NO_SUCH_IMAGE + MAY_PASS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_registry_that_has_no_such_image_is_asked_twice(
    api: Api, message: str, count: int
) -> None:
    """A typo is told in seconds; what may pass is waited for, and so is a registry's first no."""
    script_pod(api, Answer.of(FACTS.format("fio-3.33") + CHECKED))
    api.answers["GET", PODS].insert(0, waiting("ImagePullBackOff"))
    failed_pulls(api, message, count)
    if count == 2 and message in NO_SUCH_IMAGE:
        words = "pod pod-1 cannot start with image fio:test: ImagePullBackOff: Failed to pull"
        with pytest.raises(PodFailed, match=words) as failed:
            begin.image_and_fio_file(a_profile(api), [])
        assert message in str(failed.value)
    else:
        assert begin.image_and_fio_file(a_profile(api), [])[0] == "fio-3.33"


def test_a_namespace_that_is_missing_can_be_made(api: Api) -> None:
    """The message has the command."""
    api.script("GET", "/api/v1/namespaces/bench", Answer.refusal(404, "NotFound"))
    with pytest.raises(PlanError, match="`kubectl create namespace bench` makes it"):
        begin.namespace(api.cluster)
