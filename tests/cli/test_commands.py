"""The commands beside `run`."""

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from stormark import app
from tasks.plan.plan import Plan
from tests.conftest import Cluster, Stormark
from tests.flows.server import free_port
from tests.reports.sample import RUN_ID, STARTED, write_run
from tests.reports.storm_sample import write_storms

LATER = "20261124-180000-d4e5f6"
LONG_AGO = "20201123-180000-a1b2c3"


def test_plan_prints_every_field(stormark: Stormark) -> None:
    """What it prints is a plan file, and the default plan."""
    result = stormark.command("plan")
    assert result.exit_code == 0
    assert Plan.model_validate(yaml.safe_load(result.stdout)) == Plan()
    assert set(yaml.safe_load(result.stdout)) == set(Plan.model_fields)


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in get_command(app).commands)],  # type: ignore[attr-defined]
    ids=lambda command: "".join(command) or "stormark",
)
def test_help_has_examples(stormark: Stormark, command: list[str]) -> None:
    """Ready to be typed: each option that they name is the command's."""
    told = " ".join(stormark.command(*command, "--help").stdout.split())
    options, _, examples = told.partition("Example")
    assert f"stormark {' '.join(command)}".strip() in examples
    if command:
        assert set(re.findall(r"--[a-z-]+", examples)) <= set(re.findall(r"--[a-z-]+", options))


def test_report_is_rendered_again(stormark: Stormark, tmp_path: Path) -> None:
    """The Parquet files are enough."""
    location = write_run(tmp_path, {"local-path": 1.0, "nfs-client": 0.8})
    result = stormark.command("report", RUN_ID, "--results", location)
    assert result.exit_code == 0
    assert f"report: {location}/reports/{RUN_ID}.md" in result.stdout
    assert "nfs-client" in (tmp_path / "reports" / f"{RUN_ID}.md").read_text()


@pytest.mark.parametrize("folder", ["[red]x", "[/x]"])
def test_brackets_in_a_location_are_no_markup(
    stormark: Stormark, tmp_path: Path, folder: str
) -> None:
    """Its path is printed as it is."""
    location = write_run(tmp_path / folder, {"local-path": 1.0})
    result = stormark.command("report", RUN_ID, "--results", location)
    assert result.exit_code == 0
    assert f"report: {location}/reports/{RUN_ID}.md" in result.stdout


def test_report_of_an_unknown_run(stormark: Stormark, tmp_path: Path) -> None:
    """The message names the run and the place that was looked at."""
    result = stormark.command("report", "20200101-000000-abcdef", "--results", str(tmp_path))
    assert result.exit_code == 2
    assert "20200101-000000-abcdef" in result.stderr
    assert str(tmp_path) in result.stderr


def test_runs_are_listed_newest_first(stormark: Stormark, tmp_path: Path) -> None:
    """For people with whole ids, to type them; for machines as JSON."""
    location = write_run(tmp_path, {"local-path": 1.0})
    later = {"run_id": LATER, "started_at": STARTED + timedelta(days=1)}
    write_run(tmp_path, {"local-path": 1.0}, run_id=LATER, facts=later)
    listed = stormark.command("runs", "--results", location)
    words = listed.stdout.split()
    assert [word for word in words if word in {LATER, RUN_ID}] == [LATER, RUN_ID]
    (newest,) = json.loads(
        stormark.command("runs", "--results", location, "--last", "1", "--output", "json").stdout
    )
    assert (newest["run"], newest["outcome"], newest["cells"]) == (LATER, "complete", "12 of 12")
    assert newest["classes"] == "local-path"


def test_months_are_put_together(stormark: Stormark, tmp_path: Path) -> None:
    """What was done is said, and what was left alone ends it with 1."""
    location = write_run(
        tmp_path,
        {"local-path": 1.0},
        run_id=LONG_AGO,
        facts={"started_at": STARTED.replace(year=2020)},
    )
    done = stormark.command("compact", "--results", location)
    assert (done.exit_code, re.findall(r"2020-11: (\d) files", done.stdout)) == (0, ["4"])
    assert (
        f"{tmp_path}: nothing to put together"
        in (again := stormark.command("compact", "--results", location)).stdout
    )
    assert again.exit_code == 0
    assert LONG_AGO in stormark.command("runs", "--results", location).stdout
    damaged = tmp_path / "fio" / "date=2020-11-23" / f"{LONG_AGO}.parquet"
    damaged.write_bytes(b"no parquet")
    left = stormark.command("compact", "--results", location)
    assert left.exit_code == 1
    assert f"{damaged} is left alone" in left.stdout


