"""fio job files: what stormark adds to them, what it refuses, and that fio takes the result."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from tasks.plan.job_file import Job, Workload, _sizes, job_seconds, prepare, profile_text
from tasks.plan.plan import Plan, PlanError, Profile, VolumeMode
from tests.tasks.sample import figures

DATA = Path(__file__).parents[1] / "data" / "fio"
PROFILES: tuple[Profile, ...] = get_args(Profile)
MODES: tuple[VolumeMode, ...] = get_args(VolumeMode)
MIB = 2**20
every_profile = pytest.mark.parametrize("profile", PROFILES)
every_mode = pytest.mark.parametrize("mode", MODES)


def names(workload: Workload) -> list[list[str]]:
    return [[job.name for job in group] for group in workload.groups]


def _short(text: str) -> str:
    """The same jobs, a moment each: untimed etcd_fdatasync writes 1 MB in place of 22."""
    text = text.replace("runtime=1\n", "runtime=200ms\n")
    return re.sub(r"(\[etcd_fdatasync](?:\n\S+)*\nsize=)\d+", r"\g<1>1000000", text)


def fio(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real fio in a folder that is laid out as a pod sees it."""
    assert shutil.which("fio"), "these tests need fio: apt-get install fio"
    for name in ("volume", "dev"):
        (folder / name).mkdir(exist_ok=True)
    environment = os.environ | {"STORMARK_ENGINE": "psync"}
    return subprocess.run(
        ["fio", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@every_profile
@every_mode
def test_a_profile_is_completed_as_recorded(profile: Profile, mode: VolumeMode) -> None:
    """What runs in a cluster is this text, to the letter."""
    text = prepare(Plan(profile=profile, volume_mode=mode)).text
    assert text == (DATA / f"{profile}-{mode}.fio").read_text()


@every_profile
@every_mode
def test_fio_accepts_a_completed_profile(
    tmp_path: Path, profile: Profile, mode: VolumeMode
) -> None:
    """The real fio parses it without a word."""
    (tmp_path / "job.fio").write_text(prepare(Plan(profile=profile, volume_mode=mode)).text)
    parsed = fio(tmp_path, "--parse-only", "job.fio")
    assert (parsed.returncode, parsed.stderr) == (0, "")


@every_profile
@every_mode
def test_fio_runs_a_completed_profile(tmp_path: Path, profile: Profile, mode: VolumeMode) -> None:
    """Every job of every profile gives figures; a plain file stands for the device."""
    plan = Plan(
        profile=profile, volume_mode=mode, volume_size="64Mi", runtime_seconds=1, ramp_seconds=0
    )
    workload = prepare(plan)
    for number, group in enumerate(workload.groups, 1):
        output = tmp_path / f"{number}.json"
        (tmp_path / "job.fio").write_text(_short(workload.files[f"{number}.fio"]))
        ended = fio(tmp_path, "--output-format=json", f"--output={output}", "job.fio")
        assert (ended.returncode, ended.stderr) == (0, "")
        for row in figures(output.read_text(), group).values():
            assert row["iops"] > 0
            assert row["bandwidth_bytes_per_second"] >= row["iops"] * row["block_size_bytes"] * 0.9
            assert row["runtime_seconds"] > 0


def test_jobs_with_stonewall_run_one_at_a_time() -> None:
    """Of standard twelve groups of one, the harsher ones later; kubestr's is one of four."""
    assert names(prepare(Plan(profile="standard"))) == [
        ["read_latency"],
        ["write_latency"],
        ["paced_4k"],
        ["commit_8k"],
        ["etcd_fdatasync"],
        ["read_iops"],
        ["read_bw"],
        ["seq_read"],
        ["mixed_read70"],
        ["write_iops"],
        ["write_bw"],
        ["seq_write"],
    ]
    assert names(prepare(Plan(profile="kubestr"))) == [
        ["read_iops", "write_iops", "read_bw", "write_bw"]
    ]


def test_a_profile_shares_one_file_that_fills_the_usable_volume() -> None:
    """80 % of the volume, in whole MiB, written full before the first job."""
    workload = prepare(Plan(profile="quick", volume_size="1Gi"))
    assert workload.layout == {"volume/stormark.dat": 819 * MIB}
    assert set(workload.sizes.values()) == {819 * MIB}
    assert workload.needed_bytes == 819 * MIB


def test_a_file_that_is_removed_is_left_to_fio() -> None:
    """Each job has a file of its own, which stormark does not write, but counts."""
    workload = prepare(Plan(profile="wal"))
    assert workload.layout == {}
    assert workload.needed_bytes == sum(workload.sizes.values()) == (22 + 64 + 64) * MIB
    assert "filename=volume/stormark.dat.etcd_fdatasync\n" in workload.text


def test_one_job_with_a_file_of_its_own_leaves_the_others_the_rest() -> None:
    """etcd's 22 MiB are new; what remains of 80 % of the volume is written full."""
    workload = prepare(Plan(profile="standard", volume_size="1Gi"))
    assert workload.layout == {"volume/stormark.dat": (819 - 22) * MIB}
    assert workload.sizes["etcd_fdatasync"] == 22 * MIB
    assert workload.sizes["commit_8k"] == workload.sizes["read_iops"] == (819 - 22) * MIB
    assert workload.needed_bytes == 819 * MIB


def test_a_timed_log_overwrites_what_is_there() -> None:
    """Else a slow class is measured at first writes alone; etcd's own check is such."""
    jobs = {job.name: job for job in prepare(Plan(profile="wal")).jobs}
    assert jobs["wal_8k_fdatasync"].flag("overwrite")
    assert jobs["wal_4k_direct"].flag("overwrite")
    assert not jobs["etcd_fdatasync"].flag("overwrite")


def test_a_device_is_always_written_full() -> None:
    """fio lays out files but no devices: unwritten blocks would be read from nowhere."""
    workload = prepare(Plan(profile="kubestr", volume_mode="Block", volume_size="4Gi"))
    assert workload.layout == {"dev/stormark": 2048 * MIB}


def test_a_profile_shrinks_where_it_does_not_fit() -> None:
    """kubestr's four files of 2 GiB become four even shares of 80 % of 1 GiB."""
    workload = prepare(Plan(profile="kubestr", volume_size="1Gi"))
    assert set(workload.sizes.values()) == {204 * MIB}
    assert workload.needed_bytes == 4 * 204 * MIB


def test_a_profile_keeps_its_sizes_where_they_fit() -> None:
    """Nothing grows to fill the volume if the profile says how large it is."""
    sizes = prepare(Plan(profile="kubestr", volume_size="16Gi")).sizes
    assert set(sizes.values()) == {2048 * MIB}


@every_profile
def test_a_profile_says_what_it_is_for(profile: Profile) -> None:
    """The first line of a job file is for the person who opens it."""
    assert profile_text(profile).startswith("; ")


def test_times_of_the_plan_take_the_place_of_a_profile_s() -> None:
    """Those of timed jobs alone."""
    workload = prepare(Plan(profile="wal", runtime_seconds=3, ramp_seconds=0))
    assert [job_seconds(job) for job in workload.jobs] == [0.0, 3.0, 3.0]
    assert workload.seconds() == 6.0


def test_a_volume_that_is_too_small_for_a_profile_s_files_is_refused() -> None:
    with pytest.raises(PlanError, match="plan field volume_size: 64Mi is too small for 100 files"):
        _sizes([Job("a", {}, {})], {f"{n}": f"{n}" for n in range(100)}, Plan(volume_size="64Mi"))
