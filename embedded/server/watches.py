"""The stream of a watch: changes as JSON lines, bookmarks, and its end."""

import asyncio
import json
from collections.abc import AsyncIterator

from embedded.store.errors import ApiError
from embedded.store.objects import Object
from embedded.store.resources import Resource
from embedded.store.selectors import Matcher
from embedded.store.store import Event, Store

BOOKMARK_SECONDS = 60.0
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


async def stream(
    store: Store,
    resource: Resource,
    namespace: str,
    matches: Matcher,
    *,
    since: int | None,
    bookmarks: bool,
    initial: bool,
    timeout_seconds: float,
) -> AsyncIterator[bytes]:
    """Lines of a watch after version `since`; None sends what is there first.

    An expired version is an ERROR line with a Status 410, as from a real API server.
    """
    try:
        with store.watch(since) as events:
            version = store.version
            if since is None:
                for obj in filter(matches, store.items(resource, namespace)):
                    yield _line("ADDED", obj)
            if initial:
                yield _bookmark(resource, version, INITIAL_EVENTS_END)
            end = asyncio.get_running_loop().time() + timeout_seconds
            while (left := end - asyncio.get_running_loop().time()) > 0:
                try:
                    event = await asyncio.wait_for(events.get(), min(left, BOOKMARK_SECONDS))
                except TimeoutError:
                    if bookmarks:
                        yield _bookmark(resource, store.version, {})
                    continue
                if kind := _seen_as(event, resource, namespace, matches):
                    yield _line(kind, event.object)
    except ApiError as error:
        yield _line("ERROR", error.status())


def _seen_as(event: Event, resource: Resource, namespace: str, matches: Matcher) -> str | None:
    """The type of an event for this watcher: what begins or ceases to match is ADDED or DELETED."""
    obj = event.object
    if event.resource is not resource or namespace not in ("", obj["metadata"].get("namespace")):
        return None
    now = event.type != "DELETED" and matches(obj)
    before = event.before is not None and matches(event.before)
    if now:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else None


def _bookmark(resource: Resource, version: int, annotations: dict[str, str]) -> bytes:
    metadata: Object = {"resourceVersion": str(version), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    return _line("BOOKMARK", obj)


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"
