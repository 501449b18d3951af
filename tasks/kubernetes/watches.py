"""Waits for objects, by watches with a deadline."""

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.cluster import PAUSE_SECONDS, Cluster, T, path_of
from tasks.kubernetes.errors import AWAY, ClusterError, Forbidden, Gone, WaitTimedOut
from tasks.kubernetes.objects import KINDS, Items, Obj
from tasks.kubernetes.streams import whole_lines
from tasks.kubernetes.verbs import listed, selected_by

WATCH_SECONDS = 60  # a silent watch is renewed, so that a half-open connection cannot hang a run

SLICE_SECONDS = 5.0  # how long a watch that can be stopped goes on before it looks whether it is


def wait(
    cluster: Cluster,
    kind: str,
    until: Callable[[Items], T | None],
    *,
    what: str,
    limit_seconds: float,
    name: str = "",
    label: str = "",
) -> T:
    """Watch the named or labelled objects until `until` returns something other than None.

    `until` is given all of them by name at the start and after each change; it ends the wait early
    by raising. A server that is away meanwhile ends it no more than a watch that breaks. Raises
    WaitTimedOut, with what was seen last, after `limit_seconds`.
    """
    deadline = time.monotonic() + limit_seconds
    selection = selected_by(label, f"metadata.name={name}" if name else "")
    cluster, items = cluster.hasty, {}
    while True:
        why = ""
        try:
            objects, seen = listed(cluster, kind, selection)
            items = {o["metadata"]["name"]: o for o in objects}
            if (result := until(items)) is not None:
                return result
            with closing(_changes(cluster, kind, selection, seen, deadline)) as changes:
                for change in changes:
                    changed = change["object"]
                    items[changed["metadata"]["name"]] = changed
                    if change["type"] == "DELETED":
                        del items[changed["metadata"]["name"]]
                    if (result := until(items)) is not None:
                        return result
        except Gone:
            pass
        except AWAY as error:
            why = f": {error}"
        time.sleep(PAUSE_SECONDS)
        if time.monotonic() >= deadline:
            raise WaitTimedOut(f"{what} did not happen within {limit_seconds:.0f} s{why}", items)


def wait_gone(
    cluster: Cluster,
    kind: str,
    *,
    what: str,
    limit_seconds: float,
    name: str = "",
    label: str = "",
) -> None:
    """Wait until no such object is there any more; raises as `wait`."""

    def gone(items: Items) -> bool | None:
        return None if items else True

    wait(cluster, kind, gone, what=what, limit_seconds=limit_seconds, name=name, label=label)


def watch(
    cluster: Cluster, kind: str, *, label: str, stop: threading.Event
) -> Iterator[tuple[str, Obj]]:
    """Every object that matches, as ADDED, and then every change, until `stop` is set.

    A watch that breaks goes on where it broke; where the server has forgotten that version, or was
    away, what is there is ADDED again, and what has gone meanwhile is DELETED. Raises Forbidden.
    """
    known: Items = {}
    cluster, selection = cluster.hasty, selected_by(label)
    while not stop.is_set():
        try:
            objects, seen = listed(cluster, kind, selection)
            present = {o["metadata"]["name"]: o for o in objects}
            yield from (("DELETED", known[name]) for name in known.keys() - present.keys())
            yield from (("ADDED", o) for o in objects)
            known = present
            while not stop.is_set():
                until = time.monotonic() + SLICE_SECONDS
                for change in _changes(cluster, kind, selection, seen, until):
                    changed = change["object"]
                    seen = changed["metadata"]["resourceVersion"]
                    known[changed["metadata"]["name"]] = changed
                    if change["type"] == "DELETED":
                        del known[changed["metadata"]["name"]]
                    yield change["type"], changed
                time.sleep(PAUSE_SECONDS)
        except Forbidden:
            raise
        except ClusterError:  # whoever waits for something has a limit of their own
            time.sleep(PAUSE_SECONDS)


def _changes(
    cluster: Cluster, kind: str, selection: dict[str, str], seen: str, deadline: float
) -> Generator[Obj]:
    """The changes after a resourceVersion, until the server or the deadline ends them.

    Raises Gone when the server no longer has that version.
    """
    left = max(1.0, min(WATCH_SECONDS, deadline - time.monotonic()))
    query = {"watch": "true", "resourceVersion": seen, "timeoutSeconds": str(int(left) or 1)}
    response = k8s.request(
        cluster,
        "GET",
        path_of(cluster, kind),
        doing=f"watching {KINDS[kind][1]}",
        query=query | selection,
        read_seconds=left + 5,
        streamed=True,
    )
    with closing(whole_lines(response)) as lines:
        for line in lines:
            change = json.loads(line)
            if change["type"] == "ERROR":
                raise Gone(str(change["object"].get("message")))
            yield change
