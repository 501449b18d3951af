"""manifests/fio.sh, run by the shells that images have, in a folder laid out as a pod sees it."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.kubernetes.manifest import FOLDER
from tasks.plan.job_file import Job
from tasks.provision.bench_log import FioLog, rates
from tasks.speed import fio_output, node_seconds, seconds
from tests.tasks.sample import CELL, by_second, figures

SCRIPT = FOLDER / "fio.sh"
SECCOMP = Path(__file__).with_name("without_io_uring.py")
SHELLS = [["sh"], ["busybox", "sh"]]
COMMON = """\
[global]
ioengine=${STORMARK_ENGINE}
filename=volume/stormark.dat
size=1m
bs=4k
time_based
runtime=200ms
"""
# Two jobs at once, then one alone.
JOB_FILES = (
    f"{COMMON}[read]\nrw=randread\n[write]\nrw=randwrite\n",
    f"{COMMON}[sync]\nrw=write\nfdatasync=1\n",
)
ON_VOLUME = {
    "STORMARK_TARGET": "volume/stormark.dat",
    "STORMARK_LAYOUT": "volume/stormark.dat:1048576",
    "STORMARK_NEEDED": "1048576",
}


class Ended(NamedTuple):
    """How the script ended: its exit status, its lines, and what stormark reads from them."""

    status: int
    lines: list[str]
    log: FioLog


class Pod(NamedTuple):
    """A folder with what a fio pod has, and the shell that the image has."""

    folder: Path
    shell: list[str]

    def run(self, action: str, *orders: str, env: dict[str, str] | None = None) -> Ended:
        """Run an action; a pod that serves is given its orders one by one, and then deleted."""
        log, lines, left = FioLog(), [], list(orders)
        with subprocess.Popen(
            [*self.shell, "stormark/fio.sh", action],
            cwd=self.folder,
            env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                log.feed(lines[-1])
                if not line.startswith(
                    (
                        "@stormark ready",
                        "@stormark checked",
                        "@stormark finished",
                        "@stormark again",
                    )
                ):
                    continue
                if left:
                    (self.folder / "scratch" / "orders").write_text(left.pop(0) + "\n")
                else:
                    process.terminate()
        return Ended(process.returncode, lines, log)

    def serve(self, *orders: str, **env: str) -> Ended:
        """Serve on a volume of one file of 1 MiB, unless the environment says otherwise."""
        return self.run("serve", *orders, env=ON_VOLUME | env)

    def fake_fio(self, script: str) -> None:
        """Put a fio of the test's own in front of the real one."""
        fake = self.folder / "bin" / "fio"
        fake.write_text(f"#!/bin/sh\n{script}")
        fake.chmod(0o755)


def a_job(name: str) -> Job:
    return Job(name, {}, {})


def make_pod(tmp_path: Path, shell: list[str], *job_files: str) -> Pod:
    for needed in ("fio", "busybox"):
        assert shutil.which(needed), f"these tests need {needed}: apt-get install {needed}"
    for name in ("bin", "stormark", "jobs", "volume", "scratch"):
        (tmp_path / name).mkdir()
    for script in (SCRIPT, FOLDER / "sample.sh"):
        shutil.copy(script, tmp_path / "stormark")
    (tmp_path / "stormark" / "job.fio").write_text("".join(job_files))
    for number, words in enumerate(job_files, 1):
        (tmp_path / "jobs" / f"{number}.fio").write_text(words)
    return Pod(tmp_path, shell)


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def pod(tmp_path: Path, request: pytest.FixtureRequest) -> Pod:
    return make_pod(tmp_path, request.param, *JOB_FILES)


def test_check_tells_node_and_image(pod: Pod) -> None:
    """Kernel, memory and fio's version come from the pod, which ends by order."""
    ended = pod.run("check", "1 end")
    assert (ended.status, ended.log.finished) == (0, True)
    assert ended.lines[-3:] == ["@stormark checked", "@stormark order 1", "@stormark finished"]
    facts = ended.log.facts
    assert facts["kernel"] == os.uname().release
    assert int(facts["memory_bytes"]) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert facts["fio_version"].startswith("fio-")


