"""Following a fio Job."""

from collections.abc import Generator
from typing import Any
from unittest.mock import Mock

import pytest
from tenacity import wait_none

from tasks.kubernetes import logs, streams
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.logs import Line
from tasks.provision import bench_pod
from tasks.provision.bench_log import FioLog
from tests.tasks.api import Answer, Api
from tests.tasks.sample import PODS, pod


def test_a_log_is_left_at_the_scripts_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet ends the stream up to a second after the container has ended."""

    def lines(*_: Any, **__: Any) -> Generator[Line]:
        yield Line(1.0, "@stormark fact kernel 6.1")
        yield Line(2.0, "@stormark finished")
        pytest.fail("read on after the last line")

    monkeypatch.setattr(logs, "follow", lines)
    log = FioLog()
    nowhere: Any = None  # all that is asked of the cluster is the log
    job = bench_pod.FioJob("job", {"metadata": {"name": "pod"}})
    bench_pod.follow(nowhere, job, log, limit_seconds=60)
    assert log.finished
    assert log.facts == {"kernel": "6.1"}


def test_an_interrupt_is_no_reason_to_order_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the run at once; a call that failed is made again."""
    job = bench_pod.FioJob("fio", {"metadata": {"name": "fio-1"}, "spec": {"nodeName": "w1"}})
    nowhere: Any = None  # nothing of the cluster is reached
    monkeypatch.setattr(bench_pod, "wait_fixed", lambda _seconds: wait_none())
    monkeypatch.setattr(bench_pod, "_has_ended", lambda *_: False)
    monkeypatch.setattr(bench_pod, "_heard", lambda *_: False)
    for error, tries in ((KeyboardInterrupt(), 1), (ClusterError("away"), bench_pod.ORDER_TRIES)):
        execute = Mock(side_effect=error)
        monkeypatch.setattr(streams, "execute", execute)
        with pytest.raises(type(error)):
            bench_pod._send(nowhere, job, "1 layout")
        assert execute.call_count == tries


@pytest.mark.parametrize("cut", [False, True], ids=["which ends", "which breaks"])
def test_a_pod_that_says_nothing_at_all_has_a_limit_too(api: Api, *, cut: bool) -> None:
    """It hangs, as on a server that is away; it runs, and its stream gives no line to look at."""
    api.script("GET", f"{PODS}/pod-1/log", Answer.of("", cut=cut))
    api.script("GET", f"{PODS}/pod-1", Answer.of(pod("running")))
    job = bench_pod.FioJob("job", pod("running"))
    with pytest.raises(ClusterError, match="the pod of Job job has not finished within 1 s"):
        bench_pod.follow(api.cluster, job, FioLog(), limit_seconds=1)
