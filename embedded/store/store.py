"""The objects of the cluster, their versions, and the watches on them.

One asyncio loop owns the store, and every method runs to its end without awaiting, so a write
and the events it sends are one step. Stored objects are never changed in place: readers may
keep them, writers hand in new ones.
"""

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from embedded.store import errors
from embedded.store.objects import Object, is_terminating, name_of, namespace_of, now, uid_of
from embedded.store.resources import (
    BUDGETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Resource,
)

HISTORY_LENGTH = 10_000
FIRST_VERSION = 100  # a cluster has a past: a watch from version 1 finds it expired
WITH_GENERATION = frozenset({PODS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, JOBS, BUDGETS})


@dataclass(frozen=True)
class Event:
    """One change: ADDED, MODIFIED or DELETED, with the object before (None when added)."""

    version: int
    type: str
    resource: Resource
    object: Object
    before: Object | None


Key = tuple[str, str]
"""Namespace ("" for cluster-scoped) and name."""


class Store:
    """All objects, by resource and key."""

    def __init__(self, history: int = HISTORY_LENGTH) -> None:
        self.version = FIRST_VERSION
        self._objects: dict[Resource, dict[Key, Object]] = {}
        self._history: deque[Event] = deque(maxlen=history)
        self._queues: set[asyncio.Queue[Event]] = set()

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(resource, {}).get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """The object; ApiError 404 when there is none."""
        obj = self.find(resource, namespace, name)
        if obj is None:
            raise errors.not_found(resource, name)
        return obj

    def current(self, resource: Resource, seen: Object) -> Object | None:
        """The stored state of an object seen in an event, or None when that object is gone."""
        found = self.find(resource, namespace_of(seen), name_of(seen))
        return found if found and uid_of(found) == uid_of(seen) else None

    def items(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects of a resource, in one namespace or ("") in all, ordered by name."""
        ordered = sorted(self._objects.get(resource, {}).items(), key=lambda item: item[0])
        return [obj for (where, _), obj in ordered if namespace in ("", where)]

    def create(self, resource: Resource, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object, unless `dry_run`, and return it with its server-set metadata."""
        obj = copy.deepcopy(obj)
        metadata = obj["metadata"]
        key = namespace_of(obj), name_of(obj)
        if key in self._objects.setdefault(resource, {}):
            raise errors.already_exists(resource, name_of(obj))
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(field, None)
        metadata["uid"] = metadata.get("uid") or str(uuid4())
        metadata["creationTimestamp"] = now()
        if resource in WITH_GENERATION:
            metadata["generation"] = 1
        obj |= {"apiVersion": resource.api_version, "kind": resource.kind}
        return obj if dry_run else self._put(resource, obj, None)

    def replace(self, resource: Resource, obj: Object) -> Object:
        """Store a new state of an object; 409 when it is based on another version than stored."""
        before = self.get(resource, namespace_of(obj), name_of(obj))
        obj = copy.deepcopy(obj)
        given, kept = obj["metadata"], before["metadata"]
        if given.get("resourceVersion") not in (None, "", kept["resourceVersion"]):
            raise errors.conflict(resource, name_of(obj))
        if given.get("uid") not in (None, "", kept["uid"]):
            why = (
                f"Precondition failed: UID in precondition: {given['uid']}, "
                f"UID in object meta: {kept['uid']}"
            )
            raise errors.conflict(resource, name_of(obj), why)
        for field in ("uid", "creationTimestamp", "resourceVersion", "generation", "generateName"):
            given.pop(field, None)
            if field in kept:
                given[field] = kept[field]
        obj |= {"apiVersion": resource.api_version, "kind": resource.kind}
        if obj == before:
            return before
        if resource in WITH_GENERATION and obj.get("spec") != before.get("spec"):
            given["generation"] += 1
        if is_terminating(obj) and self._may_go(resource, obj):
            return self._drop(resource, before, obj)
        return self._put(resource, obj, before)

    def change(self, resource: Resource, obj: Object, edit: Callable[[Object], None]) -> Object:
        """Apply an edit to the stored state of an object; a controller's write, never stale."""
        new = copy.deepcopy(self.get(resource, namespace_of(obj), name_of(obj)))
        edit(new)
        return self.replace(resource, new)

    def delete(self, resource: Resource, obj: Object, grace: int = 0) -> Object:
        """Ask for an object's deletion: it goes at once, or when grace and finalizers are over.

        Grace is in seconds and counts for pods only: their kubelet then removes them.
        """

        def mark(new: Object) -> None:
            metadata = new["metadata"]
            old = metadata.get("deletionGracePeriodSeconds")
            if "deletionTimestamp" not in metadata or (old is not None and grace < old):
                metadata["deletionTimestamp"] = now(grace)
                metadata["deletionGracePeriodSeconds"] = grace

        return self.change(resource, obj, mark)

    @contextmanager
    def watch(self, since: int | None = None) -> Iterator[asyncio.Queue[Event]]:
        """A queue of all changes after version `since` (default: from now on); 410 when too old."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        if since is not None and since < self.version:
            oldest = self._history[0].version if self._history else self.version + 1
            if since < oldest - 1:
                raise errors.expired(since, oldest)
            for event in self._history:
                if event.version > since:
                    queue.put_nowait(event)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def _may_go(self, resource: Resource, obj: Object) -> bool:
        metadata = obj["metadata"]
        over = resource is not PODS or metadata.get("deletionGracePeriodSeconds") == 0
        namespace_empty = not obj.get("spec", {}).get("finalizers")
        return over and namespace_empty and not metadata.get("finalizers")

    def _put(self, resource: Resource, obj: Object, before: Object | None) -> Object:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._objects[resource][namespace_of(obj), name_of(obj)] = obj
        self._send(Event(self.version, "MODIFIED" if before else "ADDED", resource, obj, before))
        return obj

    def _drop(self, resource: Resource, before: Object, last: Object) -> Object:
        self.version += 1
        last["metadata"]["resourceVersion"] = str(self.version)
        del self._objects[resource][namespace_of(last), name_of(last)]
        self._send(Event(self.version, "DELETED", resource, last, before))
        return last

    def _send(self, event: Event) -> None:
        self._history.append(event)
        for queue in tuple(self._queues):  # garbage collection may close a watch at any time
            queue.put_nowait(event)
