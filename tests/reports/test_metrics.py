"""The last night as metrics: what Prometheus reads is what Parquet holds."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result

from stormark import app
from tests.reports.sample import LAB, RUN_ID, STARTED, WAL, write_run
from tests.reports.storm_sample import storm_row, write_storm_tables
from tests.reports.test_history import levels, write_nights

DASHBOARD = Path(__file__).parent.parent.parent / "docs" / "grafana.json"
OF_CELL = {"cluster": "kind-prod", "storage_class": "gp3", "what": "read_iops", "figure": "IOPS"}
OF_STORM = {"cluster": "kind-prod", "volume": "gp3", "what": "pod-delete"}


def metrics(location: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["metrics", "--results", location, *options])


def value(text: str, name: str, labels: dict[str, str]) -> float | None:
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize("kept", [True, False])
def test_the_last_night_is_what_is_read(tmp_path: Path, kept: bool) -> None:
    location = write_nights(
        tmp_path, [1000.0, 3000.0], storm=lambda night: {"kept": kept or not night}
    )
    text = metrics(location).stdout
    assert value(text, "stormark_iops", OF_CELL) == pytest.approx(3000)
    assert value(text, "stormark_kept", OF_STORM) == kept
    assert value(text, "stormark_night_worse", {"cluster": "kind-prod"}) == (not kept)
    assert value(text, "stormark_recovery_seconds", {
        "cluster": "kind-prod", "storage_class": "gp3", "what": "pod-delete", "figure": "recovery",
    }) == pytest.approx(2.0)  # fmt: skip


def test_a_figure_that_the_night_lacks_is_left_out(tmp_path: Path) -> None:
    """The last one known is not sent again as tonight's."""
    failed = lambda night: {"status": "failed", "iops": None} if night else {}  # noqa: E731
    text = metrics(write_nights(tmp_path, levels((2, 1.0)), fio=failed)).stdout
    assert value(text, "stormark_iops", OF_CELL) is None
    assert value(text, "stormark_failed", OF_STORM | {"what": "read_iops"}) == 1
    assert value(text, "stormark_failed", OF_STORM) == 0


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    location, file = write_nights(tmp_path / "results", [1000.0]), tmp_path / "stormark.prom"
    file.write_text("of the night before")
    assert metrics(location, "--file", str(file)).exit_code == 0
    assert file.read_text() == metrics(location).stdout
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["stormark.prom"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    location = write_nights(tmp_path, [1000.0])
    refused = metrics(location, "--file", str(tmp_path / "nowhere" / "x.prom"))
    assert refused.exit_code == 2
    assert "x.prom cannot be written: " in refused.stderr


def unknown(dashboard: str, text: str) -> set[str]:
    """What a dashboard asks for, as a metric or as a metric with a label, that nobody sends."""
    sent = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    targets = [target for panel in json.loads(dashboard)["panels"] for target in panel["targets"]]
    assert targets
    asked = {
        (name, label)
        for target in targets
        for name in re.findall(r"stormark_\w+", target["expr"])
        for label in re.findall(r"[{,](\w+)=", target["expr"])
        + re.findall(r"{{(\w+)}}", target["legendFormat"])
    }
    return {f"{name} by {label}" for name, label in asked if label not in sent.get(name, ())}


def test_the_dashboard_asks_for_what_is_sent(tmp_path: Path) -> None:
    write_storm_tables(str(tmp_path), RUN_ID, STARTED, [storm_row("local-path", "pod-delete", 1)])
    write_run(tmp_path, {"local-path": 1.0}, jobs=LAB | WAL, facts={"flow": "nightly"})
    text = metrics(str(tmp_path)).stdout
    dashboard = DASHBOARD.read_text()
    assert unknown(dashboard, text) == set()
    assert unknown(dashboard.replace("stormark_kept", "stormark_held"), text) == {
        "stormark_held by cluster"
    }
    assert unknown(dashboard.replace("{{storage_class}}", "{{class}}"), text) != set()
