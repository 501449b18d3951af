"""Talking to Kubernetes: connecting, retries, verbs, and errors that say what to do."""

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from unittest.mock import Mock

import pytest
import urllib3
import yaml
from kubernetes.client.exceptions import ApiException

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import logs, verbs
from tasks.kubernetes.errors import (
    AlreadyExists,
    Blocked,
    ClusterError,
    Conflict,
    CutOff,
    Denied,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServerFailed,
    Unreachable,
)
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.streams import execute
from tests.tasks.api import LOST, Answer, Api
from tests.tasks.conftest import write_kubeconfig
from tests.tasks.sample import LABELS, PODS, an_object

POD = f"{PODS}/a"


# ---------------------------------------------------------------- connecting


def test_the_current_context_is_used_unless_another_is_named(api: Api) -> None:
    """The cluster is called what the kubeconfig calls it."""
    assert k8s.connect(None, "bench").name == "test"
    assert k8s.connect("test", "bench").api.configuration.host == api.url


@pytest.mark.parametrize(
    ("content", "context", "words"),
    [
        (None, None, "Invalid kube-config file"),
        ("", None, "kubeconfig"),
        ("{", None, "kubeconfig"),
        ("just words", None, "kubeconfig"),
        ("same", "prod", "context 'prod'"),
    ],
    ids=["no file", "empty", "no YAML", "no mapping", "unknown context"],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    context: str | None,
    words: str,
) -> None:
    """With its path, and what to do."""
    file = tmp_path / "kubeconfig"
    if content == "same":
        write_kubeconfig(file, "http://127.0.0.1:1")
    elif content is not None:
        file.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Unreachable, match=words) as refused:
        k8s.connect(context, "bench")
    assert str(file) in str(refused.value)
    assert "Set KUBECONFIG, or name one of its contexts with --context: " in str(refused.value)


# ---------------------------------------------------------------- retries


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(api: Api, status: int) -> None:
    """Until it answers."""
    busy = Answer.refusal(status, "Busy")
    api.script("GET", POD, busy, busy, Answer.of(an_object()))
    assert verbs.get(api.cluster, "Pod", "a")["metadata"]["name"] == "a"
    assert len(api.requests) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_verb_is_tried_again_after_a_lost_connection(api: Api, method: str) -> None:
    """Each is safe to send twice: names are given, and gone is fine."""
    api.script(method, PODS if method == "POST" else POD, LOST, Answer.of(an_object()))
    match method:
        case "POST":
            verbs.create(api.cluster, an_object())
        case "PUT":
            verbs.replace(api.cluster, an_object())
        case "PATCH":
            verbs.patch(api.cluster, "Pod", "a", {})
        case "DELETE":
            verbs.delete(api.cluster, "Pod", "a")
    assert [request.method for request in api.requests] == [method, method]


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), ("3600", 10)])
def test_retry_after_is_honoured_within_reason(
    api: Api, monkeypatch: pytest.MonkeyPatch, said: str, seconds: int
) -> None:
    """The server says how long, and is given that time; a proxy that says an hour is not."""
    slept: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", slept.append)
    api.script("GET", POD, Answer.refusal(429, "TooManyRequests", Retry_After=said))
    api.script("GET", POD, Answer.of(an_object()))
    verbs.get(api.cluster, "Pod", "a")
    assert slept == [seconds]


def test_a_server_that_stays_busy_is_an_error_with_its_words(api: Api) -> None:
    """After six more tries."""
    api.script("GET", POD, Answer.refusal(503, "ServiceUnavailable", "etcd is away"))
    with pytest.raises(ClusterError) as failed:
        verbs.get(api.cluster, "Pod", "a")
    assert str(failed.value) == (
        "reading Pod a: etcd is away (HTTP 503). It is cluster 'test' that says so. "
        "See the log of its API server."
    )
    assert len(api.requests) == 7


def test_tries_last_a_few_seconds() -> None:
    """Long enough for a restart of the API server's proxy, short enough for a person."""
    tries, seconds = k8s.RETRIES, 0.0
    for _ in range(k8s.RETRIES.total or 0):
        tries = tries.increment("GET", "/", error=urllib3.exceptions.ProtocolError("lost"))
        seconds += tries.get_backoff_time()
    assert 5 < seconds < 10