def test_a_run_is_a_line_however_many_classes_it_has(stormark: Stormark, tmp_path: Path) -> None:
    """At 80 columns: names are cut, but neither the id nor how it ended."""
    location = write_run(tmp_path, {f"a-class-with-a-name-{n}": 1.0 for n in range(20)})
    header, line = stormark.command("runs", "--results", location).stdout.splitlines()
    assert header.split()[0] == "run"
    assert line.startswith(RUN_ID)
    assert line.rstrip().endswith("complete")


def test_runs_where_there_is_none(stormark: Stormark, tmp_path: Path) -> None:
    result = stormark.command("runs", "--results", str(tmp_path))
    assert result.exit_code == 2
    assert f"{tmp_path} holds no run" in result.stderr


def test_two_runs_are_compared(stormark: Stormark, tmp_path: Path) -> None:
    """The table of each class is printed, and the report says where it is."""
    location = write_run(tmp_path, {"local-path": 1.0})
    write_run(tmp_path, {"local-path": 0.5}, run_id=LATER, facts={"run_id": LATER})
    result = stormark.command("compare", RUN_ID, LATER, "--results", location)
    assert result.exit_code == 0
    assert "0.50×" in result.stdout
    assert f"report: {location}/reports/{RUN_ID}-and-{LATER}.md" in result.stdout
    assert stormark.command("compare", RUN_ID, RUN_ID, "--results", location).exit_code == 2


def test_classes_are_compared_over_nights(stormark: Stormark, tmp_path: Path) -> None:
    """Their table is printed; runs and --last at once, or neither, are refused."""
    location = str(tmp_path)
    for night in range(3):
        started = {"started_at": STARTED + timedelta(days=night)}
        speeds = {"local-path": 1.0 + night, "slow": 0.5 + night / 2}
        write_run(location, speeds, rounds=1, run_id=f"night-{night}", facts=started)
    result = stormark.command("compare", "--last", "28", "--results", location)
    assert result.exit_code == 0
    assert "0.50× [0.50× – 0.50×]" in result.stdout
    assert f"report: {location}/reports/last-3-until-night-2.md" in result.stdout
    for wrong in (["compare"], ["compare", "night-0", "night-1", "--last", "2"]):
        refused = stormark.command(*wrong, "--results", location)
        assert refused.exit_code == 2
        assert "give either two runs or more, or --last N" in refused.stderr


def test_storms_of_two_runs_are_compared(stormark: Stormark, tmp_path: Path) -> None:
    """Verdicts side by side, also in the terminal."""
    location = write_storms(tmp_path)
    for file in tmp_path.rglob(f"{RUN_ID}.parquet"):
        shutil.copy(file, file.with_stem(LATER))
    result = stormark.command("compare", RUN_ID, LATER, "--results", location)
    assert result.exit_code == 0
    assert "LOST" in result.stdout.partition("survival")[2]


NOT_READY = "ended with status 3 before it was ready; see its messages above"


@pytest.mark.parametrize(
    ("command", "program", "words"),
    [
        ("demo", "exit 3", NOT_READY),
        ("up", "exit 3", NOT_READY),
        ("demo", "echo nowhere; exec sleep 60", "it did not end within 0 s and was killed"),
    ],
)
def test_an_embedded_cluster_that_fails(
    stormark: Stormark, monkeypatch: pytest.MonkeyPatch, command: str, program: str, words: str
) -> None:
    """It is told in a sentence, without a traceback."""
    folder = stormark.fio_file.parent
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr("embedded.cluster.sys.executable", str(python))
    monkeypatch.setattr("embedded.cluster.STOP_SECONDS", 0.1)
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.chdir(folder)
    result = stormark.command(command, *(["--port", str(free_port())] if command == "up" else []))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("stormark: embedded cluster: ")
    assert words in result.stderr


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_reap_of_a_clean_namespace(stormark: Stormark, option: list[str]) -> None:
    """There is nothing to do, and it says so."""
    result = stormark.command("reap", "--namespace", stormark.namespace, *option)
    assert (result.exit_code, result.stdout) == (0, "nothing to release\n")


