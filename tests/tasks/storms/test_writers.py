"""A writer that has not begun to write: why not, and what to do."""

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.kubernetes.errors import ClusterError
from tasks.plan.plan import Plan
from tasks.storms import writers


def test_no_record_within_the_limits_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a driver takes ten minutes to make a volume."""
    monkeypatch.setattr(writers, "why_silent", lambda _run, _writer: "provisioning goes on")
    plan = Plan().model_copy(update={"bind_limit_seconds": 0, "start_limit_seconds": 0})
    observer = SimpleNamespace(acks=[], unwritable={}, pods=dict, wait=lambda *_: None)
    target = writers.Target("fast", "fast", "ReadWriteOnce")
    writer: Any = SimpleNamespace(observer=observer, target=target, volume="fast")
    run: Any = SimpleNamespace(plan=plan, cluster=None)
    with pytest.raises(
        ClusterError, match=r"provisioning goes on.*raise plan fields bind_limit_se"
    ):
        writers._first_record(run, writer)