AWAY = [Answer.refusal(503, "ServiceUnavailable", "failing over")] * 20  # each call is 7 tries


@pytest.mark.parametrize("away", [*AWAY[:1], Answer.refusal(429, "TooManyRequests"), LOST])
def test_a_run_that_is_under_way_outlives_a_failover(api: Api, away: Answer) -> None:
    """Longer than whoever waits for a first answer is left in the dark."""
    api.script("GET", POD, *[away] * 20, Answer.of(an_object()))
    with pytest.raises(ClusterError):
        verbs.get(api.cluster, "Pod", "a")
    assert len(api.requests) == 7
    assert verbs.get(api.cluster.patient, "Pod", "a")["metadata"]["name"] == "a"
    assert len(api.requests) == 21


def test_patience_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the words of the last answer."""
    monkeypatch.setattr(k8s, "OUTAGE_SECONDS", 0.1)
    api.script("GET", POD, *AWAY)
    with pytest.raises(ServerFailed, match="reading Pod a: failing over"):
        verbs.get(api.cluster.patient, "Pod", "a")


def test_patience_ends_with_the_run(api: Api) -> None:
    """What a thread does after it would be done beside the clean-up."""
    ended = Event()
    ended.set()
    api.script("GET", POD, *AWAY)
    with pytest.raises(ServerFailed):
        verbs.get(api.cluster.patient._replace(stop=ended), "Pod", "a")
    assert len(api.requests) == 7


def test_an_interrupt_ends_patience(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is heard between two tries."""
    api.script("GET", POD, *AWAY)
    monkeypatch.setattr("tasks.kubernetes.cluster.time.sleep", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        verbs.get(api.cluster.patient, "Pod", "a")


def test_what_is_no_hiccup_is_an_error_at_once(api: Api) -> None:
    """However patient: it would be the same for ever, or a budget's loop has its own limit."""
    api.script("GET", POD, Answer.refusal(403, "Forbidden"))
    with pytest.raises(Forbidden):
        verbs.get(api.cluster.patient, "Pod", "a")
    api.script("POST", f"{POD}/eviction", Answer.refusal(429, "TooManyRequests", "a budget"))
    with pytest.raises(Blocked, match="a budget"):
        verbs.evict(api.cluster.patient, "a")
    assert len(api.requests) == 1 + 7


def test_a_command_is_sent_once_the_server_is_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no connection was made, nothing was carried out."""
    tries: list[int] = []

    def stream(*_: object, **__: object) -> Mock:
        tries.append(1)
        if len(tries) < 3:
            raise ApiException(0)
        answer = {1: "said", 2: "", 3: '{"status": "Success"}'}
        return Mock(is_open=Mock(return_value=False), read_channel=answer.get)

    monkeypatch.setattr("tasks.kubernetes.streams.stream.stream", stream)
    with pytest.raises(Unreachable):
        execute(api.cluster, "a", ["sh"], limit_seconds=20)
    assert execute(api.cluster.patient, "a", ["sh"], limit_seconds=20) == "said"
    assert len(tries) == 3


def test_a_server_that_is_gone_is_unreachable(api: Api) -> None:
    """With cluster, address and what to check."""
    api.script("GET", POD, LOST)
    with pytest.raises(Unreachable) as failed:
        verbs.get(api.cluster, "Pod", "a")
    message = str(failed.value)
    assert message.startswith(f"reading Pod a: cluster 'test' at {api.url} does not answer")
    assert message.endswith("Check that it runs and that the context is the right one.")


def test_an_answer_that_is_cut_is_an_error_of_the_cluster(api: Api) -> None:
    """Half an object is none."""
    api.script("GET", POD, Answer.of(an_object())._replace(body=b'{"metadata"', cut=True))
    with pytest.raises(Unreachable, match="reading Pod a"):
        verbs.get(api.cluster, "Pod", "a")


@pytest.mark.parametrize(
    ("asked", "of_context", "used"),
    [("", "team", "team"), ("bench", "team", "bench"), ("", None, "default")],
)
def test_the_namespace_is_the_context_s_own(
    api: Api, tmp_path: Path, asked: str, of_context: str | None, used: str
) -> None:
    """As for kubectl, unless a plan names one."""
    file = tmp_path / "kubeconfig"
    kubeconfig = yaml.safe_load(file.read_text())
    if of_context:
        kubeconfig["contexts"][0]["context"]["namespace"] = of_context
    file.write_text(yaml.safe_dump(kubeconfig))
    connected = k8s.connect(None, asked)
    connected.api.close()
    assert connected.namespace == used
    assert connected.options == f"--namespace {used}"
    assert api.requests == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "nonsense"])
def test_a_proxy_that_cannot_be_spoken_to_is_one_sentence(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """With its address; the twin, a proxy by http, is connected to."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setitem(sys.modules, "socks", None)
    file = tmp_path / "kubeconfig"
    kubeconfig = yaml.safe_load(file.read_text())
    kubeconfig["clusters"][0]["cluster"]["proxy-url"] = proxy
    file.write_text(yaml.safe_dump(kubeconfig))
    with pytest.raises(Unreachable, match=rf"{api.url} by its kubeconfig's proxy-url {proxy}: "):
        k8s.connect(None, "bench")
    kubeconfig["clusters"][0]["cluster"]["proxy-url"] = "http://127.0.0.1:1080"
    file.write_text(yaml.safe_dump(kubeconfig))
    k8s.connect(None, "bench").api.close()


# ---------------------------------------------------------------- errors


def test_a_refused_verb_is_named_with_its_resource(api: Api) -> None:
    """RBAC's own words have both; the message adds what was being done and what to do."""
    words = 'User "ci" cannot create resource "pods" in API group "" in the namespace "bench"'
    api.script("POST", PODS, Answer.refusal(403, "Forbidden", words))
    with pytest.raises(Forbidden) as refused:
        verbs.create(api.cluster, an_object())
    assert str(refused.value) == (
        f"creating Pod a: {words} (HTTP 403). Grant that verb on that resource, or ask who can."
    )


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (403, "Forbidden", 'pods "a" is forbidden: violates PodSecurity "restricted:latest": …'),
        (403, "Forbidden", 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, …'),
        (
            422,
            "Invalid",
            "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied "
            "request: a memory limit is wanted",
        ),
        (400, "BadRequest", 'admission webhook "w" denied the request: no team label'),
    ],
)
def test_who_refuses_an_object_is_not_called_rbac(
    api: Api, status: int, reason: str, words: str
) -> None:
    """Each in its own words; the twin that RBAC refuses is above."""
    api.script("POST", PODS, Answer.refusal(status, reason, words))
    with pytest.raises(Denied) as refused:
        verbs.create(api.cluster, an_object())
    assert str(refused.value) == (
        f"creating Pod a: {words} (HTTP {status}). "
        "A policy, a quota or Pod Security says so, not RBAC."
    )


