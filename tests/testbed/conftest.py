"""A testbed's folder and names for one test, so that a real testbed is never touched."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from testbed import processes, state


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state folder of the test; processes that the test has started end with it."""
    home = tmp_path / "testbed"
    real = state.FOLDER
    for name, value in dict(vars(state)).items():
        if isinstance(value, Path) and value.is_relative_to(real):
            monkeypatch.setattr(state, name, home / value.relative_to(real))
    for name in ("OWNER", "SYSCTLS"):
        monkeypatch.setattr(state, name, tmp_path / name.lower())
    owners = [tmp_path / f"owner-{number}" for number in range(state.MOST_TESTBEDS)]
    owners[state.NUMBER] = state.OWNER
    monkeypatch.setattr(state, "OWNERS", tuple(owners))
    monkeypatch.setattr(state, "DEFAULT", home)
    for name in ("LOCK", "USE"):
        monkeypatch.setattr(state, name, f"\0stormark-test-{uuid4()}")
    home.mkdir()
    yield home
    processes.kill_all()
