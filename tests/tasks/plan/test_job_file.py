"""fio job files: what stormark adds to them, what it refuses, and that fio takes the result."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from tasks.plan.job_file import Workload, fio_bytes, job_seconds, prepare, profile_text
from tasks.plan.plan import Plan, PlanError, Profile, VolumeMode
from tasks.speed import fio_output

DATA = Path(__file__).parents[1] / "data" / "fio"
PROFILES: tuple[Profile, ...] = get_args(Profile)
MODES: tuple[VolumeMode, ...] = get_args(VolumeMode)
MIB = 2**20
every_profile = pytest.mark.parametrize("profile", PROFILES)
every_mode = pytest.mark.parametrize("mode", MODES)


def own(text: str, size: str = "1Gi", mode: VolumeMode = "Filesystem") -> Workload:
    """The workload of a user's own file."""
    return prepare(Plan(fio_file=text, volume_size=size, volume_mode=mode))


def names(workload: Workload) -> list[list[str]]:
    return [[job.name for job in group] for group in workload.groups]


def _short(text: str) -> str:
    """The same jobs, a moment each: untimed etcd_fdatasync writes 1 MB in place of 22."""
    text = text.replace("runtime=1\n", "runtime=200ms\n")
    return re.sub(r"(\[etcd_fdatasync]\nfilename=\S+\nsize=)\d+", r"\g<1>1000000", text)


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
    (tmp_path / "job.fio").write_text(_short(workload.text))
    for number, group in enumerate(workload.groups):
        output = tmp_path / f"{number}.json"
        sections = [f"--section={job.name}" for job in group]
        ended = fio(tmp_path, *sections, "--output-format=json", f"--output={output}", "job.fio")
        assert (ended.returncode, ended.stderr) == (0, "")
        for row in fio_output.rows(output.read_text(), group).values():
            assert row["iops"] > 0
            assert row["bandwidth_bytes_per_second"] >= row["iops"] * row["block_size_bytes"] * 0.9
            assert row["runtime_seconds"] > 0


def test_jobs_with_stonewall_run_one_at_a_time() -> None:
    """The standard profile is nine groups of one; kubestr's is one of four."""
    assert names(prepare(Plan(profile="standard"))) == [
        ["read_iops"],
        ["write_iops"],
        ["read_bw"],
        ["write_bw"],
        ["seq_read"],
        ["seq_write"],
        ["read_latency"],
        ["write_latency"],
        ["mixed_read70"],
    ]
    assert names(prepare(Plan(profile="kubestr"))) == [
        ["read_iops", "write_iops", "read_bw", "write_bw"]
    ]


@pytest.mark.parametrize("wall", ["stonewall", "wait_for_previous"])
def test_a_wall_by_either_name_begins_a_group(wall: str) -> None:
    """fio has two names for it; in [global] it holds for every job."""
    assert names(own(f"[a]\n[b]\n{wall}\n")) == [["a"], ["b"]]
    assert names(own(f"[global]\n{wall}\n[a]\n[b]\n")) == [["a"], ["b"]]


def test_jobs_inherit_from_the_global_sections_before_them() -> None:
    """A second [global] adds to the first, for the jobs after it."""
    jobs = own(
        "[global]\nbs=4k\n[a]\nrw=read ; words\n[global]\niodepth=2\n[b]\nstonewall\nbs=8k\n"
    ).jobs
    assert jobs[0].options == {"bs": "4k", "rw": "read"}
    assert jobs[1].options == {"bs": "8k", "iodepth": "2", "stonewall": ""}


def test_a_profile_shares_one_file_that_fills_the_usable_volume() -> None:
    """80 % of the volume, in whole MiB, written full before the first job."""
    workload = prepare(Plan(profile="quick", volume_size="1Gi"))
    assert workload.layout == {"volume/stormark.dat": 819 * MIB}
    assert set(workload.sizes.values()) == {819 * MIB}
    assert workload.needed_bytes == 819 * MIB


def test_own_layout_is_left_to_fio() -> None:
    """Each job has a file of its own, which stormark does not write, but counts."""
    workload = prepare(Plan(profile="wal"))
    assert workload.layout == {}
    assert workload.needed_bytes == sum(workload.sizes.values()) == (22 + 64 + 64) * MIB
    assert "filename=volume/stormark.dat.etcd_fdatasync\n" in workload.text


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


def test_an_own_file_that_does_not_fit_is_refused_with_both_numbers() -> None:
    """What a user wrote is run as written or not at all."""
    with pytest.raises(PlanError, match=r"needs 2,147,483,648 bytes.* 1Gi leaves 858,993,459 \(80"):
        own("[a]\nsize=2G\n")


def test_files_of_concurrent_jobs_are_added_up() -> None:
    """Jobs that share no file need the sum of their sizes."""
    text = "; stormark: contention\n[a]\nsize=500m\n[b]\nsize=500m\n"
    with pytest.raises(PlanError, match="needs 1,048,576,000 bytes"):
        own(text)
    assert own(text, size="2Gi").layout == {
        "volume/stormark.dat.a": 500 * MIB,
        "volume/stormark.dat.b": 500 * MIB,
    }


