"""What is seen of a volume's attachment, where the account may look, and where not."""

import threading
from types import SimpleNamespace
from typing import Any, cast

from tasks.storms import attachments
from tasks.storms.attachments import Change
from tasks.storms.observer import PodEvent
from tasks.storms.outcome import Before, Outcome
from tasks.storms.timeline import Step
from tests.flows.server import until
from tests.tasks.api import Answer, Api

PATH = "/apis/storage.k8s.io/v1/volumeattachments"
EVENTS = "/api/v1/namespaces/bench/events"
CLAIM = "/api/v1/namespaces/bench/persistentvolumeclaims/claim"
WORDS = 'Multi-Attach error for volume "pv-1" Volume is already used by pod(s) old'


def attachment(name: str, node: str, *, attached: bool) -> dict[str, Any]:
    spec = {"nodeName": node, "source": {"persistentVolumeName": "pv-1"}}
    meta = {"name": name, "resourceVersion": "1"}
    return {"metadata": meta, "spec": spec, "status": {"attached": attached}}


def names_of_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_each_change_is_seen_once(api: Api) -> None:
    old = attachment("old", "w2", attached=True)
    api.script("GET", PATH, Answer.items([old]))
    api.script(
        "WATCH",
        PATH,
        Answer.changes(
            ("MODIFIED", old),
            ("ADDED", attachment("new", "w3", attached=False)),
            ("DELETED", old),
            ("MODIFIED", attachment("new", "w3", attached=True)),
        ),
    )
    stop = threading.Event()
    seen = attachments.watch(api.cluster, stop)
    until(lambda: len(seen), lambda count: count >= 3)
    stop.set()
    assert [one[1:] for one in seen[:3]] == [
        ("pv-1", "w2", True),
        ("pv-1", "w2", False),
        ("pv-1", "w3", True),
    ]


def test_without_the_right_there_is_none(api: Api) -> None:
    api.script("GET", PATH, Answer.refusal(403, "Forbidden", "not you"))
    seen = attachments.watch(api.cluster, threading.Event())
    until(names_of_threads, lambda names: "attachments" not in names)  # it asks no more
    assert list(seen) == []


def test_steps_are_of_the_volume_and_since_the_fault(api: Api) -> None:
    """The cluster's words have whole seconds: not before the pod had a node."""
    api.script("GET", CLAIM, Answer.of({"metadata": {}, "spec": {"volumeName": "pv-1"}}))
    told = {"involvedObject": {"uid": "uid-new"}, "firstTimestamp": "1970-01-01T00:16:43Z"}
    other = {"involvedObject": {"uid": "uid-old"}, "message": WORDS}
    failed = told | {"message": "AttachVolume.Attach failed: the array is away"}
    api.script("GET", EVENTS, Answer.items([told | {"message": WORDS}, other, failed]))
    pod = {"metadata": {"name": "new", "uid": "uid-new"}, "spec": {"nodeName": "w3"}, "status": {}}
    writer: Any = SimpleNamespace(
        source={"persistentVolumeClaim": {"claimName": "claim"}},
        observer=SimpleNamespace(events=[PodEvent(1003.4, "ADDED", pod)]),
    )
    before = Before("old", "uid-old", 1, "w2", 10.0, frozenset({"uid-old"}), 14)
    outcome = Outcome(writer, "node-lost", 1, before, 1000.0, None)
    changes = [
        Change(990.0, "pv-1", "w2", attached=True),
        Change(1004.0, "pv-2", "w2", attached=False),
        Change(1042.0, "pv-1", "w2", attached=False),
        Change(1043.0, "pv-1", "w3", attached=True),
    ]
    assert attachments.steps(api.cluster, changes, outcome) == [
        Step(1003.4, "multi-attach error", "new", "w3", WORDS),
        Step(1042.0, "detached", None, "w2"),
        Step(1043.0, "attached", None, "w3"),
    ]
    folder = outcome._replace(writer=cast("Any", SimpleNamespace(source={"emptyDir": {}})))
    assert attachments.steps(api.cluster, changes, folder) == []
