"""Rights in one namespace alone: no list of nodes, classes or PVs, nor a look at one of them."""

import pytest

from tests.conftest import Cluster, Stormark

pytestmark = pytest.mark.usefixtures("prefect_server")
OK, REFUSED = 0, 2
ALWAYS = 10**6


@pytest.fixture
def alone(cluster: Cluster) -> None:
    for resource in ("nodes", "storageclasses", "persistentvolumes"):
        for verb in ("list", "get", "watch"):
            cluster.fault(verb, resource, 403, times=ALWAYS)


@pytest.mark.usefixtures("alone")
def test_a_class_that_is_named_is_measured(stormark: Stormark) -> None:
    """What could not be looked at is empty, and said; the namespace is left as it was."""
    result = stormark()
    assert result.exit_code == OK, result.output
    assert {row["status"] for row in stormark.rows("fio")} == {"measured"}
    volume, storage_class = stormark.row("volumes"), stormark.row("classes")
    assert volume["pv"]
    assert (volume["pv_type"], volume["node_affinity"]) == (None, None)
    assert storage_class["provisioner"] is None
    warned = {
        row["object"]: row["seen"] for row in stormark.rows("checks") if row["status"] == "warn"
    }
    assert warned["all nodes"].startswith("may not list nodes")
    report = next((stormark.results / "reports").glob("2*.md")).read_text()
    assert "may not list nodes" in report
    (run,) = stormark.rows("runs")
    assert "no node was looked at" in " ".join(run["warnings"])


@pytest.mark.usefixtures("alone")
def test_every_class_needs_the_right_to_list_them(stormark: Stormark) -> None:
    """The twin: without names there is nothing to begin with."""
    result = stormark.command(
        "run", "--namespace", stormark.namespace, "--results", str(stormark.results)
    )
    assert result.exit_code == REFUSED
    assert 'cannot list resource "storageclasses"' in result.stderr