def test_a_shared_file_is_as_large_as_its_largest_job() -> None:
    """One after the other on one file: the largest counts."""
    workload = own("[a]\nsize=10m\n[b]\nstonewall\nsize=20m\n")
    assert workload.layout == {"volume/stormark.dat": 20 * MIB}
    assert workload.sizes == {"a": 10 * MIB, "b": 20 * MIB}


def test_jobs_that_would_share_the_volume_by_accident_are_refused() -> None:
    """The message has both ways out."""
    with pytest.raises(PlanError, match=r"jobs a, b would run at the same.*stonewall.*contention"):
        own("[a]\n[b]\n")


def test_contention_that_is_asked_for_is_accepted() -> None:
    """With the directive the jobs run at once."""
    assert names(own("; stormark: contention\n[a]\n[b]\n")) == [["a", "b"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[a b]\n", "job name 'a b' may have letters, digits, . _ and -"),
        ("[a]\n[a]\nstonewall\n", "two jobs are called 'a'"),
        ("[global_read]\n", r"fio takes \[global_read\] for \[global\]"),
        ("[a]\nfilename=/dev/sda\n", "job a: leave out filename, stormark sets it"),
        ("[global]\ndirectory=/etc\n[a]\n", "job a: leave out directory"),
        ("[a]\ninclude other.fio\n", "job a: leave out include"),
        ("[global]\ninclude other.fio\n[a]\n", "job a: leave out include"),
        ("include other.fio\n[a]\n", "'include other.fio' stands before any"),
        ("[a]\nnumjobs=4\n", "job a: numjobs needs group_reporting beside it"),
        ("[a]\nsize=50%\n", "job a: size=50% is not a size"),
        ("[a]\nruntime=5min\n", "job a: runtime=5min is not a time: write seconds, or 500ms"),
        ("[a]\nramp_time=soon\nruntime=5\n", "job a: ramp_time=soon is not a time"),
        ("; stormark: contntion\n[a]\n", "`stormark: contntion` is unknown; there are contention"),
        (
            "; stormark: contention\n[a]\ngroup_reporting\n[b]\n",
            "group_reporting would merge jobs a, b into one",
        ),
        ("; only a comment\n", "it has no job"),
        ("[global]\nbs=4k\n", "it has no job"),
    ],
)
def test_a_file_that_could_not_be_measured_is_refused(text: str, words: str) -> None:
    """Before anything runs, with the job and what to do."""
    with pytest.raises(PlanError, match=f"^fio file: .*{words}"):
        own(text)


def test_numjobs_with_group_reporting_is_one_result() -> None:
    """Processes of one job are reported together."""
    assert names(own("[a]\nnumjobs=4\ngroup_reporting\n")) == [["a"]]


def test_runtime_and_ramp_of_the_plan_replace_the_file_s() -> None:
    """By either of fio's names, and a comment behind it stays."""
    text = "[a]\nruntime=60; long\nramp_time=5\n[b]\nstonewall\ntimeout=2m\n[c]\nstonewall\n"
    plan = Plan(fio_file=text, runtime_seconds=3, ramp_seconds=1)
    workload = prepare(plan)
    assert [job_seconds(job) for job in workload.jobs] == [4.0, 3.0, 0.0]
    assert workload.seconds() == 7.0
    assert "runtime=3; long\nramp_time=1\n" in workload.text


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("15", 15.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("0", 0.0)],
)
def test_times_are_read_as_fio_reads_them(written: str, seconds: float) -> None:
    """Seconds where no unit stands; 0 is no limit, so the job ends by itself."""
    (job,) = own(f"[a]\nruntime={written}\n").jobs
    assert job_seconds(job) == seconds


def test_concurrent_jobs_take_as_long_as_the_longest() -> None:
    """A group is over when its last job is."""
    text = "; stormark: contention\n[a]\nruntime=5\n[b]\nruntime=20\n"
    assert own(text).seconds() == 20.0


def test_an_engine_of_the_file_s_own_is_kept() -> None:
    """Only jobs that name none get the engine that was found to work."""
    text = own("[a]\nioengine=sync\n[b]\nstonewall\n").text
    assert text == (
        "[a]\nfilename=volume/stormark.dat\nsize=858783744\nioengine=sync\n"
        "[b]\nfilename=volume/stormark.dat\nsize=858783744\nioengine=${STORMARK_ENGINE}\n"
        "stonewall\n"
    )


def test_a_workload_knows_where_its_file_is_from() -> None:
    """An own file is `custom`, whatever profile the plan names beside it."""
    assert own("[a]\n").profile == "custom"
    assert prepare(Plan(profile="wal")).profile == "wal"


@pytest.mark.parametrize(
    ("written", "size"),
    [("4096", 4096), ("0x1B", 27), ("4k", 4096), ("22M", 22 * MIB), ("2GB", 2**31), ("1t", 2**40)],
)
def test_sizes_are_read_as_fio_reads_them(written: str, size: int) -> None:
    """fio counts by 1,024 unless told otherwise."""
    assert fio_bytes(written) == size


@pytest.mark.parametrize("written", ["50%", "4k-8k", "4k,8k", "4ki", "0x4k", "", "-1"])
def test_what_is_no_single_size_has_no_bytes(written: str) -> None:
    """Nothing is guessed."""
    assert fio_bytes(written) is None


@every_profile
def test_a_profile_says_what_it_is_for(profile: Profile) -> None:
    """The first line of a job file is for the person who opens it."""
    assert profile_text(profile).startswith("; ")
