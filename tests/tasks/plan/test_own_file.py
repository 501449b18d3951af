"""A fio job file of the user's own: fio says what it means, and what becomes of it on a volume."""

import json
import subprocess
from pathlib import Path

import pytest

from tasks.plan import job_text, own_file
from tasks.plan.job_file import WHOLE_DEVICE, Workload, job_seconds, waves
from tasks.plan.plan import Plan, PlanError, VolumeMode
from tests.tasks.sample import figures, parsed, read

MIB = 2**20


def own(text: str, size: str = "1Gi", mode: VolumeMode = "Filesystem") -> Workload:
    return read(Plan(fio_file=text, volume_size=size, volume_mode=mode))


def options(text: str, mode: VolumeMode = "Filesystem") -> dict[str, str]:
    """Those of a file's one job, as it runs."""
    (job,) = own(text, mode=mode).jobs
    return job.options


def names(workload: Workload) -> list[list[str]]:
    return [[job.name for job in group] for group in workload.groups]


def run(workload: Workload, folder: Path, group: int = 1) -> dict[str, dict[str, object]]:
    """Lay out and run a group as a pod does; the rows of its jobs."""
    for name in ("volume", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    for name, text in workload.files.items():
        (folder / name).write_text(text)
    fio(folder, "layout.fio")
    output = fio(folder, "--output-format=json", f"{group}.fio")
    return figures(output, workload.groups[group - 1])


def fio(folder: Path, *arguments: str) -> str:
    command = ["fio", "--aux-path=scratch", *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=120
    ).stdout


# ---------------------------------------------------------------- what a file means


def test_options_are_those_that_fio_takes() -> None:
    """By their first names and with fio's numbers, those of each [global] before a job included."""
    first, second = own(
        "[global]\nblocksize=4k ; words\nreadwrite=randread\n[a]\niodepth=0x20\n"
        "[global]\niodepth=2\n[b]\nwait_for_previous\nbs=16Ki\n"
    ).jobs
    assert first.options["rw"] == second.options["rw"] == "randread"
    assert (first.numbers["bs"], first.numbers["iodepth"]) == (4096, 32)
    assert (second.numbers["bs"], second.numbers["iodepth"]) == (16384, 2)
    assert second.flag("stonewall")


def test_what_runs_is_what_fio_understood() -> None:
    """The file that is written has every option, and no other but the volume's."""
    text = "[global]\nbs=8k\nrwmixread=70\n[a b, (c)/d]\nrw=randrw\nbssplit=4k/60:64k\nsize=1m\n"
    workload = own(text)
    before, after = (
        {line.split("handle_", 1)[1] for line in parsed(words) if " handle_option" in line}
        for words in (text, workload.files["1.fio"])
    )
    assert after - before == {"option=directory, ptr=volume/."}
    assert before - after == set()


def test_options_of_another_engine_stay_behind() -> None:
    """Of one that a later [global], or the job, replaces; another engine has no such option."""
    workload = own(
        "[global]\nioengine=pvsync2\nhipri=0\n"
        "[global]\nsize=1m\nioengine=e4defrag\ndonorname=d\ninplace=0\n[a]\n"
        "[global]\nioengine=libaio\nnowait=0\n[b]\nuserspace_reap\n"
        "[c]\nioengine=io_uring\n[d]\nioengine=psync\n"
    )
    assert parsed(workload.text)
    of_engines = {"donorname", "hipri", "inplace", "nowait", "userspace_reap"}
    assert [of_engines & job.options.keys() for job in workload.jobs] == [
        {"donorname", "inplace"},
        {"nowait", "userspace_reap"},
        {"hipri", "nowait"},
        set(),
    ]


def test_jobs_after_a_wall_are_a_fio_of_their_own() -> None:
    """By either name of it; `stonewall=0` is none."""
    assert names(own("[a]\n[b]\nstonewall\n[c]\nstonewall=0\n")) == [["a"], ["b", "c"]]
    assert names(own("[global]\nwait_for_previous\n[a]\n[b]\n")) == [["a"], ["b"]]


def test_a_job_that_waits_for_another_is_in_its_fio() -> None:
    """Two fios know nothing of each other; what runs at once is counted all the same."""
    workload = own("[a]\nruntime=5\n[b]\nwait_for=a\nruntime=3\n[c]\nstonewall\n")
    assert names(workload) == [["a", "b", "c"]]
    assert [len(wave) for wave in waves(workload.groups[0])] == [1, 1, 1]
    assert workload.seconds() == 8.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a]\n[a]\n", ["a #1", "a #2"]),
        ("[global]\nname=x\n[a]\n[b]\n", ["x #1", "x #2"]),
        ("[pre]\nname=fill\n[a b]\n", ["fill", "a b"]),
    ],
)
def test_jobs_have_the_names_that_fio_reports(text: str, told: list[str]) -> None:
    assert [job.name for job in own(text).jobs] == told


