"""What can be known to be wrong is said before anything is created, and without a traceback."""

import itertools
from pathlib import Path

import pytest
import yaml

from tasks.kubernetes import cluster as k8s
from tests.conftest import Cluster, Stormark

REFUSED = 2


def test_unknown_class(stormark: Stormark) -> None:
    """The message names the field, the class, and those that exist."""
    result = stormark("--class", "fast")
    assert result.exit_code == REFUSED
    assert result.stderr == (
        "stormark: plan field storage_classes: cluster embedded has no class fast; "
        "it has local-path, nfs-client\n"
    )


def test_unknown_namespace(stormark: Stormark) -> None:
    """The message gives the command that makes it."""
    result = stormark("--namespace", "nowhere")
    assert result.exit_code == REFUSED
    assert "plan field namespace: cluster embedded has no namespace nowhere" in result.stderr
    assert "`kubectl create namespace nowhere`" in result.stderr


def test_unknown_context(stormark: Stormark, cluster: Cluster) -> None:
    """The message names kubeconfig and context, and where to look for others."""
    result = stormark("--context", "production")
    assert result.exit_code == REFUSED
    assert str(cluster.kubeconfig) in result.stderr
    assert "'production'" in result.stderr
    assert "name one of its contexts with --context: embedded." in result.stderr


def test_missing_kubeconfig(
    stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a kubeconfig there is no cluster: the message says which file was looked for."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    result = stormark()
    assert result.exit_code == REFUSED
    assert str(tmp_path / "none") in result.stderr
    assert "Set KUBECONFIG" in result.stderr


def test_no_server(stormark: Stormark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is gone: the message names its address and what to check."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig("http://127.0.0.1:1")))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    result = stormark()
    assert result.exit_code == REFUSED
    assert "cluster 'gone' at http://127.0.0.1:1 does not answer" in result.stderr
    assert "Check that it runs" in result.stderr


def _kubeconfig(server: str) -> dict[str, object]:
    return {
        "current-context": "gone",
        "clusters": [{"name": "gone", "cluster": {"server": server}}],
        "users": [{"name": "gone", "user": {}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "gone"}}],
    }


def test_forbidden_to_look(stormark: Stormark, cluster: Cluster) -> None:
    """Without the right to read, the message has RBAC's words: verb and resource."""
    cluster.fault("get", "namespaces", 403)
    result = stormark()
    assert result.exit_code == REFUSED
    assert 'cannot get resource "namespaces"' in result.stderr
    assert "Grant that verb on that resource" in result.stderr


@pytest.mark.parametrize("answer", [500, 503, 429])
@pytest.mark.parametrize("call", [("list", "nodes"), ("get", "namespaces")])
def test_a_server_in_trouble(
    stormark: Stormark,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    call: tuple[str, str],
    answer: int,
) -> None:
    """What cannot be looked at before anything is made refuses the run, in a sentence."""
    monkeypatch.setattr(k8s, "RETRIES", k8s.RETRIES.new(total=1, backoff_factor=0))
    cluster.fault(*call, answer, times=1000)
    result = stormark()
    assert result.exit_code == REFUSED
    assert result.stderr.startswith("stormark: ")
    assert f"(HTTP {answer})" in result.stderr
    assert cluster.kinds_with_events(stormark.namespace) == set()


@pytest.mark.usefixtures("prefect_server")
def test_what_no_run_needs_refuses_none(
    stormark: Stormark, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind whose webhook is down is a warning, each of them."""
    monkeypatch.setattr(k8s, "RETRIES", k8s.RETRIES.new(total=1, backoff_factor=0))
    kinds = ["apiservices", "csidrivers", "csistoragecapacities", "limitranges", "resourcequotas"]
    kinds += ["volumesnapshotclasses"]
    for resource, answer in zip(kinds, itertools.cycle([500, 503, 429]), strict=False):
        cluster.fault("list", resource, answer, times=1000)
    cluster.fault("create", "selfsubjectaccessreviews", 500, times=1000)
    result = stormark()
    assert result.exit_code == 0, result.output
    warned = {
        row["object"]: row["seen"] for row in stormark.rows("checks") if row["check"] == "lists"
    }
    assert sorted(warned) == kinds
    assert all("not checked: listing" in seen for seen in warned.values())


def test_unknown_field(stormark: Stormark, tmp_path: Path) -> None:
    """The message names the field and those that exist."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("storage_class: local-path\n")
    result = stormark("--plan", str(plan))
    assert result.exit_code == REFUSED
    assert "plan field storage_class: there is no such field; fields are" in result.stderr
    assert "storage_classes" in result.stderr


def test_what_an_option_of_before_is_now_is_said(stormark: Stormark) -> None:
    """Scripts of nights still say it."""
    result = stormark("--repeats", "5")
    assert result.exit_code == REFUSED
    assert "plan field repeats: write `rounds: 5` in its place" in result.stderr


def test_results_not_writable(stormark: Stormark, tmp_path: Path) -> None:
    """The message names the location and how to choose another."""
    (tmp_path / "file").touch()
    results = str(tmp_path / "file" / "results")
    result = stormark("--results", results)
    assert result.exit_code == REFUSED
    assert f"results location {results!r} is not writable" in result.stderr
    assert "--results" in result.stderr


def test_fio_file_larger_than_the_volume(stormark: Stormark, tmp_path: Path) -> None:
    """Both numbers are said: what the file needs, and what the volume leaves."""
    file = tmp_path / "large.fio"
    file.write_text("[a]\nrw=write\nsize=1g\n")
    result = stormark("--fio-file", str(file))
    assert result.exit_code == REFUSED
    assert (
        "it needs 1,073,741,824 bytes, and the volume has 67,108,864 (plan field volume_size)"
        in result.stderr
    )


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        ("benchmark", "takes more than 1,200 s: 1,200 s of fio on 2 classes, 0 s of nodes held"),
        ("storms", "takes more than 1,000 s: 0 s of fio on 2 classes, 1,000 s of nodes held"),
        ("nightly", "takes more than 2,200 s: 1,200 s of fio on 2 classes, 1,000 s of nodes held"),
    ],
)
def test_a_plan_that_takes_longer_than_a_run_may(
    stormark: Stormark, cluster: Cluster, tmp_path: Path, flow: str, words: str
) -> None:
    """Its Jobs would be ended, and the run reaped, while it measures."""
    times = {"profile": "quick", "ramp_seconds": 20, "runtime_seconds": 30}
    fields = {"hold_seconds": 500, "storms": ["pod-kill", "drain"], "storm_rounds": 2}
    plan = tmp_path / "plan.yaml"
    plan.write_text(yaml.safe_dump(fields | times | {"run_limit_seconds": 999}))
    classes = ("--class", "local-path", "--class", "nfs-client")
    result = stormark(*classes, "--flow", flow, "--plan", str(plan), "--rounds", "3")
    assert result.exit_code == REFUSED
    assert "plan field run_limit_seconds: a run may take 999 s, and this one" in result.stderr
    assert words in result.stderr
    assert "lower rounds, runtime_seconds, ramp_seconds, hold_seconds or" in result.stderr
    assert cluster.kinds_with_events(stormark.namespace) == set()


