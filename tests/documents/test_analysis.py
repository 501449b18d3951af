"""docs/analysis.md: what it shows runs, and DuckDB and pandas give the same answers."""

import re
from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.results.store import write_table
from tests.reports.sample import LAB, STARTED, WAL, Row, failed, write_run
from tests.reports.storm_sample import storm_row, write_storm_tables

PAGE = Path(__file__).parent.parent.parent / "docs" / "analysis.md"
BEFORE, *QUESTIONS = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
STALLED = 3  # the second of a write on nfs-client in which nothing was completed


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `results`; the second has a full volume, the third a new Kubernetes."""
    root = tmp_path_factory.mktemp("nights")
    for night in range(3):
        run_id, started = f"night-{night}", STARTED + timedelta(days=night)
        write_storm_tables(
            str(root / "results"),
            run_id,
            started,
            [
                storm_row(volume, storm, 1) | {"recovery_seconds": 2.0 + night}
                for volume in ("local-path", "hostPath")
                for storm in ("pod-delete", "drain")
            ],
        )

        def cell(row: Row, night: int = night) -> Row:
            row |= {"node": f"w{row['round']}"}
            full = night == 1 and (row["storage_class"], row["job"]) == ("nfs-client", "write_bw")
            return failed(row, "No space left on device") if full else row

        version = "v1.34.4" if night < 2 else "v1.37.2"
        write_run(
            root / "results",
            {"local-path": 1.0, "nfs-client": 0.16},
            jobs=LAB | WAL,
            run_id=run_id,
            cell=cell,
            facts={"started_at": started, "flow": "nightly", "kubernetes_version": version},
        )
        write_table(str(root / "results"), "fio_seconds", run_id, started, seconds(run_id))
    return root


def seconds(run_id: str) -> list[Row]:
    return [
        {
            "storage_class": name,
            "pvc": f"{run_id}-{name}",
            "job": "write_iops",
            "round": 1,
            "second": second,
        }
        | {"direction": "write", "at": STARTED, "ramp": second == 0}
        | {"iops": None if second == 0 else 0.0 if (name, second) == stalled else 900.0}
        for stalled in [("nfs-client", STALLED)]
        for name in ("local-path", "nfs-client")
        for second in range(6)
    ]


def answer(known: dict[str, Any], block: str) -> pd.DataFrame:
    """What a block calls its answer, in the types that both ways have."""
    exec(block, known)
    found: pd.DataFrame = known.pop("answer").reset_index(drop=True)
    text = found.select_dtypes(exclude="number").columns
    return found.astype(dict.fromkeys(text, object))


def test_both_ways_give_the_same_answers(three_nights: Path) -> None:
    """And each question has one on these nights."""
    known: dict[str, Any] = {}
    with chdir(three_nights):
        exec(blocks(BEFORE)[0], known)
        for question in QUESTIONS:
            by_duckdb, by_pandas = (answer(known, block) for block in blocks(question))
            assert len(by_duckdb) > 0, question
            pd.testing.assert_frame_equal(by_duckdb, by_pandas, check_dtype=False)
            known[question.split(".")[0]] = by_duckdb
    assert len(QUESTIONS) == 10
    assert set(known["1"]["job"]) == set(WAL)
    assert set(known["3"]["node"]) == {"w1", "w2", "w3"}
    assert known["4"]["worst_seconds"].max() == 4.0
    assert list(known["8"]["kubernetes_version"]) == ["v1.37.2"]
    assert list(known["9"]["error"]) == ["No space left on device"]
    assert known["10"].to_numpy().tolist() == [["nfs-client", "write_iops", 15, 3]]
    (lost,) = known["6"].query("lost > 0").to_numpy().tolist()
    assert lost[:4] == ["hostPath", "drain", 3, 3]