@pytest.mark.parametrize(
    ("written", "seconds"), [("15", 15.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0)]
)
def test_times_are_fio_s(written: str, seconds: float) -> None:
    (job,) = own(f"[a]\ntimeout={written}\n").jobs
    assert job_seconds(job) == seconds


def test_variables_come_from_the_plan(tmp_path: Path) -> None:
    """They have their values in what runs: a pod of a volume needs none."""
    plan = Plan(fio_file="[a]\nsize=${SIZE}\nbs=4k\n", fio_env={"SIZE": "8m"}, volume_size="64Mi")
    job_text.check(plan)
    workload = read(plan)
    assert workload.sizes == {"a": 8 * MIB}
    assert run(workload, tmp_path)["a"]["block_size_bytes"] == 4096


def test_times_of_the_plan_take_the_place_of_the_file_s() -> None:
    text = "[a]\nruntime=60; long\nramp_time=5\n[b]\nstonewall\ntimeout=2m\n[c]\nstonewall\n"
    workload = read(Plan(fio_file=text, runtime_seconds=3, ramp_seconds=1))
    assert [job_seconds(job) for job in workload.jobs] == [4.0, 3.0, 0.0]
    assert workload.notes == []
    none = read(Plan(fio_file="[a]\nsize=1m\n", runtime_seconds=3))
    assert none.notes == ["runtime_seconds has no effect: no job has a runtime"]


@pytest.mark.parametrize("heading", ["[global]", "[global_defaults]"])
def test_sections_that_fio_takes_for_global_are(heading: str) -> None:
    (job,) = own(f"{heading}\nsize=4m\n[a]\n").jobs
    assert (job.name, job.numbers["size"]) == ("a", 4 * MIB)


def test_a_long_name_is_cut_where_fio_cuts_it(tmp_path: Path) -> None:
    """Its cell would be lost otherwise."""
    workload = own(f"[{'a' * 150}]\nsize=1m\n")
    assert run(workload, tmp_path).keys() == {"a" * 127}


# ---------------------------------------------------------------- the volume's place


def test_the_volume_takes_the_place_of_names_and_folders() -> None:
    """What had one name has one, and it is said in a line."""
    workload = own(
        "[global]\ndirectory=/mnt/x\nsize=1m\n[a]\nfilename=/dev/sda:/dev/sdb\n"
        "[b]\nstonewall\nfilename=/dev/sdb\n[c]\nstonewall\n"
    )
    a, b, c = (job.options for job in workload.jobs)
    assert {a["directory"], b["directory"], c["directory"]} == {"volume/."}
    assert (a["filename"], b["filename"]) == ("dev_sda:dev_sdb", "dev_sdb")
    assert "filename" not in c
    assert workload.notes == [
        "the volume takes the place of directory=/mnt/x, filename=/dev/sda:/dev/sdb, "
        "filename=/dev/sdb"
    ]


