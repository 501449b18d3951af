"""What a power cut proves, with its controls: on the testbed, which can cut the power of a node.

"Kept" says something of a class only where a storm can lose records at all: a writer that does not
fsync must lose them on every disk, and each writer on a disk that lies.
"""

import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from reports.data.load import load
from reports.data.proof import Fsync, pooled, proofs
from tasks.kubernetes.manifest import script
from tests.real.marks import BREAKS_NODES
from tests.storms.ground import Ground, storm_rows, wait_for_cold

TESTBED = f"{sys.executable} -m testbed"
POWER, PROCESSES = "stop-node", "kill-node"
HONEST = ["local-path", "gp3-like", "sized"]
FOLDERS = ["emptyDir", "hostPath-pinned", "local"]
LYING = "lying"
ATTACHED = "csi-block"  # where the testbed has it

pytestmark = BREAKS_NODES


@pytest.fixture(scope="module")
def honest(admin: client.ApiClient) -> list[str]:
    """The classes whose fsync is true, of those that are there."""
    classes: Any = client.StorageV1Api(admin)
    there = classes.list_storage_class().items
    return [name for name in [*HONEST, ATTACHED] if name in {c.metadata.name for c in there}]


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault meets what was made durable long before."""
    wait_for_cold(monkeypatch)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual writer, but that of its file it makes the name durable alone, and of pages nothing.

    What it writes once is made durable as ever.
    """
    usual, record = script("writer.sh"), "dd bs=512 conv=fsync 2>scratch/stderr"
    page, begin = "conv=notrunc,fsync", "\nnumber=0 "
    assert usual.count(record) == usual.count(page) == usual.count(begin) == 1
    named = f'\ndd conv=fsync if=/dev/null of="$file" 2>/dev/null{begin}'
    unsynced = usual.replace(record, "dd bs=512 2>scratch/stderr").replace(begin, named)
    unsynced = unsynced.replace(page, "conv=notrunc")
    texts = {"writer.sh": unsynced}
    monkeypatch.setattr("tasks.lifecycle.run.script", lambda name: texts.get(name) or script(name))


def kept(
    ground: Ground, results: Path, fault: str, classes: list[str]
) -> tuple[dict[str, bool], dict[str, Fsync]]:
    """By volume whether all that was acknowledged is there after a fault of one node.

    And by class what the report says of its fsync. Records and pages are lost together. What is
    cold is whole but where fsync lies: there it is what the kernel wrote by itself until then.
    """
    known = ground.run_storms(
        results,
        storage_classes=classes,
        storms=["node-crash"],
        storm_volumes=["storage-classes", *FOLDERS],
        storm_nodes="kubernetes.io/hostname=w2",  # one event for all
        node_fault={"down": f"{TESTBED} {fault} {{node}}", "up": f"{TESTBED} start-node {{node}}"},
        hold_seconds=5,
        recovery_limit_seconds=300,
    )
    assert [row["error"] for row in storm_rows(known) if row["status"] != "measured"] == []
    run = load(str(results), known.run.run_id)
    proved = {name: one.fsync for name, one in proofs(pooled(str(results), run)).items()}
    found = {row["volume"]: row["kept"] for row in run.storms}
    assert {row["volume"]: row["lost_records"] == 0 for row in run.storms} == found
    assert {row["volume"]: row["pages_lost"] == 0 for row in run.storms} == found
    damaged = {row["volume"]: row["cold_damaged"] for row in run.storms}
    assert None not in damaged.values()
    assert damaged | {LYING: False} == dict.fromkeys(damaged, False)
    assert min(row["pages_written"] for row in run.storms) >= 8
    return found, proved


def test_the_usual_writer_keeps_its_records_where_fsync_is_true(
    ground: Ground, honest: list[str], tmp_path: Path
) -> None:
    """And loses them where it is not, in the same power cut."""
    found, fsync = kept(ground, tmp_path, POWER, [*honest, LYING])
    assert found == dict.fromkeys([*honest, *FOLDERS], True) | {LYING: False}
    assert fsync == dict.fromkeys(honest, Fsync.PROVED) | {LYING: Fsync.REFUTED}


@pytest.mark.usefixtures("careless")
def test_a_writer_without_fsync_loses_records_everywhere(
    ground: Ground, honest: list[str], tmp_path: Path
) -> None:
    """The negative control of each "kept": else a power cut here would be none."""
    found, fsync = kept(ground, tmp_path, POWER, [*honest, LYING])
    assert found == dict.fromkeys([*honest, LYING, *FOLDERS], False)
    assert fsync == dict.fromkeys([*honest, LYING], Fsync.REFUTED)


@pytest.mark.usefixtures("careless")
def test_a_process_fault_proves_nothing_of_fsync(
    ground: Ground, honest: list[str], tmp_path: Path
) -> None:
    """Its twin: where the kernel lives on, nobody loses a record, also on a disk that lies."""
    found, fsync = kept(ground, tmp_path, PROCESSES, [*honest, LYING])
    assert found == dict.fromkeys([*honest, LYING, *FOLDERS], True)
    assert fsync == dict.fromkeys([*honest, LYING], Fsync.NOT_PROVED)
