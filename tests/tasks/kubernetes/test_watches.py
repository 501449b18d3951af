"""Waits: they see what happens, end at their deadline, and outlive a broken watch."""

from itertools import islice
from threading import Event
from typing import Any

import pytest
import urllib3

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import watches
from tasks.kubernetes.errors import Forbidden, WaitTimedOut
from tasks.kubernetes.objects import Items
from tests.tasks.api import LOST, Answer, Api
from tests.tasks.sample import PODS, an_object


def phase(items: Items) -> str | None:
    """Ends a wait for pod a when it has a phase."""
    found: str | None = items["a"]["status"].get("phase") if "a" in items else None
    return found


def wait(api: Api, until: Any = phase, limit_seconds: float = 30.0, **selection: str) -> Any:
    return watches.wait(
        api.cluster, "Pod", until, what="pod a", limit_seconds=limit_seconds, **selection
    )


def test_what_has_happened_already_is_not_waited_for(api: Api) -> None:
    """One list is enough."""
    api.script("GET", PODS, Answer.items([an_object(phase="Running")]))
    assert wait(api) == "Running"
    assert [request.method for request in api.requests] == ["GET"]


def test_a_change_ends_a_wait(api: Api) -> None:
    """The watch begins where the list ended, with the same selection."""
    api.script("GET", PODS, Answer.items([an_object()], version="17"))
    changes = [("ADDED", an_object("b")), ("MODIFIED", an_object(phase="Running"))]
    api.script("WATCH", PODS, Answer.changes(*changes))
    assert wait(api, name="a", label="x=y") == "Running"
    listed, watched = (request.query for request in api.requests)
    assert listed == {"labelSelector": "x=y", "fieldSelector": "metadata.name=a"}
    assert watched.items() >= (listed | {"resourceVersion": "17"}).items()
    assert 0 < int(watched["timeoutSeconds"]) <= 30


def test_a_deletion_is_seen(api: Api) -> None:
    """What is gone is not among the items any more."""
    api.script("GET", PODS, Answer.items([an_object(), an_object("b")]))
    api.script("WATCH", PODS, Answer.changes(("DELETED", an_object())))
    left = wait(api, lambda items: None if "a" in items else sorted(items))
    assert left == ["b"]


def test_a_wait_ends_at_its_deadline_with_what_was_seen(api: Api) -> None:
    """Whoever waited can say what was there instead."""
    api.script("GET", PODS, Answer.items([]))
    api.script("WATCH", PODS, Answer.changes(("ADDED", an_object(reason="Pulling"))))
    with pytest.raises(WaitTimedOut, match=r"^pod a did not happen within 0 s$") as timed_out:
        wait(api, limit_seconds=0)
    assert timed_out.value.items == {"a": an_object(reason="Pulling")}


def test_a_server_that_ends_each_watch_at_once_is_not_hammered(api: Api) -> None:
    """Its load would be measured with the storage."""
    api.script("GET", PODS, Answer.items([]))
    with pytest.raises(WaitTimedOut):
        wait(api, limit_seconds=0.5)
    assert len(api.asked("GET")) <= 3


