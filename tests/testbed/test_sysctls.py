"""What kubelets write into the kernel's settings is undone: a folder is /proc/sys here."""

import os
from pathlib import Path

import pytest

from testbed import cluster, machine, state, sysctls


@pytest.fixture(autouse=True)
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose settings are all 0."""
    for name in sysctls.NAMES:
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(sysctls, "PROC", tmp_path / "proc")
    write("0")
    return tmp_path / "proc"


def write(value: str) -> None:
    for name in sysctls.NAMES:
        (sysctls.PROC / name).write_text(f"{value}\n")


def values() -> set[str]:
    return {(sysctls.PROC / name).read_text().strip() for name in sysctls.NAMES}


def test_restored() -> None:
    """As they were before the first `up`, also if that was repeated; then nothing is noted."""
    sysctls.save()
    write("1")
    sysctls.save()
    sysctls.restore()
    assert values() == {"0"}
    assert not state.SYSCTLS.exists()
    write("2")
    sysctls.restore()
    assert values() == {"2"}


def test_restored_after_a_crash_half_way(proc: Path) -> None:
    """What was not written back is so by the next `down`."""
    sysctls.save()
    write("1")
    last = proc / sysctls.NAMES[-1]
    last.rename(proc / "away")
    last.mkdir()
    with pytest.raises(IsADirectoryError):
        sysctls.restore()
    last.rmdir()
    (proc / "away").rename(last)
    sysctls.save()
    sysctls.restore()
    assert values() == {"0"}


def test_another_testbeds_kubelets_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last testbed that goes down restores what was before the first came up."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine, "LOCK", f"{state.LOCK}-machine")
    for action in ("devices.detach_all", "prerequisites.remove_policy"):
        monkeypatch.setattr(f"testbed.{action}", lambda *_: None)
    sysctls.save()
    write("1")
    other = state.OWNERS[-1]
    other.write_text("/elsewhere")
    cluster.down()
    assert values() == {"1"}
    other.unlink()
    cluster.down()
    assert values() == {"0"}