def test_reap_leaves_alone_what_is_not_stormark_s(stormark: Stormark, cluster: Cluster) -> None:
    """Labels decide, not names."""
    name = "stormark-20200101-000000-abcdef"
    cluster.core.create_namespaced_config_map(stormark.namespace, {"metadata": {"name": name}})
    result = stormark.command("reap", "--namespace", stormark.namespace)
    assert result.stdout == "nothing to release\n"
    cluster.core.delete_namespaced_config_map(name, stormark.namespace)


@pytest.mark.usefixtures("nobody_lives")
def test_reap_releases_a_dead_run(stormark: Stormark, cluster: Cluster) -> None:
    """A dry run only names what would go."""
    run_id = "20200101-000000-abcdef"
    labels = {"app.kubernetes.io/managed-by": "stormark", "stormark/run": run_id}
    metadata = {"name": f"stormark-{run_id}", "labels": labels}
    cluster.core.create_namespaced_config_map(stormark.namespace, {"metadata": metadata})
    reap = ("reap", "--namespace", stormark.namespace)
    would = stormark.command(*reap, "--dry-run")
    assert would.stdout.startswith(f"would release run {run_id}, dead")
    assert f"ConfigMap/stormark-{run_id}" in would.stdout
    assert cluster.left_in(stormark.namespace) == [f"configmap stormark-{run_id}"]
    assert stormark.command(*reap).stdout.startswith(f"released run {run_id}, dead")


@pytest.mark.usefixtures("nobody_lives")
def test_reap_works_where_its_plan_does(
    stormark: Stormark, cluster: Cluster, tmp_path: Path
) -> None:
    """The advice `reap --plan PLAN` holds for any plan; an option still goes before it."""
    labels = {"app.kubernetes.io/managed-by": "stormark", "stormark/run": "20200101-000000-abcdef"}
    metadata = {"name": "stormark-20200101-000000-abcdef", "labels": labels}
    cluster.core.create_namespaced_config_map(stormark.namespace, {"metadata": metadata})
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"namespace: {stormark.namespace}\n")
    elsewhere = stormark.command("reap", "--plan", str(plan), "--namespace", "default", "--dry-run")
    assert "20200101-000000-abcdef" not in elsewhere.stdout
    released = stormark.command("reap", "--plan", str(plan))
    assert released.stdout.startswith("released run 20200101-000000-abcdef, dead")


@pytest.mark.usefixtures("nobody_lives")
def test_reap_of_a_run_that_cannot_be_released(stormark: Stormark, cluster: Cluster) -> None:
    """It is a failure, whatever else was released."""
    run_id = "20200101-000000-abcdef"
    labels = {"app.kubernetes.io/managed-by": "stormark", "stormark/run": run_id}
    metadata = {"name": f"stormark-{run_id}", "labels": labels}
    cluster.core.create_namespaced_config_map(stormark.namespace, {"metadata": metadata})
    cluster.fault("delete", "configmaps", 403)
    reap = ("reap", "--namespace", stormark.namespace)
    failed = stormark.command(*reap)
    assert failed.exit_code == 1
    assert f"run {run_id}, dead: it no longer renews its Lease: not released" in failed.stderr
    assert stormark.command(*reap).exit_code == 0


def test_reap_in_a_namespace_that_does_not_exist(stormark: Stormark) -> None:
    """A slip in a schedule is told, and not taken for a clean cluster."""
    result = stormark.command("reap", "--namespace", "nowhere")
    assert result.exit_code == 2
    assert "has no namespace nowhere" in result.stderr


def test_reap_without_a_cluster(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused as a run would be."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    result = stormark.command("reap")
    assert result.exit_code == 2
    assert str(tmp_path / "none") in result.stderr
