"""The comparison in the terminal."""

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from reports.data.load import load
from reports.side_by_side.terminal import comparison_table, survival_table
from reports.speed.comparison import compare
from reports.storms.survival import survive
from tests.reports.sample import RUN_ID, Row, failed, write_run
from tests.reports.storm_sample import SHARED_FACTS, never, shared, without, write_storms


def shown(root: Path, speeds: Mapping[str, float], **changes: Any) -> str:
    console = Console(file=StringIO(), width=80)
    location = write_run(root, speeds, **changes)
    console.print(comparison_table(compare(load(location, RUN_ID))))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_two_classes_are_legible_at_80_columns(tmp_path: Path) -> None:
    lines = shown(tmp_path, {"local-path": 1.0, "nfs-client": 0.16}).splitlines()

    header = next(line for line in lines if "reference" in line)
    first = next(number for number, line in enumerate(lines) if "read_iops" in line)
    assert header.split() == ["job", "local-path", "(reference)", "nfs-client"]
    assert " ".join(lines[first].split()) == (
        "read_iops 12.3 k IOPS [11.9 – 12.7] 1.97 k IOPS [1.91 – 2.03]"
    )
    assert " ".join(lines[first + 1].split()) == "4K randread, QD64 0.16× [0.15× – 0.17×]"
    assert lines[first + 2].split() == ["slower"]
    assert max(map(len, lines)) <= 80


def test_verdict_failure_and_warning_are_said(tmp_path: Path) -> None:
    def cell(row: Row) -> Row:
        if row["storage_class"] == "nfs-client" and row["job"] == "write_bw":
            return failed(row, "[Errno 28] No space left on device")
        return row | {"warnings": ["a cache may hold it"] if row["job"] == "read_bw" else []}

    text = shown(tmp_path, {"local-path": 1.0, "nfs-client": 1.0}, cell=cell)

    assert "1.00× [0.93× – 1.07×]" in text
    assert "equal: within 10 %" in text
    assert "failed: out of space" in text
    assert text.count("see warnings") == 2


def test_one_round_has_no_verdict(tmp_path: Path) -> None:
    text = shown(tmp_path, {"local-path": 1.0, "nfs-client": 0.16}, rounds=1)

    assert "one volume of each class: too few for a verdict" in text
    assert "slower" not in text


def test_a_run_without_figures_has_an_empty_table(tmp_path: Path) -> None:
    assert "local-path" in shown(tmp_path, {"local-path": 1.0}, cell=lambda _: None)


def survival_shown(root: Path, width: int, **changes: Any) -> list[str]:
    console = Console(file=StringIO(), width=width)
    survival = survive(load(write_storms(root, **changes), RUN_ID))
    assert survival is not None
    console.print(survival_table(survival))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_four_storms_are_legible_at_80_columns(tmp_path: Path) -> None:
    lines = survival_shown(tmp_path, 80)

    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    words = [line.split() for line in lines]
    assert ["volume", "restart", "delete", "kill", "drain"] in words
    assert ["hostPath-pinned", "kept", "kept", "kept", "kept"] in words
    assert any(line[:5] == ["emptyDir", "kept", "LOST", "143", "LOST"] for line in words)


def test_no_digit_is_cut_off_and_what_is_not_offered_is_said(tmp_path: Path) -> None:
    """Beside a volume of 16 characters the last column is a narrow one."""
    lines = survival_shown(tmp_path, 80, change=shared, facts=SHARED_FACTS)
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if re.search(r"\d\.(\s|$)", line)]
    assert "not offered: local-path (RWX)" in "\n".join(lines)


def test_loss_gap_and_surprise_of_a_storm_are_said(tmp_path: Path) -> None:
    def change(row: Row) -> Row:
        if row["storm"] != "drain":
            return row
        if row["volume"] == "local-path":
            return without(row, "failed", "the pod was deleted")
        return never(row) if row["volume"] == "nfs-client" else row

    text = "\n".join(survival_shown(tmp_path, 120, change=change))

    assert "LOST 143 records" in text
    assert "failed: pod was lost" in text
    assert "never came back" in text
    assert text.count("surprise") == 1