def test_fio_file_that_is_missing(stormark: Stormark, tmp_path: Path) -> None:
    """The message names the path that was looked for."""
    result = stormark("--fio-file", str(tmp_path / "none.fio"))
    assert result.exit_code == REFUSED
    assert f"fio file {tmp_path}/none.fio cannot be read" in result.stderr


def test_a_fio_file_that_can_mean_nothing_on_a_volume(
    stormark: Stormark, cluster: Cluster, tmp_path: Path
) -> None:
    """It is refused with every reason before a volume is made, once fio has read it."""
    file = tmp_path / "none.fio"
    file.write_text("[a]\nioengine=null\nsize=1m\n[b]\nsize=100g\n")
    result = stormark("--fio-file", str(file))
    assert result.exit_code == REFUSED
    assert (
        "job a: engine null does no I/O on a volume's files; it needs 107,374,182,400 bytes, and"
        in result.stderr
    )
    assert "PersistentVolumeClaim" not in cluster.kinds_with_events(stormark.namespace)


def test_a_variable_that_is_not_set(stormark: Stormark, cluster: Cluster, tmp_path: Path) -> None:
    """It is named with its line, before anything is made."""
    file = tmp_path / "variable.fio"
    file.write_text("[a]\nsize=${SIZE}\n")
    result = stormark("--fio-file", str(file))
    assert result.exit_code == REFUSED
    assert "fio file: line 2: size=${SIZE}: fio_env of the plan has no SIZE" in result.stderr
    assert cluster.kinds_with_events(stormark.namespace) == set()