def test_a_device_takes_the_place_of_all_names() -> None:
    """Its size is the device's own, also with size=0."""
    text = "[a]\nfilename=/dev/sda\nsize=0\nrw=randtrim\nbs=64k\n"
    workload = own(text, mode="Block")
    (job,) = workload.jobs
    assert job.options["filename"] == "dev/stormark"
    assert "size" not in job.options
    assert workload.layout.keys() == {"dev/stormark"}
    assert "layout.fio" not in workload.files


def test_files_of_one_name_in_several_folders_are_several() -> None:
    """In one folder they are one."""
    text = "[global]\nfilename=x\nsize=1m\n[a]\ndirectory=/mnt/a\n[b]\ndirectory=/mnt/{}\n"
    several, one = own(text.format("b")), own(text.format("a"))
    assert [job.options["filename"] for job in several.jobs] == ["mnt_a_x", "mnt_b_x"]
    assert (several.needed_bytes, one.needed_bytes) == (2 * MIB, MIB)


def test_files_that_are_named_twice_are_two(tmp_path: Path) -> None:
    """fio adds the second to the first."""
    workload = own("[global]\nfilename=x\n[a]\nfilename=y\nsize=2m\n")
    run(workload, tmp_path)
    made = {path.name: path.stat().st_size for path in (tmp_path / "volume").iterdir()}
    assert made == {"x": MIB, "y": MIB}


@pytest.mark.parametrize("size", ["", "size=0\n", "size=100%\n", "size=50%\noffset=50%\n"])
def test_a_device_is_written_as_far_as_it_is_read(size: str) -> None:
    """Whole, where only fio knows how large it is."""
    workload = own(f"[a]\n{size}", mode="Block")
    assert workload.layout == {"dev/stormark": WHOLE_DEVICE}
    assert own("[a]\nsize=8m\noffset=8m\n", mode="Block").layout == {"dev/stormark": 16 * MIB}


def test_a_job_without_a_size_uses_the_file_as_another_sizes_it() -> None:
    workload = own("[w]\nfilename=x\nsize=16m\nrw=write\n[r]\nfilename=x\nstonewall\n")
    assert workload.sizes == {"w": 16 * MIB, "r": 16 * MIB}


def test_zones_of_a_file_are_laid_out_at_once() -> None:
    """Each job that needs a larger file would write it anew."""
    zones = "".join(f"[z{i}]\nfilename=x\nsize=64k\noffset={i * 64}k\n" for i in range(50))
    workload = own(zones)
    assert workload.files["layout.fio"].count("[") == 1
    assert workload.needed_bytes == 50 * 65536


