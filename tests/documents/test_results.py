"""docs/results.md is up to date, and what it shows runs."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from reports.columns import CONTRACT, PAGE, broken, columns, with_columns, write_contract
from tests.reports.sample import STARTED, failed, write_run
from tests.reports.storm_sample import storm_row, write_storm_tables

BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `results` of two nights; the second lost write_bw of one class."""
    root = tmp_path_factory.mktemp("nights")
    for night in (0, 1):
        started = STARTED + timedelta(days=night)
        drains = [storm_row(volume, "drain", 1) for volume in ("local-path", "hostPath")]
        write_storm_tables(
            str(root / "results"), f"{started:%Y%m%d}-180000-a1b2c3", started, drains
        )
        write_run(
            root / "results",
            {"local-path": 1.0, "nfs-client": 0.16},
            run_id=f"{started:%Y%m%d}-180000-a1b2c3",
            facts={"started_at": started},
            cell=lambda row, night=night: (  # type: ignore[misc]
                failed(row, "No space left on device")
                if night and row["storage_class"] == "nfs-client" and row["job"] == "write_bw"
                else row
            ),
        )
    return root


def output_of(block: str, folder: Path) -> str:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_column_reference_is_todays() -> None:
    page = PAGE.read_text()

    assert with_columns(page) == page, "stale: run `python -m reports.columns`"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"results\.md needs one line"):
        with_columns("# Results\n")


def test_the_contract_of_columns_holds_and_is_todays() -> None:
    promised = json.loads(CONTRACT.read_text())

    assert broken(promised, columns()) == []
    assert promised == columns(), "columns were added: run `python -m reports.columns`"


@pytest.mark.parametrize(
    ("today", "words"),
    [
        ({"fio": {"job": {"type": "string", "unit": ""}}}, "fio.iops was .* and is gone"),
        ({}, "fio.iops was .* and is gone"),
        ({"fio": {"iops": {"type": "int64", "unit": "iops"}}}, "'double'.* and is .*'int64'"),
        ({"fio": {"iops": {"type": "double", "unit": ""}}}, "and is .*'unit': ''"),
    ],
    ids=["column gone", "table gone", "type", "unit"],
)
def test_a_changed_column_breaks_the_contract(
    tmp_path: Path, today: dict[str, dict[str, dict[str, str]]], words: str
) -> None:
    """And the command that adds columns leaves the contract as it was."""
    contract = tmp_path / "columns.json"
    promised = {"fio": {"iops": {"type": "double", "unit": "iops"}}}
    write_contract(contract, promised)
    with pytest.raises(ValueError, match=words):
        write_contract(contract, today)
    assert json.loads(contract.read_text()) == promised


def test_an_added_column_is_added_to_the_contract(tmp_path: Path) -> None:
    contract = tmp_path / "columns.json"
    promised = {"fio": {"iops": {"type": "double", "unit": "iops"}}}
    write_contract(contract, promised)
    more = {"fio": promised["fio"] | {"job": {"type": "string", "unit": ""}}, "new": {}}
    write_contract(contract, more)
    assert json.loads(contract.read_text()) == more


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, ["20261123", "20261124", "local-path", "12300.0", "1968.0"]),
        (1, ["nfs-client", "read_bw", "p99_ms"]),
        (2, ["6.8.0-45-generic", "mib_per_second", "640.0"]),
        (3, ["No space left on device", "20261124", "3"]),
        (4, ["20261124", "local-path", "32.1", "volume node affinity", "143"]),
    ],
    ids=["pandas", "duckdb latency", "duckdb join", "polars", "duckdb drains"],
)
def test_what_the_page_shows_runs(two_nights: Path, number: int, expected: list[str]) -> None:
    output = output_of(BLOCKS[number], two_nights)

    assert [text for text in expected if text not in output] == [], output


def test_every_block_of_the_page_is_tested() -> None:
    """The last one, on S3, in tests/cli/test_s3.py."""
    assert len(BLOCKS) == 6