def test_a_dry_run_says_so_of_whatever_changes_something(api: Api) -> None:
    """And of nothing else: a list takes no such parameter."""
    dry = api.cluster._replace(dry_run=True)
    api.script("POST", PODS, Answer.of(an_object(), status=201))
    api.script("DELETE", POD, Answer.of({}))
    api.script("GET", POD, Answer.of(an_object()))
    for cluster in (dry, api.cluster):
        verbs.create(cluster, an_object())
        verbs.delete(cluster, "Pod", "a")
        verbs.get(cluster, "Pod", "a")
    asked = [request.query for request in api.requests]
    assert asked == [{"dryRun": "All"}, {"dryRun": "All"}, {}, {}, {}, {}]


def test_credentials_that_are_not_accepted_say_so(api: Api) -> None:
    """Another kubeconfig is needed, not another role."""
    api.script("GET", "/version", Answer.refusal(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(Forbidden, match="The credentials of the kubeconfig are not accepted"):
        verbs.version(api.cluster)


@pytest.mark.parametrize(
    ("status", "reason", "error", "advice"),
    [
        (404, "NotFound", NotFound, "Somebody may have deleted it"),
        (409, "AlreadyExists", AlreadyExists, "Remove it"),
        (409, "Conflict", Conflict, "try again"),
        (410, "Expired", Gone, "Read it anew"),
        (422, "Invalid", Invalid, "The API server does not take it as it is"),
        (429, "TooManyRequests", Blocked, "try again later"),
    ],
)
def test_an_error_has_a_class_of_its_own(
    api: Api, status: int, reason: str, error: type[ClusterError], advice: str
) -> None:
    """The server's words, and what to do."""
    api.script("PUT", POD, Answer.refusal(status, reason, "no luck"))
    with pytest.raises(error, match=rf"updating Pod a: no luck \(HTTP {status}\)") as raised:
        verbs.replace(api.cluster, an_object())
    assert type(raised.value) is error
    assert advice in str(raised.value)


def test_a_proxy_s_page_is_quoted(api: Api) -> None:
    """What answers may not be Kubernetes."""
    api.script("GET", POD, Answer.of("<html>blocked</html>", status=400))
    with pytest.raises(ClusterError, match=r"reading Pod a: <html>blocked</html> \(HTTP 400\)"):
        verbs.get(api.cluster, "Pod", "a")


@pytest.mark.parametrize("status", [400, 502])
@pytest.mark.parametrize("body", ["null", "[]", '"no"', "7", ""])
def test_a_body_that_is_no_object_is_quoted(api: Api, status: int, body: str) -> None:
    """A proxy may say anything."""
    api.script("GET", POD, Answer.of(body, status=status))
    with pytest.raises(ClusterError, match=rf"reading Pod a: .*\(HTTP {status}\)") as failed:
        verbs.get(api.cluster, "Pod", "a")
    assert (body or "no message") in str(failed.value)


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "null", "[]", "{}"])
def test_an_answer_that_is_not_kubernetes_is_told(api: Api, body: str) -> None:
    """Whatever was asked: a captive portal, another server."""
    asked: dict[str, Callable[[], object]] = {
        "/version": lambda: verbs.version(api.cluster),
        "/apis": lambda: verbs.groups(api.cluster),
        PODS: lambda: verbs.find(api.cluster, "Pod"),
    }
    for path, ask in asked.items():
        api.script("GET", path, Answer.of(body))
        with pytest.raises(ClusterError, match="the answer is none of Kubernetes") as failed:
            ask()
        assert repr(body) in str(failed.value)


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [(403, Forbidden, "RBAC says nothing"), (500, ServerFailed, "See the log of its API")],
)
def test_a_command_that_is_refused_says_what_to_do(
    api: Api, status: int, error: type[ClusterError], advice: str
) -> None:
    """Its websocket is refused before it is one: as any other request, with the resource."""
    api.script("GET", f"{POD}/exec", Answer(b"", status=status))
    words = rf"running sh in pod a \(pods/exec\): no message \(HTTP {status}\).*{advice}"
    with pytest.raises(error, match=words) as raised:
        execute(api.cluster, "a", ["sh"], limit_seconds=20)
    assert type(raised.value) is error


