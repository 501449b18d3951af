"""A run that has to end is ended wherever it waits; no Prefect server is needed."""

import signal
import threading
import time

import pytest
from kubernetes import client

from flows import ending
from flows.ending import LimitReached, interrupted_when, unless
from flows.steps import _over
from tasks.kubernetes.cluster import Cluster
from tasks.lifecycle.lease import LeaseLost
from tasks.lifecycle.progress import Progress
from tasks.lifecycle.record import Record
from tests.tasks.sample import make_run


def test_a_long_wait_is_ended() -> None:
    """Though no report comes; the signal is nobody's again afterwards."""
    before = signal.getsignal(ending.SIGNAL)
    with (
        pytest.raises(LimitReached, match="enough"),
        interrupted_when(lambda: LimitReached("enough")),
    ):
        threading.Event().wait(600)
    assert signal.getsignal(ending.SIGNAL) == before


def test_what_need_not_end_goes_on() -> None:
    """To its own end, and also when it has to end only then."""
    over: list[Exception] = []
    with interrupted_when(lambda: over[0] if over else None):
        pass


def test_a_run_ends_at_its_limit() -> None:
    """Not before; the message has the field, the step, and what to do."""
    cluster = Cluster(client.ApiClient(), "none", "bench")
    known = Record(make_run(cluster, run_limit_seconds=60), "storms", [], [], "v1", step="drain")
    assert _over(known, lambda: None, time.monotonic())() is None
    error = _over(known, lambda: None, time.monotonic() - 61)()
    assert isinstance(error, LimitReached)
    assert "run_limit_seconds: the run reached its limit of 60 s in step 'drain'" in str(error)
    assert isinstance(_over(known, lambda: "another has it", time.monotonic())(), LeaseLost)


def test_a_report_ends_a_run_too() -> None:
    """In any thread; before that it is passed on."""
    over: list[Exception] = []
    said: list[Progress] = []
    tell = unless(lambda: over[0] if over else None, said.append)
    tell(Progress("run-1", "a step"))
    over.append(LimitReached("enough"))
    with pytest.raises(LimitReached):
        tell(Progress("run-1", "another"))
    assert [progress.step for progress in said] == ["a step"]
