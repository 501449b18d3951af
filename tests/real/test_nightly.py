"""A night on a real cluster, by command line, with the rights of `manifests/rbac.yaml`.

It measures a class whose device the kernel holds to its limits: what stormark reports is those.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from reports.limits import limits_of
from reports.run import Run, load
from tasks import labels
from tests.real.account import granted, shipped

CLASS, WITHIN = "gp3-like", 0.02


@pytest.fixture(scope="module")
def night(
    admin: client.ApiClient, image: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, str, list[str]]:
    """The run as its Parquet has it, its report, and the pods and PVCs that it left."""
    classes = client.StorageV1Api(admin).list_storage_class(field_selector=f"metadata.name={CLASS}")
    if not classes.items:
        pytest.skip(f"this cluster has no class {CLASS}: `make e2e` without KUBECONFIG makes one")
    folder = tmp_path_factory.mktemp("night")
    with granted(admin, shipped(), folder) as kubeconfig:
        plan = {
            "storage_classes": [CLASS],
            "profile": "standard",
            "repeats": 3,
            "runtime_seconds": 5,
            "volume_size": "1Gi",
            "namespace": kubeconfig.stem,
            "storms": ["container-restart", "pod-kill", "drain"],
            "storm_volumes": ["emptyDir", "storage-classes"],
            "hold_seconds": 5,
            "image": image,
            "results": str(folder),
        }
        (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
        command = [str(Path(sys.executable).with_name("stormark")), "run", "--flow", "nightly"]
        ended = subprocess.run(
            [*command, "--plan", str(folder / "plan.yaml")],
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        core = client.CoreV1Api(admin)
        left = [
            item.metadata.name
            for kind in ("pod", "persistent_volume_claim", "config_map")
            for item in getattr(core, f"list_namespaced_{kind}")(
                kubeconfig.stem, label_selector=labels.selector()
            ).items
        ]
    (file,) = (folder / "runs").rglob("*.parquet")
    return load(str(folder), file.stem), (folder / "reports/latest.md").read_text(), left


def test_standard_reports_what_the_kernel_allows(night: tuple[Run, str, list[str]]) -> None:
    """3,000 IOPS and 125 MiB/s, a direction, within 2 %.

    The best repeat counts: the kernel's limit is an upper one, and the disk below may stall.
    """
    run, report, _ = night
    (storage_class,) = run.classes
    limits = limits_of(storage_class)
    for direction in ("read", "write"):
        iops = best(run, f"{direction}_iops", "iops")
        assert iops == pytest.approx(limits["iops"], rel=WITHIN)
        bandwidth = best(run, f"{direction}_bw", "bandwidth_bytes_per_second")
        assert bandwidth == pytest.approx(limits["throughput"], rel=WITHIN)
    assert f"- {CLASS} is limited to 3,000 IOPS and 125 MiB/s: read" in report


def best(run: Run, job: str, figure: str) -> float:
    """The highest figure of a job's repeats."""
    figures: list[float] = [row[figure] for row in run.fio if row["job"] == job]
    return max(figures)


def test_all_was_measured_and_nothing_is_left(night: tuple[Run, str, list[str]]) -> None:
    run, _, left = night
    assert {row["status"] for row in [*run.fio, *run.storms]} == {"measured"}
    kept = {(row["volume"], row["storm"]): row["kept"] for row in run.storms}
    assert kept == {
        ("emptyDir", "container-restart"): True,
        ("emptyDir", "pod-kill"): False,
        ("emptyDir", "drain"): False,
        (CLASS, "container-restart"): True,
        (CLASS, "pod-kill"): True,
        (CLASS, "drain"): True,
    }
    assert left == []
