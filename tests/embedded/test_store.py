import asyncio

import pytest

from embedded.store.errors import ApiError
from embedded.store.objects import Object
from embedded.store.resources import CONFIG_MAPS
from embedded.store.store import Store


def config_map(name: str, **data: str) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


def test_watch_from_a_version_that_was_forgotten_is_expired() -> None:
    store = Store(history=2)
    first = store.create(CONFIG_MAPS, config_map("a"))
    versions = [
        int(store.create(CONFIG_MAPS, config_map(name))["metadata"]["resourceVersion"])
        for name in ("b", "c", "d")
    ]
    with store.watch(versions[0]) as events:
        assert events.qsize() == 2
    with pytest.raises(ApiError, match="too old resource version") as expired:  # noqa: SIM117
        with store.watch(int(first["metadata"]["resourceVersion"])):
            pass
    assert expired.value.code == 410


def test_stored_objects_are_not_changed_by_later_writes() -> None:
    store = Store()
    before = store.create(CONFIG_MAPS, config_map("a", key="old"))
    after = store.change(CONFIG_MAPS, before, lambda new: new["data"].update(key="new"))
    assert (before["data"], after["data"]) == ({"key": "old"}, {"key": "new"})
    assert store.get(CONFIG_MAPS, "default", "a") is after


def test_object_with_a_finalizer_goes_when_that_is_taken_off() -> None:
    store = Store()
    obj = config_map("a")
    obj["metadata"]["finalizers"] = ["example.com/hold"]
    created = store.create(CONFIG_MAPS, obj)
    waiting = store.delete(CONFIG_MAPS, created)
    assert waiting["metadata"]["deletionTimestamp"]
    assert store.current(CONFIG_MAPS, created) is waiting
    store.change(CONFIG_MAPS, waiting, lambda new: new["metadata"].pop("finalizers"))
    assert store.current(CONFIG_MAPS, created) is None


def test_new_object_of_the_same_name_is_another() -> None:
    store = Store()
    old = store.create(CONFIG_MAPS, config_map("a"))
    store.delete(CONFIG_MAPS, old)
    new = store.create(CONFIG_MAPS, config_map("a"))
    assert store.current(CONFIG_MAPS, old) is None
    assert store.current(CONFIG_MAPS, new) is new


def test_closed_watch_gets_no_more_events() -> None:
    store = Store()
    with store.watch() as events:
        store.create(CONFIG_MAPS, config_map("a"))
    store.create(CONFIG_MAPS, config_map("b"))
    assert events.get_nowait().object["metadata"]["name"] == "a"
    with pytest.raises(asyncio.QueueEmpty):
        events.get_nowait()


def test_watch_that_is_closed_while_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python closes one that a client has left whenever it collects garbage."""
    store = Store()
    left = store.watch()
    left.__enter__()
    with store.watch() as events:
        monkeypatch.setattr(events, "put_nowait", lambda _: left.__exit__(None, None, None))
        store.create(CONFIG_MAPS, config_map("a"))