def test_files_stay_for_the_next_round() -> None:
    """A job that unlinks them would be measured on new ones from the second on; it is said."""
    workload = own("[a]\nunlink=1\nsize=1m\n")
    assert "unlink" not in workload.files["1.fio"]
    assert workload.notes == ["left out: unlink"]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("[a]\nnrfiles=10\nfilesize=64k\n", [65536] * 10),
        ("[a]\nnumjobs=2\nsize=1m\n", [MIB] * 2),
        ("[a]\nfilesize=1m\nrw=read\nbs=1M\n", [MIB]),
        ("[a]\nsize=1m\noffset=1m\n", [2 * MIB]),
        ("[a]\nfilesize=8m\noffset=4m\n", [8 * MIB]),
        ("[a]\nfilename=x\nsize=1m\nnumjobs=3\noffset_increment=1m\n", [3 * MIB]),
        ("[a]\nfill_device=1\nfilesize=1m\nrw=write\n", [MIB]),
        ("[a]\nfilename=x\nsize=1m\n[b]\nfilename=x\nsize=2m\nstonewall\n", [2 * MIB]),
        ("[a]\nfilename=x\nsize=512k\n", [MIB // 2]),
        ("[a]\nfilename=a:b:c:d\nsize=2m\n", [MIB // 2] * 4),
        ("[a]\nfilename=x\nfilesize=64k\n", [65536]),
        ("[a]\nfilename=x\nsize=1536k\n", [3 * MIB // 2]),
        ("[a]\nfilename=/dev/disk\\:1\nsize=1m\n", [MIB]),
        ("[a]\nfilename=/dev/disk\\:1:b\nsize=2m\n", [MIB] * 2),
        ("[a]\nsize=1m\nunlink=1\nexec_prerun=false\nstartdelay=100\n", [MIB]),
        ("[a]\nsize=1m\nioengine=libaio\nio_submit_mode=offload\nrate_iops=1\n", [MIB]),
    ],
)
def test_exactly_the_files_that_the_jobs_use_are_laid_out(
    tmp_path: Path, text: str, files: list[int]
) -> None:
    """Full, by fio, before anything is measured; the need of room is theirs."""
    workload = own(text)
    (tmp_path / "volume").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "layout.fio").write_text(workload.files["layout.fio"])
    fio(tmp_path, "layout.fio")
    made = sorted((tmp_path / "volume").iterdir())
    assert [path.stat().st_size for path in made] == files
    assert [path.stat().st_blocks * 512 >= path.stat().st_size for path in made] == [True] * len(
        made
    )
    assert workload.needed_bytes == sum(files)


def test_files_that_jobs_make_themselves_are_not_laid_out() -> None:
    """Their room is needed only then, and the volume has to be large enough for it."""
    text = "[a]\nsize=64m\n[b]\ncreate_on_open=1\nsize=128m\n"
    workload = own(text)
    assert workload.needed_bytes == 64 * MIB
    assert "[b]" not in workload.files["layout.fio"]
    with pytest.raises(PlanError, match="it needs 201,326,592 bytes"):
        own(text, size="128Mi")


def test_jobs_without_a_size_share_the_volume() -> None:
    """80 % of it, in even parts for their files; a percentage is one of its part."""
    workload = own("[a]\n[b]\nstonewall\nnumjobs=2\n[c]\nstonewall\nsize=50%\n")
    assert workload.sizes == {"a": 204 * MIB, "b": 204 * MIB, "c": 102 * MIB}
    assert {job.options["size"] for job in workload.jobs} == {f"{204 * MIB}", f"{102 * MIB}"}


# ---------------------------------------------------------------- what is measured


def test_processes_of_a_job_are_one_result(tmp_path: Path) -> None:
    """As fio's group_reporting adds them up, also beside another job, and with it switched off."""
    workload = own("[global]\nsize=1m\n[a]\nnumjobs=4\ngroup_reporting=0\n[b]\n")
    rows = run(workload, tmp_path)
    assert rows.keys() == {"a", "b"}
    assert rows["a"]["num_jobs"] == 4
    output = json.loads(fio(tmp_path, "--output-format=json", "1.fio"))
    assert [job["read"]["total_ios"] for job in output["jobs"]] == [4 * 256, 256]


def test_jobs_that_the_file_has_reported_as_one_are_one(tmp_path: Path) -> None:
    """group_reporting merges those that run at once, by the first one's name."""
    workload = own("[global]\nsize=1m\ngroup_reporting\n[a]\n[b]\n[c]\nnew_group\n")
    assert [job.name for job in workload.jobs] == ["a", "c"]
    assert run(workload, tmp_path).keys() == {"a", "c"}


def test_a_job_that_asks_to_be_merged_is(tmp_path: Path) -> None:
    """By its own group_reporting, whatever the job before it says; the row counts both."""
    workload = own("[a]\nsize=1m\n[b]\ngroup_reporting\nsize=1m\nbs=8k\niodepth=1\n")
    (row,) = run(workload, tmp_path).values()
    assert [job.name for job in workload.jobs] == ["a"]
    assert (row["num_jobs"], row["block_size_bytes"], row["io_depth"]) == (2, None, 1)


def test_processes_take_no_other_job_in(tmp_path: Path) -> None:
    """A job after them that is reported with its group is in one of its own."""
    workload = own("[a]\nnumjobs=2\nsize=1m\n[b]\ngroup_reporting\nsize=1m\n")
    assert run(workload, tmp_path).keys() == {"a", "b"}


def test_a_job_without_statistics_has_no_result(tmp_path: Path) -> None:
    """And takes none from the others."""
    workload = own("[quiet]\nstats=0\nsize=1m\n[a]\nsize=1m\n")
    assert run(workload, tmp_path).keys() == {"a"}


def test_a_job_that_burns_cpu_has_no_result_of_its_own(tmp_path: Path) -> None:
    """It is part of what the others are measured beside."""
    workload = own(
        "[burn]\nioengine=cpuio\ncpuload=5\nruntime=1\nexit_on_io_done=1\n[a]\nsize=1m\n"
    )
    assert [job.name for job in workload.jobs] == ["a"]
    assert run(workload, tmp_path).keys() == {"a"}


def test_verify_s_reads_are_no_writes(tmp_path: Path) -> None:
    """They have figures of their own."""
    workload = own("[a]\nrw=randwrite\nverify=crc32c\nsize=1m\nbs=4k\n")
    (row,) = run(workload, tmp_path).values()
    assert row["iops"] == row["write_iops"] != 0
    assert isinstance(row["read_iops"], float)


def test_a_mix_reported_as_one_has_one_figure(tmp_path: Path) -> None:
    workload = own("[a]\nrw=randrw\nunified_rw_reporting=1\nsize=1m\n")
    (row,) = run(workload, tmp_path).values()
    assert row["iops"] == row["mixed_iops"] != 0


def test_logs_of_the_file_are_left_out() -> None:
    """A pod has no place for them, and says so."""
    workload = own("[a]\nwrite_bw_log=x\nwrite_lat_log\nlog_avg_msec=500\nsize=1m\n")
    assert workload.notes == ["left out: log_avg_msec, write_bw_log, write_lat_log"]
    assert "write_" not in workload.files["1.fio"]


# ---------------------------------------------------------------- what is refused


def test_all_that_can_be_told_without_fio_is_told_at_once() -> None:
    """With the line of each."""
    text = "[a]\nsize=${SIZE}\ninclude common.fio\n; ${IN_WORDS}\nbs=${BS}\n"
    with pytest.raises(PlanError) as refused:
        job_text.check(Plan(fio_file=text, fio_env={"BS": "4k"}))
    assert str(refused.value) == (
        "fio file: line 2: size=${SIZE}: fio_env of the plan has no SIZE; "
        "line 3: include common.fio: paste that file in here"
    )


@pytest.mark.parametrize("line", ["include a.fio ; shared", "include my a.fio", "include"])
def test_an_include_is_never_lost(line: str) -> None:
    """fio goes on without a file that it cannot include."""
    if line == "include":
        job_text.check(Plan(fio_file=f"[a]\n{line}_x=1\n"))
    else:
        words = line.partition(" ;")[0]
        with pytest.raises(PlanError, match=rf"line 2: {words}: paste that file in here"):
            job_text.check(Plan(fio_file=f"[a]\n{line}\n"))


def test_a_variable_in_a_comment_is_none() -> None:
    job_text.check(Plan(fio_file="[a]\nrw=read ; was ${MODE}\n# ${X}\n"))


@pytest.mark.parametrize("text", ["; only a comment\n", "bs=4k\n", ""])
def test_a_file_without_a_job_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="it has no job; a job is a"):
        job_text.check(Plan(fio_file=text))


def test_a_global_section_alone_is_no_job() -> None:
    with pytest.raises(PlanError, match="fio finds no job in it"):
        own("[global]\nbs=4k\n")


def test_what_can_mean_nothing_on_a_volume_is_refused_with_every_reason() -> None:
    text = "[a]\nioengine=null\nsize=1m\n[b]\nread_iolog=trace\n[c]\nsize=2g\n"
    with pytest.raises(PlanError) as refused:
        own(text)
    said = str(refused.value)
    assert "line 2, job a: engine null does no I/O on a volume's files" in said
    assert "line 5, job b: read_iolog=trace: no pod has that trace" in said
    assert "bytes, and the volume has 1,073,741,824 (plan field volume_size)" in said


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("[a]\nrw=randtrim\nsize=1m\n", "Filesystem", "rw=randtrim: fio trims devices alone"),
        ("[a]\nioengine=filedelete\n", "Block", "engine filedelete makes files, and a device is"),
        ("[a]\nsize=1m\nwait_for=b\n", "Filesystem", "wait_for=b: fio needs one job of that"),
        ("[a]\nsize=1m\nwait_for=b\n[b]\n", "Filesystem", "line 3, job a: wait_for=b: fio needs"),
        ("[a]\nsize=1m\nwait_for=a\n", "Filesystem", "wait_for=a: fio needs one job of that na"),
        ("[b]\n[b]\n[a]\nsize=1m\nwait_for=b\n", "Filesystem", "line 5, job a: wait_for=b"),
    ],
)
def test_what_would_fail_on_the_volume_is_refused_before(
    text: str, mode: VolumeMode, words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        own(text, mode=mode)
    other: VolumeMode = "Block" if mode == "Filesystem" else "Filesystem"
    if "wait_for" not in text:
        assert own(text, mode=other).jobs


def test_holes_are_punched_into_files(tmp_path: Path) -> None:
    """That is no trim of a device, though fio calls it so."""
    workload = own("[a]\nioengine=falloc\nrw=randtrim\nsize=1m\nbs=4k\n")
    for name in ("volume", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "volume" / "a.0.0").write_bytes(b"x" * MIB)
    (tmp_path / "1.fio").write_text(workload.files["1.fio"])
    output = fio(tmp_path, "--output-format=json", "1.fio")
    assert figures(output, workload.groups[0])["a"]["trim_iops"] != 0


def test_engines_that_fio_lacks_are_told_with_the_rest() -> None:
    text = "[a]\nsize=2g\nioengine=nonsuch\n"
    with pytest.raises(PlanError, match=r"line 3, job a: fio lacks engine nonsuch; it needs 2,147"):
        own_file.resolve(Plan(fio_file=text, volume_size="1Gi"), parsed(text), {"nonsuch": ""})


def test_an_engine_that_pods_may_not_use_is_told_with_what_to_do() -> None:
    """Before a volume is made: as where a runtime's seccomp profile refuses io_uring."""
    text = "[a]\nsize=64m\nioengine=io_uring\n"
    refused = {"io_uring": "error=Operation not permitted"}
    with pytest.raises(PlanError, match=r"not permitted\. .*seccomp.*or use ioengine=libaio"):
        own_file.resolve(Plan(fio_file=text), parsed(text), refused)
    assert own_file.resolve(Plan(fio_file=text), parsed(text)).jobs


def test_more_than_a_configmap_takes_is_refused() -> None:
    common = "".join(f"verify_pattern=0x{'ab' * 400}\n" for _ in range(1))
    with pytest.raises(PlanError, match="larger than what a ConfigMap takes"):
        own(f"[global]\nsize=4k\n{common}" + "".join(f"[j{i}]\n" for i in range(700)))


@pytest.mark.parametrize(
    "text", ["[a]\nioengine=cpuio\ncpuload=5\n", "[a]\ncreate_only=1\nsize=1m\n"]
)
def test_a_file_that_does_no_io_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="none of its jobs does any I/O on a volume"):
        own(text)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("[a]\nsize=2g\n", 2**31),
        ("[a]\noffset=1g\nsize=1m\n", 2**30 + MIB),
        ("[a]\nnumjobs=4\nsize=512m\n", 2**31),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_both_numbers(text: str, needed: int) -> None:
    """And fits into a larger volume."""
    with pytest.raises(PlanError, match=f"it needs {needed:,} bytes, and the volume has 1,073,741"):
        own(text)
    assert own(text, size="4Gi").needed_bytes == needed