FORGOTTEN = [
    Answer.refusal(410, "Expired", "too old resource version"),
    Answer.changes(("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})),
]


@pytest.mark.parametrize("forgotten", FORGOTTEN, ids=["410", "410 as an event"])
def test_a_server_that_forgets_each_version_is_not_hammered(
    api: Api, monkeypatch: pytest.MonkeyPatch, forgotten: Answer
) -> None:
    """Neither by a wait nor by a watch: each pauses before its next list."""
    stop, slept = Event(), 0

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds == k8s.PAUSE_SECONDS
        if slept == 3:
            stop.set()

    def until(_items: Items) -> bool | None:
        return True if slept == 6 else None

    monkeypatch.setattr("tasks.kubernetes.watches.time.sleep", sleep)
    api.script("GET", PODS, Answer.items([]))
    api.script("WATCH", PODS, forgotten)
    assert list(watches.watch(api.cluster, "Pod", label="x=y", stop=stop)) == []
    assert len(api.asked("GET")) == 3
    assert wait(api, until)
    assert len(api.asked("GET")) == 3 + 4


@pytest.mark.parametrize(
    "ended",
    [
        Answer.changes(),
        Answer.changes(("ADDED", an_object("b")), cut=True),
        Answer(b'{"type": "MODIFIED", "obj', cut=True),
        LOST,
        *FORGOTTEN,
    ],
    ids=["ended", "cut", "cut in a line", "lost", "410", "410 as an event"],
)
def test_a_watch_that_ends_is_taken_up_again(api: Api, ended: Answer) -> None:
    """From a new list, so that nothing that happened meanwhile is missed."""
    api.script("GET", PODS, Answer.items([an_object()]), Answer.items([an_object()], version="9"))
    api.script("WATCH", PODS, ended, Answer.changes(("MODIFIED", an_object(phase="Running"))))
    assert wait(api) == "Running"


@pytest.mark.parametrize("away", [Answer.refusal(503, "ServiceUnavailable", "failing over"), LOST])
@pytest.mark.parametrize("call", ["GET", "WATCH"])
def test_a_wait_outlives_a_server_that_is_away(api: Api, call: str, away: Answer) -> None:
    """Longer than a call is tried again; its limit is the only one."""
    down = [away] * 15  # two calls, and one try of a third
    api.script("GET", PODS, Answer.items([an_object()]), *(down if call == "GET" else []))
    api.script("GET", PODS, Answer.items([an_object(phase="Running")]))
    if call == "WATCH":
        api.answers["GET", PODS] = [Answer.items([an_object()])]
        api.script("WATCH", PODS, *down, Answer.changes(("MODIFIED", an_object(phase="Running"))))
    assert wait(api) == "Running"


def test_a_server_that_does_not_come_back_is_the_reason(api: Api) -> None:
    """Beside what was seen last, before it went."""
    away = Answer.refusal(503, "ServiceUnavailable", "failing over")
    api.script("GET", PODS, Answer.items([an_object()]))
    api.script("WATCH", PODS, away)
    words = r"within 0 s: watching pods: failing over"
    with pytest.raises(WaitTimedOut, match=words) as failed:
        wait(api, limit_seconds=0)
    assert failed.value.items == {"a": an_object()}


def test_a_condition_that_raises_ends_the_wait(api: Api) -> None:
    """There is no sense in waiting for what cannot happen."""

    def lost(items: Items) -> None:
        if "a" not in items:
            raise LookupError("pod a is gone")

    api.script("GET", PODS, Answer.items([an_object()]))
    api.script("WATCH", PODS, Answer.changes(("DELETED", an_object())))
    with pytest.raises(LookupError, match="pod a is gone"):
        wait(api, lost)
    assert len(api.requests) == 2


def test_an_interrupt_while_a_watch_is_left_is_heard(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python drops one that meets its own closing of an abandoned generator."""
    closed = []

    def interrupted(response: urllib3.HTTPResponse) -> None:
        closed.append(response)
        if len(closed) == 1:
            raise KeyboardInterrupt

    api.script("GET", PODS, Answer.items([an_object()]))
    api.script("WATCH", PODS, Answer.changes(("MODIFIED", an_object(phase="Running"))))
    monkeypatch.setattr(urllib3.HTTPResponse, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        wait(api)
    monkeypatch.undo()
    closed[0].close()


def test_a_watch_that_is_forbidden_is_an_error(api: Api) -> None:
    """It would be so for ever."""
    api.script("GET", PODS, Answer.items([]))
    api.script("WATCH", PODS, Answer.refusal(403, "Forbidden", "cannot watch pods"))
    with pytest.raises(Forbidden, match="watching pods: cannot watch pods"):
        wait(api)


def test_a_watch_goes_on_where_it_broke(api: Api) -> None:
    """What is there is ADDED first; no change is told twice, and none is missed."""
    api.script("GET", PODS, Answer.items([an_object()], version="5"))
    api.script(
        "WATCH",
        PODS,
        Answer.changes(("MODIFIED", an_object(version="6")), cut=True),
        Answer.changes(("DELETED", an_object(version="7"))),
    )
    watch = watches.watch(api.cluster, "Pod", label="x=y", stop=Event())
    assert [kind for kind, _ in islice(watch, 3)] == ["ADDED", "MODIFIED", "DELETED"]
    assert [asked.query["resourceVersion"] for asked in api.asked("WATCH")] == ["5", "6"]


def test_a_watch_that_the_server_forgot_tells_what_has_gone_meanwhile(api: Api) -> None:
    """A new list is compared with what was known."""
    api.script("GET", PODS, Answer.items([an_object(), an_object("b")]))
    api.script("GET", PODS, Answer.items([an_object("b")]))
    api.script("WATCH", PODS, Answer.refusal(410, "Expired"))
    watch = watches.watch(api.cluster, "Pod", label="x=y", stop=Event())
    assert [(kind, found["metadata"]["name"]) for kind, found in islice(watch, 4)] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("DELETED", "a"),
        ("ADDED", "b"),
    ]


def test_a_watch_outlives_a_server_that_is_away(api: Api) -> None:
    """Longer than a call is tried again; what has gone meanwhile is DELETED, as after a 410."""
    down = [Answer.refusal(503, "ServiceUnavailable", "restarting")] * 7  # as often as it is asked
    api.script("GET", PODS, Answer.items([an_object(), an_object("b")]), *down)
    api.script("GET", PODS, Answer.items([an_object("b")]))
    api.script("WATCH", PODS, *down, Answer.changes())
    watch = watches.watch(api.cluster, "Pod", label="x=y", stop=Event())
    assert [(kind, found["metadata"]["name"]) for kind, found in islice(watch, 4)] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("DELETED", "a"),
        ("ADDED", "b"),
    ]


@pytest.mark.parametrize("call", ["GET", "WATCH"])
def test_a_watch_that_is_refused_is_an_error_at_once(api: Api, call: str) -> None:
    """It would be so for ever."""
    api.script("GET", PODS, Answer.items([]))
    api.answers[call, PODS] = [Answer.refusal(403, "Forbidden", "not you")]
    with pytest.raises(Forbidden, match="not you"):
        list(watches.watch(api.cluster, "Pod", label="x=y", stop=Event()))


def test_a_watch_that_is_to_stop_ends(api: Api) -> None:
    """At its next look, without another request."""
    stop = Event()
    api.script("GET", PODS, Answer.items([an_object()]))
    seen = []
    for kind, _ in watches.watch(api.cluster, "Pod", label="x=y", stop=stop):
        seen.append(kind)
        stop.set()
    assert (seen, api.asked("WATCH")) == (["ADDED"], [])
