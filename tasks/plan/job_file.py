"""fio job files: which jobs a file has, which of them run at once, and on which files.

A built-in profile and a user's own file are treated alike. stormark chooses the file that a job
works on, and its size where the job file does not say; everything else is run as written.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tasks.plan.plan import Plan, PlanError
from tasks.plan.quantity import quantity_bytes

PROFILES = Path(__file__).parents[2] / "manifests" / "fio"
# Room for the filesystem's own needs, and for a full volume not to be what is measured.
USABLE_SHARE = 0.8
TARGET = {"Filesystem": "volume/stormark.dat", "Block": "dev/stormark"}
CHOSEN_BY_STORMARK = ("filename", "directory", "opendir", "filename_format", "include")
SIZE_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
# fio's other names for options that stormark looks at.
ALIASES = {"timeout": "runtime", "wait_for_previous": "stonewall"}
TIME_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Job(NamedTuple):
    """One job section, with the options that apply to it, those of [global] included."""

    name: str
    options: dict[str, str]


class Workload(NamedTuple):
    """A job file, complete and ready to run.

    `groups` are the jobs that run at once, in order; `layout` is the size in bytes of each file
    that is written full before the first job; `needed_bytes` is what all files take together.
    """

    profile: str
    text: str
    groups: list[list[Job]]
    layout: dict[str, int]
    sizes: dict[str, int]
    needed_bytes: int

    @property
    def jobs(self) -> list[Job]:
        """All jobs, in the order in which they run."""
        return [job for group in self.groups for job in group]

    def seconds(self) -> float:
        """How long the timed jobs take, for progress and limits; untimed ones count as 0."""
        return sum(max(job_seconds(job) for job in group) for group in self.groups)


def prepare(plan: Plan) -> Workload:
    """The workload of a plan. Raises PlanError when the file cannot be run as it stands."""
    text = plan.fio_file if plan.fio_file is not None else profile_text(plan.profile)
    text = _with_times(text, plan.runtime_seconds, plan.ramp_seconds)
    jobs = _jobs(text)
    directives = set(re.findall(r"^\s*[;#]\s*stormark:\s*(\S+)\s*$", text, re.MULTILINE))
    groups = _groups(jobs)
    _check(groups, directives)
    shared = "own-layout" not in directives and "contention" not in directives
    files = _files(jobs, plan, shared=shared)
    sizes = _sizes(jobs, files, plan)
    by_file = {f: max(sizes[j] for j in sizes if files[j] == f) for f in files.values()}
    # fio itself only lays out files: a device would answer reads of blocks that nobody wrote
    own_layout = "own-layout" in directives and plan.volume_mode == "Filesystem"
    return Workload(
        profile="custom" if plan.fio_file is not None else plan.profile,
        text=_completed(text, jobs, files, sizes),
        groups=groups,
        layout={} if own_layout else by_file,
        sizes=sizes,
        needed_bytes=sum(by_file.values()),
    )


@cache
def profile_text(profile: str) -> str:
    """The job file of a built-in profile."""
    return (PROFILES / f"{profile}.fio").read_text()


def job_seconds(job: Job) -> float:
    """Ramp and runtime of a job; 0 where it ends by itself."""
    runtime = _seconds(job, "runtime")
    return ramp_seconds(job) + runtime if runtime else 0.0


def ramp_seconds(job: Job) -> float:
    """How long a job runs before its figures count."""
    return _seconds(job, "ramp_time")


def fio_bytes(size: str) -> int | None:
    """A size or count as fio writes it (4k is 4,096, fio's kb_base=1024); None if it is none."""
    if re.fullmatch(r"0x[0-9a-f]+", size.lower()):
        return int(size, 16)
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", size.lower())
    return int(match[1]) * SIZE_UNITS[match[2]] if match else None


def _seconds(job: Job, option: str) -> float:
    time = job.options.get(option, "0")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", time.lower())
    if match is None or match[2] not in TIME_UNITS:
        raise PlanError(
            f"fio file: job {job.name}: {option}={time} is not a time: "
            "write seconds, or 500ms, 2m, 1h"
        )
    return float(match[1]) * TIME_UNITS[match[2]]


def _option(line: str) -> tuple[str, str] | None:
    content = re.split("[;#]", line)[0].strip()
    if not content or content.startswith("["):
        return None
    # `include` has its file after a space
    name, _, value = re.sub(r"\s*=\s*|\s+", "=", content, count=1).partition("=")
    return ALIASES.get(name, name), value


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the section that it stands in; the section's own line is its first."""
    section = ""
    for line in text.splitlines():
        if heading := re.match(r"\s*\[(.+)]", line):
            section = heading[1].strip()
        yield section, line


def _jobs(text: str) -> list[Job]:
    common: dict[str, str] = {}
    jobs: list[Job] = []
    for section, line in _sections(text):
        if line.strip().startswith("[") and section != "global":
            jobs.append(Job(section, dict(common)))
        option = _option(line)
        if option is None:
            continue
        if section == "":
            raise PlanError(f"fio file: {line.strip()!r} stands before any [section]")
        (common if section == "global" else jobs[-1].options)[option[0]] = option[1]
    if not jobs:
        raise PlanError("fio file: it has no job; a job is a [name] with its options below")
    return jobs


def _groups(jobs: list[Job]) -> list[list[Job]]:
    """Jobs that run at once: a job with `stonewall` waits for all before it."""
    groups: list[list[Job]] = []
    for job in jobs:
        if not groups or "stonewall" in job.options:
            groups.append([])
        groups[-1].append(job)
    return groups


def _check(groups: list[list[Job]], directives: set[str]) -> None:
    jobs = [job for group in groups for job in group]
    names = [job.name for job in jobs]
    for job in jobs:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", job.name):
            raise PlanError(f"fio file: job name {job.name!r} may have letters, digits, . _ and -")
        if job.name.startswith("global"):
            raise PlanError(f"fio file: fio takes [{job.name}] for [global]: rename that job")
        if names.count(job.name) > 1:
            raise PlanError(f"fio file: two jobs are called {job.name!r}; a result needs one name")
        for option in CHOSEN_BY_STORMARK:
            if option in job.options:
                raise PlanError(f"fio file: job {job.name}: leave out {option}, stormark sets it")
        if job.options.get("numjobs", "1") != "1" and "group_reporting" not in job.options:
            raise PlanError(f"fio file: job {job.name}: numjobs needs group_reporting beside it")
        job_seconds(job)  # refuses what is not a time before anything runs
    for group in groups:
        together = ", ".join(job.name for job in group)
        if len(group) > 1 and "contention" not in directives:
            raise PlanError(
                f"fio file: jobs {together} would run at the same time and share the volume. "
                "Put `stonewall` into each, or, if that is what you measure, add the line "
                "`; stormark: contention`"
            )
        if len(group) > 1 and any("group_reporting" in job.options for job in group):
            raise PlanError(f"fio file: group_reporting would merge jobs {together} into one")
    if unknown := directives - {"contention", "own-layout"}:
        raise PlanError(
            f"fio file: `stormark: {', '.join(sorted(unknown))}` is unknown; "
            "there are contention and own-layout"
        )


def _files(jobs: list[Job], plan: Plan, *, shared: bool) -> dict[str, str]:
    """The file that each job works on: one for all, or its own; a device is always one."""
    target = TARGET[plan.volume_mode]
    alone = not shared and plan.volume_mode == "Filesystem"
    return {job.name: f"{target}.{job.name}" if alone else target for job in jobs}


def _sizes(jobs: list[Job], files: dict[str, str], plan: Plan) -> dict[str, int]:
    """Bytes that each job addresses: as its file says, else an even share of the usable volume.

    A built-in profile whose sizes do not fit shrinks; a user's own file is refused.
    """
    usable = int(quantity_bytes(plan.volume_size) * USABLE_SHARE)
    share = usable // len(set(files.values())) // 2**20 * 2**20
    sizes = {}
    for job in jobs:
        written = job.options.get("size")
        size = share if written is None else fio_bytes(written)
        if size is None:
            raise PlanError(
                f"fio file: job {job.name}: size={written} is not a size that can be checked "
                "against the volume; write bytes, or 4k, 22m, 2G (fio counts these by 1,024)"
            )
        sizes[job.name] = min(size, share) if plan.fio_file is None else size
    needed = sum(max(sizes[j] for j in sizes if files[j] == f) for f in set(files.values()))
    if needed > usable:
        raise PlanError(
            f"plan field volume_size: the fio file needs {needed:,} bytes, and a volume of "
            f"{plan.volume_size} leaves {usable:,} (80 %). "
            "Ask for a larger volume, or write smaller files."
        )
    return sizes


def _with_times(text: str, runtime: int | None, ramp: int | None) -> str:
    """The file with its runtimes and ramps replaced where the plan names others."""
    if runtime is not None:
        text = re.sub(r"(?m)^(\s*(?:runtime|timeout)\s*=\s*)[^\s;#]+", rf"\g<1>{runtime}", text)
    if ramp is not None:
        text = re.sub(r"(?m)^(\s*ramp_time\s*=\s*)[^\s;#]+", rf"\g<1>{ramp}", text)
    return text


def _completed(text: str, jobs: list[Job], files: dict[str, str], sizes: dict[str, int]) -> str:
    """The file with what stormark adds, at the top of each job's section."""
    options = {job.name: job.options for job in jobs}
    lines = []
    for section, line in _sections(text):
        option = _option(line)
        if option is not None and option[0] == "size":
            continue
        lines.append(line)
        if line.strip().startswith("[") and section in options:
            lines += [f"filename={files[section]}", f"size={sizes[section]}"]
            if "ioengine" not in options[section]:
                lines.append("ioengine=${STORMARK_ENGINE}")
    return "\n".join(lines) + "\n"


# Start, end and an untimed job's own length come on top of the timed seconds.
UNTIMED_JOB_SECONDS = 1800.0