def test_a_command_of_a_server_that_is_gone_is_unreachable(api: Api) -> None:
    """As any other request."""
    api.script("GET", f"{POD}/exec", LOST)
    with pytest.raises(Unreachable, match="Check that it runs and that the context is the"):
        execute(api.cluster, "a", ["sh"], limit_seconds=20)


def test_a_command_whose_connection_ends_first_may_have_been_carried_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is another failure than a command that could not be run."""
    closed = Mock(is_open=Mock(return_value=False), read_channel=Mock(return_value=""))
    monkeypatch.setattr("tasks.kubernetes.streams.stream.stream", Mock(return_value=closed))
    words = "running sh in pod a: its connection ended before it did"
    with pytest.raises(CutOff, match=words):
        execute(api.cluster, "a", ["sh"], limit_seconds=20)


# ---------------------------------------------------------------- verbs


def test_a_create_whose_answer_was_lost_counts_as_created(api: Api) -> None:
    """Sent again, it meets its own object, to which the cluster may have added labels."""
    stored = an_object(version="5")
    stored["metadata"]["labels"] = LABELS | {"added-by": "a webhook"}
    api.script("POST", PODS, LOST, Answer.refusal(409, "AlreadyExists"))
    api.script("GET", POD, Answer.of(stored))
    assert verbs.create(api.cluster, an_object()) == stored


@pytest.mark.parametrize("labels", [{}, {"stormark/run": "run-2"}])
def test_a_create_that_meets_another_s_object_is_refused(api: Api, labels: dict[str, str]) -> None:
    """Its labels tell whose it is."""
    stored = an_object()
    stored["metadata"]["labels"] = labels
    api.script("POST", PODS, Answer.refusal(409, "AlreadyExists"))
    api.script("GET", POD, Answer.of(stored))
    with pytest.raises(AlreadyExists):
        verbs.create(api.cluster, an_object())


def test_an_object_without_labels_is_nobody_s(api: Api) -> None:
    """Nothing tells it from another's."""
    bare = {"kind": "Pod", "metadata": {"name": "a"}}
    api.script("POST", PODS, Answer.refusal(409, "AlreadyExists"))
    api.script("GET", POD, Answer.of(bare))
    with pytest.raises(AlreadyExists):
        verbs.create(api.cluster, bare)