# ---------------------------------------------------------------- where it says so


def reasons(text: str) -> list[str]:
    with pytest.raises(PlanError) as refused:
        own(text)
    return str(refused.value).removeprefix("fio file: ").split("; ")


def test_a_reason_names_its_line_and_every_job_that_it_is_of() -> None:
    """Of an option in [global] that line, and by the name that the file has for it."""
    text = "; words\n\n[global]\nioengine=null\n\n[a]\n[b]\nreadwrite=trim # words\n"
    assert reasons(text) == [
        "line 4, job a, b: engine null does no I/O on a volume's files",
        "line 8, job b: rw=trim: fio trims devices alone: use volume_mode: Block",
    ]


def test_a_reason_names_the_last_line_that_says_so() -> None:
    """A second [global] is for the jobs after it; one whose engine is its own is not touched."""
    text = "[global]\nioengine=null\n[a]\n[global]\nioengine=net\n[b]\n[c]\nioengine=psync\n"
    assert reasons(text) == [
        "line 2, job a: engine null does no I/O on a volume's files",
        "line 5, job b: engine net does no I/O on a volume's files",
    ]


def test_a_reason_within_an_included_file_names_that(tmp_path: Path) -> None:
    (tmp_path / "common.fio").write_text("; words\nioengine=null\n")
    (tmp_path / "a.fio").write_text("[a]\ninclude common.fio\nread_iolog=trace\n")
    assert reasons(job_text.text_of(tmp_path / "a.fio")) == [
        "common.fio line 2, job a: engine null does no I/O on a volume's files",
        "line 3, job a: read_iolog=trace: no pod has that trace",
    ]


