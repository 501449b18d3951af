"""Following a fio Job."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.kubernetes import streams
from tasks.provision import bench_pod
from tasks.provision.bench_log import FioLog


def test_a_log_is_left_at_the_scripts_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet ends the stream up to a second after the container has ended."""

    def lines(*_: Any, **__: Any) -> Iterator[str]:
        yield "@stormark fact kernel 6.1"
        yield "@stormark finished"
        pytest.fail("read on after the last line")

    monkeypatch.setattr(streams, "log_lines", lines)
    log = FioLog()
    nowhere: Any = None  # all that is asked of the cluster is the log
    job = bench_pod.FioJob("job", {"metadata": {"name": "pod"}})
    bench_pod.follow(nowhere, job, log, limit_seconds=60)
    assert log.finished
    assert log.facts == {"kernel": "6.1"}