def test_check_says_in_fio_s_words_what_is_wrong_with_a_job_file(pod: Pod) -> None:
    """A mistake in the file is found before a volume is made."""
    (pod.folder / "stormark" / "job.fio").write_text("[a]\nrw=sideways\n")
    ended = pod.run("check")
    assert (ended.status, ended.log.finished) == (1, False)
    assert "fio: failed parsing rw=sideways" in ended.log.errors


def test_check_takes_no_file_that_lacks_what_it_includes(pod: Pod) -> None:
    """fio goes on without it, and ends well."""
    (pod.folder / "stormark" / "job.fio").write_text("[a]\nsize=1m\ninclude nowhere.fio\n")
    ended = pod.run("check")
    assert (ended.status, ended.log.finished) == (1, False)
    assert any("while parsing include file" in words for words in ended.log.errors)


def test_check_in_an_image_without_fio_tells_no_version(pod: Pod) -> None:
    """An empty version is what tells a wrong image from a wrong file."""
    for tool in ("cat", "date", "df", "mkfifo", "rm", pod.shell[0]):
        (pod.folder / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    ended = pod.run("check", env={"PATH": f"{pod.folder}/bin"})
    assert (ended.status, ended.log.finished) == (1, False)
    assert ended.log.facts["fio_version"] == ""
    assert "fio: not found" in ended.log.errors[0]


def test_layout_writes_the_volume_s_files_full(pod: Pod) -> None:
    """Every block is on the volume, so that no read is answered from nowhere."""
    ended = pod.serve("1 layout")
    assert (ended.status, ended.log.finished) == (0, True)
    (laid_out,) = (pod.folder / "volume").iterdir()
    assert laid_out.name == "stormark.dat"
    file = laid_out.stat()
    assert file.st_size == 2**20
    assert file.st_blocks * 512 >= 2**20


def test_a_pod_tells_filesystem_free_space_and_engine(pod: Pod) -> None:
    """Facts of the volume are those that the pod sees."""
    facts = pod.serve().log.facts
    seen = subprocess.run(
        ["stat", "-f", "-c", "%a %S", pod.folder / "volume"],
        capture_output=True,
        text=True,
        check=True,
    )
    blocks, block_size = map(int, seen.stdout.split())
    assert int(facts["free_bytes"]) == pytest.approx(blocks * block_size, rel=0.2)
    mounted = {line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    assert facts["filesystem"] in mounted
    assert facts["engine"] in ("libaio", "io_uring", "psync")


def test_a_pod_refuses_a_volume_that_is_too_small(pod: Pod) -> None:
    """With both numbers, and without writing anything."""
    ended = pod.serve(STORMARK_NEEDED=str(2**60))
    assert (ended.status, ended.log.finished) == (1, False)
    assert ended.log.refused is not None
    free, needed = ended.log.refused
    assert 0 < free < needed == 2**60
    assert list((pod.folder / "volume").iterdir()) == []


def test_a_pod_says_that_a_volume_cannot_be_written(pod: Pod) -> None:
    """A folder in the place of the probe refuses every user, root included."""
    (pod.folder / "volume" / "stormark.dat.probe").mkdir()
    ended = pod.serve("1 layout")
    assert (ended.status, ended.log.finished) == (1, False)
    assert "stormark.dat.probe" in str(ended.log.unwritable)


def test_a_pod_says_that_a_device_cannot_be_opened(pod: Pod) -> None:
    """As another user's; a folder in its place refuses root, too."""
    (pod.folder / "volume").rmdir()
    (pod.folder / "dev" / "stormark").mkdir(parents=True)
    ended = pod.serve(STORMARK_TARGET="dev/stormark")
    assert (ended.status, ended.log.finished) == (1, False)
    assert "dev/stormark" in str(ended.log.unwritable)


def test_a_pod_takes_the_first_engine_that_works(pod: Pod) -> None:
    """An engine that the node refuses is said, in fio's words."""
    pod.fake_fio(
        'case "$*" in *--ioengine=libaio*) echo "fio: no libaio here" >&2; exit 1 ;; esac\n'
    )
    log = pod.serve().log
    assert log.facts["engine"] == "io_uring"
    assert log.engine_errors == ["libaio: fio: no libaio here"]


def test_a_pod_falls_back_to_psync_when_every_engine_is_refused(pod: Pod) -> None:
    """The lay-out then says what is wrong; a last line without its newline is kept."""
    pod.fake_fio('printf "fio: refused" >&2; exit 1\n')
    ended = pod.serve("1 layout")
    assert ended.log.facts["engine"] == "psync"
    assert ended.log.engine_errors == [
        f"{engine}: fio: refused" for engine in ("libaio", "io_uring", "psync")
    ]
    assert (ended.status, ended.log.errors) == (1, ["fio: refused"])


def test_a_pod_says_why_a_lay_out_failed_even_if_only_the_output_does(pod: Pod) -> None:
    """fio writes I/O errors of a job to its output, not to stderr."""
    pod.fake_fio(
        'case "$*" in *--name=layout*) echo "error=No space left" >scratch/layout; exit 1 ;; esac\n'
    )
    ended = pod.serve("1 layout")
    assert (ended.status, ended.log.finished) == (1, False)
    assert ended.log.errors == ["error=No space left"]


def test_a_pod_reads_a_device_and_never_removes_it(pod: Pod) -> None:
    """A device has no filesystem and no free space, and is written full as well."""
    (pod.folder / "volume").rmdir()
    (pod.folder / "dev").mkdir()
    device = pod.folder / "dev" / "stormark"
    device.write_bytes(bytes(2**20))
    ended = pod.serve(
        "1 layout",
        STORMARK_TARGET="dev/stormark",
        STORMARK_LAYOUT="dev/stormark:1048576",
        STORMARK_NEEDED=str(2**60),
    )
    assert (ended.status, ended.log.finished) == (0, True)
    assert not {"filesystem", "free_bytes"} & set(ended.log.facts)
    assert any(device.read_bytes())


def test_a_file_system_without_direct_i_o_is_laid_out_all_the_same(pod: Pod) -> None:
    """As ramfs: a job with direct=0 is measured there, one with direct=1 says why not."""
    pod.fake_fio(
        'case "$*" in *--direct=1*) echo "fio: no O_DIRECT here" >&2; exit 1 ;; esac\n'
        'PATH=${PATH#*:} exec fio "$@"\n'
    )
    ended = pod.serve("1 layout")
    assert (ended.status, ended.log.finished) == (0, True)
    assert (pod.folder / "volume" / "stormark.dat").stat().st_blocks * 512 >= 2**20
    assert ended.log.facts["engine"] == "psync"
    assert ended.log.engine_errors[-1] == "psync: fio: no O_DIRECT here"


def test_layout_makes_the_files_that_the_jobs_use(pod: Pod) -> None:
    """As many as fio takes for them, each full."""
    words = "[a]\ndirectory=volume\nnrfiles=3\nfilesize=64k\nrw=randread\n"
    made = "create_only=1\noverwrite=1\nfallocate=none\n"
    (pod.folder / "jobs" / "layout.fio").write_text(words + made)
    ended = pod.serve("1 layout", STORMARK_LAYOUT="")
    assert (ended.status, ended.log.finished) == (0, True)
    sizes = {path.name: path.stat().st_size for path in (pod.folder / "volume").iterdir()}
    assert sizes == {"a.0.0": 65536, "a.0.1": 65536, "a.0.2": 65536}


def test_a_layout_that_fio_cannot_make_fails_in_its_words(pod: Pod) -> None:
    (pod.folder / "jobs" / "layout.fio").write_text("[a]\ndirectory=nowhere\nsize=1m\n")
    ended = pod.serve("1 layout", STORMARK_LAYOUT="")
    assert (ended.status, ended.log.finished) == (1, False)
    assert any("nowhere" in words for words in ended.log.errors)


def test_check_says_each_option_as_fio_takes_it(pod: Pod) -> None:
    """By its first name, with its number; a file that fio reads and has no engine for is told."""
    words = "[a]\nblocksize=16Ki\nioengine=nonsuch\n[b]\nioengine=psync\n"
    (pod.folder / "stormark" / "job.fio").write_text(words)
    log = pod.run("check", "1 end").log
    assert [
        line.split(maxsplit=2)[2] for line in log.parsed if "bs" in line or "16384" in line
    ] == [
        "handle_option=bs, ptr=16Ki",
        "ret=0, out=16384",
    ]
    assert log.unusable_engines == {"nonsuch": ""}


@pytest.mark.parametrize(
    ("error", "said"), [(errno.EPERM, "error=Operation not permitted"), (errno.ENOSYS, "io_uring")]
)
def test_check_tries_an_engine_that_a_seccomp_profile_may_refuse(
    pod: Pod, error: int, said: str
) -> None:
    """Refused by the kernel itself, as container runtimes have it; elsewhere nothing is said."""
    (pod.folder / "stormark" / "job.fio").write_text("[a]\nioengine=io_uring\n")
    pod.fake_fio(f'PATH=${{PATH#*:}} exec "{sys.executable}" "{SECCOMP}" {error} fio "$@"\n')
    refused = pod.run("check", "1 end").log
    assert said in refused.unusable_engines["io_uring"]
    pod.fake_fio('PATH=${PATH#*:} exec fio "$@"\n')
    assert pod.run("check", "1 end").log.unusable_engines == {}


def test_run_measures_one_group_after_the_other(pod: Pod) -> None:
    """Jobs of a group run at once; each gives figures."""
    ended = pod.serve("1 layout", "2 run 1 2")
    log = ended.log
    assert (ended.status, log.finished) == (0, True)
    assert log.status == {"1": 0, "2": 0}
    assert log.begun["1"] <= log.begun["2"]
    first = figures(log.output["1"], [a_job("read"), a_job("write")])
    assert first["read"].keys() >= {"read_iops"}
    assert first["write"].keys() >= {"write_iops"}
    second = figures(log.output["2"], [a_job("sync")])["sync"]
    assert second["engine"] == log.facts["engine"]
    assert second["sync_latency_p99_ns"] > 0


def test_run_shows_rates_while_fio_runs(tmp_path: Path) -> None:
    """fio begins to say its rates after two seconds."""
    pod = make_pod(tmp_path, ["sh"], JOB_FILES[0].replace("runtime=200ms", "runtime=4"))
    ended = pod.serve("1 run 1")
    seen = [speed for line in ended.lines if (speed := rates(line))]
    assert seen
    assert all(iops > 0 and bytes_per_second > 0 for iops, bytes_per_second in seen)


def test_run_says_what_fio_did_in_each_second(tmp_path: Path) -> None:
    """Of two processes together, with each second's longest latency where that is asked for."""
    words = JOB_FILES[1].replace("runtime=200ms", "runtime=2\nnumjobs=2\ngroup_reporting")
    pod = make_pod(tmp_path, ["busybox", "sh"], words)
    log = pod.serve("1 layout", "2 run 1", STORMARK_MAXIMA="1").log
    job = Job("sync", {}, {"numjobs": 2})
    (rows,) = by_second(log.seconds["1"], log.output["1"], [job]).values()
    _, results = fio_output.results(log.output["1"], [job])
    assert [row["second"] for row in rows] == list(range(len(rows)))
    assert len(rows) >= 2
    assert {(row["direction"], row["ramp"]) for row in rows} == {("write", False)}
    done = sum(row["iops"] for row in rows)  # a second may be one of some ms more or less
    assert done == pytest.approx(results["sync"]["write"]["total_ios"], rel=0.5)
    assert rows[0]["bytes"] == pytest.approx(rows[0]["iops"] * 4096, rel=0.05)
    assert rows[0]["mean_latency_seconds"] < rows[0]["max_latency_seconds"]
    assert not list((pod.folder / "scratch").glob("seconds*"))


def test_run_says_what_its_node_did_in_the_same_seconds(tmp_path: Path) -> None:
    """Its device, CPU and memory, and what it cost to look; nothing runs between two orders."""
    words = JOB_FILES[1].replace("runtime=200ms", "runtime=3")
    pod = make_pod(tmp_path, ["busybox", "sh"], words)
    log = pod.serve("1 layout", "2 run 1").log
    group = [a_job("sync")]
    of_fio = seconds.rows(log.seconds["1"], log.output["1"], group, CELL.key)
    document, _ = fio_output.results(log.output["1"], group)
    (rows,) = node_seconds.rows(log.node["1"], of_fio, document["timestamp_ms"] / 1e3).values()
    assert [row.at for row in rows] == [row.at for row in of_fio["sync"]]
    for row in (one.columns() for one in rows):
        assert (row["device"] is None) != (row["no_device"] is None)
        states = [row[f"cpu_{s}_percent"] for s in ("user", "system", "iowait", "steal", "idle")]
        assert sum(states) == pytest.approx(100, abs=1)
        assert row["memory_available_bytes"] > 0
        assert 0 < row["sampling_cpu_percent"] < 100


def test_a_sampler_that_fails_costs_no_figure(pod: Pod) -> None:
    """Nor one that is not there."""
    (pod.folder / "stormark" / "sample.sh").write_text("exit 3\n")
    log = pod.serve("1 layout", "2 run 2").log
    assert log.status == {"2": 0}
    of_fio = seconds.rows(log.seconds["2"], log.output["2"], [a_job("sync")], CELL.key)
    assert of_fio["sync"]
    assert node_seconds.rows(log.node["2"], of_fio, 0.0) == {}


def test_an_image_without_gzip_gives_figures_and_no_seconds(pod: Pod) -> None:
    """The reason stands in their place."""
    for tool in ("cat", "date", "df", "fio", "mkdir", "mkfifo", "rm", pod.shell[0]):
        (pod.folder / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    env = ON_VOLUME | {"PATH": f"{pod.folder}/bin"}
    log = pod.run("serve", "1 layout", "2 run 2", env=env).log
    assert log.status == {"2": 0}
    assert figures(log.output["2"], [a_job("sync")])
    if pod.shell == ["sh"]:  # busybox has its own
        with pytest.raises(seconds.NoSeconds, match="the image has no gzip or no base64"):
            by_second(log.seconds["2"], log.output["2"], [a_job("sync")])


def test_run_goes_on_after_a_group_that_fails(pod: Pod) -> None:
    """A failed group has fio's status and words and no output, not even its predecessor's."""
    pod.fake_fio(
        'case "$*" in\n'
        '*jobs/2.fio*) echo "fio: first" >&2; echo "fio: second" >&2; exit 3 ;;\n'
        "*) echo '{\"jobs\": []}' >scratch/output ;;\n"
        "esac\n"
    )
    log = pod.serve("1 run 1 2 3").log
    assert log.finished
    assert log.status == {"1": 0, "2": 3, "3": 0}
    assert log.stderr == {"1": [], "2": ["fio: first", "fio: second"], "3": []}
    assert log.output["2"].strip() == ""
    assert log.output["1"].strip() == log.output["3"].strip() == '{"jobs": []}'


def test_an_order_that_comes_twice_is_done_once(pod: Pod) -> None:
    """Its answer was lost on the way, and so it was sent again."""
    pod.fake_fio('case "$*" in *jobs/*) echo "$*" >>asked ;; esac\n')
    ended = pod.serve("1 run 1", "1 run 1", "2 run 2")
    assert ended.status == 0
    asked = (pod.folder / "asked").read_text().splitlines()
    assert [words.split()[-1] for words in asked] == ["jobs/1.fio", "jobs/2.fio"]


def test_a_pod_that_waits_ends_when_it_is_told_to(pod: Pod) -> None:
    """Process 1 of a container hears SIGTERM only if it says so."""
    ended = pod.serve()
    assert (ended.status, ended.lines[-1]) == (0, "@stormark ready")


def test_an_image_without_mkfifo_is_told_before_a_volume_is_made(tmp_path: Path) -> None:
    """A pod that could hear no order would look for one for ever."""
    pod = make_pod(tmp_path, ["sh"], *JOB_FILES)  # busybox has its own
    fake = pod.folder / "bin" / "mkfifo"
    fake.write_text("#!/bin/sh\necho mkfifo: no such applet; exit 127\n")
    fake.chmod(0o755)
    ended = pod.run("check")
    assert (ended.status, ended.log.facts) == (1, {})
    assert ended.log.errors == ["mkfifo: no such applet"]
