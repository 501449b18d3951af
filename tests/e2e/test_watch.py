from itertools import count

import pytest
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from tests.flows.server import until

from .kube import Kube


def make(kube: Kube, name: str, **labels: str) -> str:
    body = {"metadata": {"name": name, "labels": labels}}
    created = kube.core.create_namespaced_config_map(kube.namespace, body)
    return str(created.metadata.resource_version)


def changes(kube: Kube, count: int, **query: object) -> list[tuple[str, str]]:
    """The types and names of the first changes that a watch sends."""
    seen: list[tuple[str, str]] = []
    read = kube.core.list_namespaced_config_map
    for change in watch.Watch().stream(read, kube.namespace, timeout_seconds=20, **query):
        name = change["object"].metadata.name
        if name != "kube-root-ca.crt":  # a controller of the real cluster makes it
            seen.append((change["type"], name))
        if len(seen) == count:
            return seen
    raise AssertionError(f"the watch ended after {seen}")


def test_watch_from_a_version_sees_every_change_since(kube: Kube) -> None:
    version = make(kube, "before")
    make(kube, "one")
    patch = {"data": {"key": "value"}}
    kube.core.patch_namespaced_config_map("one", kube.namespace, patch)
    kube.core.delete_namespaced_config_map("one", kube.namespace)
    make(kube, "two")
    expected = [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one"), ("ADDED", "two")]
    assert changes(kube, 4, resource_version=version) == expected


def test_watch_without_a_version_begins_with_what_there_is(kube: Kube) -> None:
    make(kube, "one")
    make(kube, "two")
    assert sorted(changes(kube, 2)) == [("ADDED", "one"), ("ADDED", "two")]


def test_selected_watch_sees_objects_enter_and_leave(kube: Kube) -> None:
    version = make(kube, "one", colour="red")
    make(kube, "two", colour="blue")
    for colour in ("green", "red"):
        patch = {"metadata": {"labels": {"colour": colour}}}
        kube.core.patch_namespaced_config_map("one", kube.namespace, patch)
    expected = [("DELETED", "one"), ("ADDED", "one")]
    seen = changes(kube, 2, label_selector="colour=red", resource_version=version)
    assert seen == expected


def test_patch_that_changes_nothing_is_no_change(kube: Kube) -> None:
    version = make(kube, "one", colour="red")
    patch = {"metadata": {"labels": {"colour": "red"}}}
    same = kube.core.patch_namespaced_config_map("one", kube.namespace, patch)
    assert same.metadata.resource_version == version


def test_expired_version_is_gone(kube: Kube) -> None:
    """A server forgets what is old when there is enough that is newer: one that is new has all."""
    make(kube, "one")
    read, numbers = kube.core.list_namespaced_config_map, count()

    def refusal() -> ApiException | None:
        change = {"data": {"number": str(next(numbers))}}
        kube.core.patch_namespaced_config_map("one", kube.namespace, change)
        since = watch.Watch().stream(read, kube.namespace, resource_version="1", timeout_seconds=5)
        try:
            next(iter(since), None)
        except ApiException as error:
            return error
        return None

    gone = until(refusal, lambda said: said is not None, 900)
    assert gone is not None
    assert gone.status == 410
    assert "too old resource version: 1" in gone.reason


def test_watch_ends_at_its_timeout(kube: Kube) -> None:
    version = make(kube, "one")
    response = kube.core.list_namespaced_config_map(
        kube.namespace,
        watch=True,
        field_selector="metadata.name=one",
        resource_version=version,
        timeout_seconds=1,
        _preload_content=False,
    )
    assert response.read() == b""


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("colour=red", ["a"]),
        ("colour!=red", ["b", "c"]),
        ("colour in (red, blue)", ["a", "b"]),
        ("colour notin (red),colour", ["b"]),
        ("!colour", ["c"]),
        ("colour==blue,size=xl", ["b"]),
    ],
)
def test_label_selectors(kube: Kube, selector: str, expected: list[str]) -> None:
    make(kube, "a", colour="red")
    make(kube, "b", colour="blue", size="xl")
    make(kube, "c")
    found = kube.core.list_namespaced_config_map(kube.namespace, label_selector=selector).items
    names = [item.metadata.name for item in found]
    assert [name for name in names if name != "kube-root-ca.crt"] == expected


def test_field_selector_by_name(kube: Kube) -> None:
    make(kube, "a")
    make(kube, "b")
    found = kube.core.list_namespaced_config_map(kube.namespace, field_selector="metadata.name=b")
    assert [item.metadata.name for item in found.items] == ["b"]