def test_deleting_what_is_gone_is_fine(api: Api) -> None:
    """Whoever deletes wants it gone."""
    api.script("DELETE", POD, Answer.refusal(404, "NotFound"))
    verbs.delete(api.cluster, "Pod", "a", grace_seconds=0)
    assert api.requests[0].body == {"propagationPolicy": "Background", "gracePeriodSeconds": 0}


def test_a_patch_is_a_merge_patch(api: Api) -> None:
    """Only what it names changes."""
    api.script("PATCH", POD, Answer.of(an_object()))
    verbs.patch(api.cluster, "Pod", "a", {"spec": {"b": 1}})
    (request,) = api.requests
    assert (request.content_type, request.body) == (
        "application/merge-patch+json",
        {"spec": {"b": 1}},
    )


def test_selectors_are_sent(api: Api) -> None:
    """The server selects, not the client."""
    api.script("GET", PODS, Answer.items([an_object()]))
    assert verbs.find(api.cluster, "Pod", label="a=b,c in (d)", field="status.phase=Running") == [
        an_object()
    ]
    assert api.requests[0].query == {
        "labelSelector": "a=b,c in (d)",
        "fieldSelector": "status.phase=Running",
    }


def test_what_has_no_namespace_is_asked_for_without_one(api: Api) -> None:
    """Nodes and StorageClasses belong to the cluster."""
    api.script("GET", "/api/v1/nodes/n1", Answer.of(an_object("n1")))
    assert verbs.get(api.cluster, "Node", "n1")["metadata"]["name"] == "n1"


# ---------------------------------------------------------------- logs


def lines(api: Api, answer: Answer, *, follow: bool = True) -> list[str]:
    api.script("GET", f"{POD}/log", answer)
    return list(logs.lines(api.cluster, "a", follow=follow))


def test_a_log_is_read_line_by_line(api: Api) -> None:
    """With its last line, even if that is not ended: one that is followed may go on there."""
    answer = Answer.of("one\n\ntwo é\nthree")
    assert lines(api, answer, follow=False) == ["one", "", "two é", "three"]
    assert lines(api, answer) == ["one", "", "two é"]
    ours = {"container": CONTAINER}
    assert [request.query for request in api.requests] == [ours, ours | {"follow": "true"}]


def test_a_stream_that_breaks_ends_after_its_last_whole_line(api: Api) -> None:
    """Half a line would be taken for a whole one."""
    assert lines(api, Answer.of("one\ntwo\nthr", cut=True)) == ["one", "two"]


def test_a_log_that_cannot_be_read_is_an_error(api: Api) -> None:
    """A pod that is gone has none."""
    with pytest.raises(NotFound, match="reading the log of pod a"):
        lines(api, Answer.refusal(404, "NotFound"))
