"""Where a run's seconds went, added up from a log and a course that were written by hand."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import overhead
from benchmarks.overhead import FIO_BEGINS, FIO_ENDS, Seen, claim_state, look_on, parts, table
from tasks.kubernetes.manifest import script

# A pod of fio.sh: two files are laid out, then a turn of two groups, and one more.
LOG = [
    (10.0, "@stormark fact engine libaio"),
    (10.1, "@stormark ready"),
    (11.0, "@stormark order 1"),
    (11.1, "@stormark layout volume/a 4194304"),
    (12.0, "@stormark layout volume/b 4194304"),
    (14.0, "@stormark finished"),
    (20.0, "@stormark order 2"),
    (20.1, "@stormark begin read 1764000000"),
    (25.0, "@stormark output read"),
    (25.1, "@stormark end read 0"),
    (25.5, "@stormark begin write 1764000005"),
    (30.0, "@stormark end write 0"),
    (30.1, "@stormark finished"),
]
FIO = [(11.1, 14.0), (20.1, 25.1), (25.5, 30.0)]


def test_fio_runs_between_its_marks() -> None:
    """Files that are laid out by one order are one span, groups are one each."""
    assert overhead.fio_spans(LOG) == FIO
    assert overhead.fio_spans(LOG[:9]) == FIO[:1]  # the pod was taken away


def test_the_marks_are_those_of_the_script() -> None:
    """One that fio.sh calls otherwise would count as no second of fio's."""
    said = [f"@stormark {word} " for word in re.findall(r"\bsay (\S+)", script("fio.sh"))]
    for mark in (*FIO_BEGINS, *FIO_ENDS):
        assert any(line.startswith(mark) for line in said), mark


@pytest.mark.parametrize(
    ("times", "spans"),
    [
        ({"created": 1.0, "bound": 3.0}, [(1.0, 3.0)]),
        ({"created": 1.0, "running": 4.0, "deleted": 9.0, "gone": 11.0}, [(1.0, 4.0), (9.0, 11.0)]),
        ({"created": 1.0, "deleted": 9.0}, []),
        ({"created": 1.0, "gone": 2.0}, []),
    ],
)
def test_an_object_waits_to_be_there_and_to_be_gone(
    times: dict[str, float], spans: list[tuple[float, float]]
) -> None:
    """What never came is no wait that has a length."""
    assert list(overhead.waiting(times)) == spans


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [([], 0.0), ([(1, 3), (2, 4)], 3.0), ([(5, 6), (1, 9), (2, 3)], 8.0), ([(1, 2), (4, 6)], 3.0)],
)
def test_length_counts_no_second_twice(spans: list[tuple[float, float]], seconds: float) -> None:
    """In whatever order, and however they lie in one another."""
    assert overhead.length(spans) == seconds


def test_overlap() -> None:
    """Only what lies in both; spans that touch share nothing."""
    assert overhead.overlap([(0, 5), (8, 9)], [(3, 8.5)]) == [(3, 5), (8, 8.5)]
    assert overhead.overlap([(0, 5)], [(5, 6)]) == []


def a_pod(claim: str | None, lines: list[tuple[float, str]], **times: float) -> Seen:
    source = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
    return Seen({"spec": {"volumes": [{"configMap": {}}, source]}}, times, lines)


def a_claim(storage_class: str, **times: float) -> Seen:
    return Seen({"spec": {"storageClassName": storage_class}}, times, [])


TOLD = [(0.0, ""), (1.0, "check"), (40.0, "the cluster is clean"), (42.0, "report"), (43.0, "")]
PODS = {
    "probe": a_pod(None, [], created=2.0, running=3.0, deleted=31.0, gone=33.0),
    "fast": a_pod("c1", LOG[:6], created=5.0, running=9.0, deleted=32.0, gone=36.0),
    "slow": a_pod("c2", LOG[6:], created=12.0, running=17.0, deleted=32.0, gone=36.0),
}
CLAIMS = {
    "c1": a_claim("fast", created=4.0, bound=6.0),
    "c2": a_claim("slow", created=11.5, bound=13.0),
}


def test_the_parts_are_the_whole_run() -> None:
    """No second is in two of them, and none in none."""
    found = list(parts(TOLD, PODS, CLAIMS))
    assert found == [
        ("start and checks", [(0.0, 4.0)], 1),
        ("fast", [(4.0, 14.0)], 1),
        ("slow", [(14.0, 25.1), (25.1, 30.0)], 1),
        ("clean-up", [(30.0, 40.0)], 0),
        ("report and exit", [(40.0, 43.0)], 0),
    ]
    assert sum(overhead.length(spans) for _, spans, _ in found) == pytest.approx(43.0)


def test_each_second_is_of_one_kind() -> None:
    """fio's first, then the cluster's, else stormark's."""
    shown = table(TOLD, PODS, CLAIMS, {})
    rows = list(zip(*(column.cells for column in shown.columns), strict=True))
    assert rows == [
        ("start and checks", "4.0", "0.0", "1.0", "3.0", "1"),
        ("fast", "10.0", "2.9", "5.0", "2.1", "1"),
        ("slow", "16.0", "9.5", "3.0", "3.5", "1"),
        ("clean-up", "10.0", "0.0", "5.0", "5.0", ""),
        ("report and exit", "3.0", "0.0", "0.0", "3.0", ""),
        ("whole run", "43.0", "12.4", "14.0", "16.6", "3"),
    ]
    assert shown.caption == "10.0 s from the last second of fio to a clean cluster"


def test_what_earlier_runs_have_left_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch begins with all that is there, and tells its end too."""

    def event(kind: str, name: str, phase: str) -> dict[str, Any]:
        item = {"metadata": {"name": name, "uid": name}, "status": {"phase": phase}}
        return {"type": kind, "raw_object": item}

    events = [
        event("ADDED", "left", "Bound"),
        event("ADDED", "new", "Pending"),
        event("DELETED", "left", "Bound"),
        event("MODIFIED", "new", "Bound"),
    ]
    told = SimpleNamespace(stream=lambda _: iter(events))
    monkeypatch.setattr("benchmarks.overhead.watch.Watch", lambda: told)
    left = SimpleNamespace(items=[SimpleNamespace(metadata=SimpleNamespace(uid="left"))])
    seen: overhead.Objects = {}
    look_on(lambda: left, seen, claim_state).join()
    assert seen.keys() == {"new"}
    assert seen["new"].times.keys() == {"created", "bound"}
