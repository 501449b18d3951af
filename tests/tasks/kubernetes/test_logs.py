"""Following a pod's log through what breaks it."""

import pytest

from tasks.kubernetes import logs
from tasks.kubernetes.logs import Place
from tests.tasks.api import Answer, Api

LOG = "/api/v1/namespaces/bench/pods/a/log"


def log(*texts: str, hour: int = 3) -> str:
    """Lines a millisecond apart."""
    found = (f"2026-11-24T{hour:02}:15:00.{n:03}000001Z {text}" for n, text in enumerate(texts))
    return "".join(f"{line}\n" for line in found)


def script(api: Api, *answers: str) -> None:
    api.script("GET", LOG, *(Answer.of(text, stamped=True) for text in answers))


def follow(api: Api, place: Place) -> list[str]:
    return [line.text for line in logs.follow(api.cluster, "a", place, silence_seconds=5)]


def test_a_stream_that_breaks_goes_on_after_its_last_line(api: Api) -> None:
    """No line is read twice and none is left out; half a line is not taken for one."""
    place, whole = Place(), log("one", "two", "three", "four")
    api.script("GET", LOG, Answer.of(log("one", "two")[:-3], cut=True, stamped=True))
    script(api, whole)
    assert follow(api, place) == ["one"]
    assert follow(api, place) == ["two", "three", "four"]


def test_a_log_that_was_rotated_is_read_from_its_start(api: Api) -> None:
    """The kubelet gives only what is left: fewer lines than were read by then."""
    place, left = Place(), log("four", "five", hour=4)
    script(api, log("one", "two", "three"), left)
    assert follow(api, place) == ["one", "two", "three"]
    assert follow(api, place) == ["four", "five"]


def test_one_that_is_rotated_between_two_looks_as_well(api: Api) -> None:
    """It is found there, and gone when it is followed."""
    place, old, left = Place(), log("one", "two"), log("three", "four", "five", hour=4)
    script(api, old, old, left)
    assert follow(api, place) == ["one", "two"]
    assert follow(api, place) == ["three", "four", "five"]


def test_a_clock_that_was_set_back_loses_no_line(api: Api) -> None:
    """What comes after has an earlier time."""
    place, old = Place(), log("one", "two")
    script(api, old, old + log("three", "four", hour=2))
    assert follow(api, place) == ["one", "two"]
    assert follow(api, place) == ["three", "four"]


def test_the_same_line_twice_at_the_same_time_is_two_lines(api: Api) -> None:
    place, twice = Place(), log("one") * 2
    script(api, twice, twice + log("two", hour=4))
    assert follow(api, place) == ["one", "one"]
    assert follow(api, place) == ["two"]


@pytest.mark.parametrize("words", ["unable to retrieve container logs for containerd://1"])
def test_the_kubelets_own_words_are_none_of_the_logs(api: Api, words: str) -> None:
    place = Place()
    script(api, f"{words}\n", log("one"))
    assert follow(api, place) == []
    assert follow(api, place) == ["one"]
