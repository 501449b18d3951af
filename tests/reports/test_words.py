"""Reasons in three words."""

import pytest

from reports.words import three_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("fio: io_u error on file /data/f: No space left on device", "out of space"),
        ("PVC stormark-x is not Bound after 120 s", "volume not bound"),
        ("Job fio-1 had no pod running after 180 s: 0/3 nodes are available", "could not schedule"),
        ("pod fio-1 was OOMKilled", "out of memory"),
        ("io_queue_init: Resource temporarily unavailable", "too few AIOs"),
        ("fio: its clock went backwards by 3 s", "its clock went…"),
        ("killed", "killed"),
    ],
)
def test_a_reason_in_three_words(error: str, words: str) -> None:
    assert three_words(error) == words
