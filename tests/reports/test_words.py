"""Reasons in three words."""

import pytest

from reports.text.reasons import three_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("fio exited with 1: /data/f: No space left on device", "out of space"),
        ("volume too small: 9 bytes are free on w1, the plan's files need 90", "volume too small"),
        ("preparing the volume of nfs: its log ends early", "volume not prepared"),
        ("binding of PVC a did not happen within 120 s: waiting", "volume not bound"),
        (
            "start of the pod of Job a did not happen within 9 s: 0/3 nodes are available: "
            "1 node(s) were unschedulable",
            "could not schedule",
        ),
        ("pod a cannot start with image b: ErrImagePull", "image not usable"),
        ("it was cut off: the pod of Job a is gone: it was deleted", "pod was lost"),
        ("it was cut off: end of the pod of Job a did not happen within 9 s", "timed out waiting"),
        ("the pod of Job a OOMKilled: ", "out of memory"),
        ("start of the pod did not happen within 9 s: Job a is suspended: …", "Job was suspended"),
        ("io_queue_init: Resource temporarily unavailable", "too few AIOs"),
        ("fio: its clock went backwards by 3 s", "its clock went…"),
        (
            "no node that a storm may touch, and hostPath is a folder of one; look at storm_nodes",
            "node not eligible",
        ),
        ("killed", "killed"),
    ],
)
def test_a_reason_in_three_words(error: str, words: str) -> None:
    assert three_words(error) == words
