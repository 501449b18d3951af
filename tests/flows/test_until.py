"""What a test that waits in vain says."""

import httpx
import pytest

from tests.flows.server import until


def test_the_last_answer_is_told() -> None:
    """A night's log has no other word of what was there instead."""
    with pytest.raises(AssertionError, match=r"^not within 0 s; the last answer: \['so far'\]$"):
        until(lambda: ["so far"], lambda _: False, limit_seconds=0)


def test_the_last_error_is_told() -> None:
    """A server that never listened."""

    def ask() -> None:
        raise httpx.ConnectError("refused")

    with pytest.raises(AssertionError, match=r"the last answer: ConnectError\('refused'\)$"):
        until(ask, lambda _: True, limit_seconds=0)