def test_a_name_that_repeats_is_told_with_the_line_of_each() -> None:
    text = "[a]\nsize=1m\n[a]\nioengine=null\n"
    assert reasons(text) == ["line 4, job a #2: engine null does no I/O on a volume's files"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("failed parsing rw=sideways", "failed parsing rw=sideways (line 3, line 5)"),
        ("Bad option <nonsuch=1>", "Bad option <nonsuch=1> (line 4)"),
        ("job a dropped", "job a dropped"),
        ("failed parsing bs=1q", "failed parsing bs=1q"),
    ],
)
def test_what_fio_cannot_read_is_told_with_its_lines(said: str, words: str) -> None:
    text = "; rw=sideways\n[a]\nrw = sideways ; words\nnonsuch=1\nrw=sideways\n"
    assert job_text.with_lines(said, text) == words


# ---------------------------------------------------------------- reading it


def test_included_files_stand_in_their_place(tmp_path: Path) -> None:
    """Beside the file that names them, and those in turn."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "deep.fio").write_text("iodepth=3\n")
    (tmp_path / "common.fio").write_text("bs=4k\ninclude more/deep.fio ; words\n")
    (tmp_path / "a.fio").write_text("[global]\ninclude common.fio\n[a]\nrw=read\n")
    text = job_text.text_of(tmp_path / "a.fio")
    said = [words for words in text.splitlines() if not words.startswith("; stormark: ")]
    assert said == ["[global]", "bs=4k", "iodepth=3", "[a]", "rw=read"]
    assert [where for where, _ in job_text.lines(text)] == [
        "line 1",
        "common.fio line 1",
        "more/deep.fio line 1",
        "line 3",
        "line 4",
    ]
    (job,) = own(text).jobs
    assert (job.numbers["bs"], job.numbers["iodepth"]) == (4096, 3)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf[a]\r\nsize=1m\r\n", b"; caf\xe9\n[a]\nsize=1m\n"],
    ids=["Windows", "Latin-1"],
)
def test_a_file_of_another_editor_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.fio"
    path.write_bytes(content)
    assert own(job_text.text_of(path)).sizes == {"a": MIB}


@pytest.mark.parametrize("content", [None, b"[a]\n\0"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.fio"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PlanError, match=f"fio file {path} "):
        job_text.text_of(path)


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.fio"
    path.write_text("[a]\ninclude a.fio\n")
    with pytest.raises(PlanError, match="includes itself"):
        job_text.text_of(path)
