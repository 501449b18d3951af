"""fio job files: which jobs a file has, which of them run at once, and on which files.

A built-in profile is read here; a user's own file is read by fio (`own_file.py`). Both become the
same: jobs with every option that applies to them, from which the files are written that run.
"""

import re
from configparser import ConfigParser
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from tasks.plan.plan import Plan, PlanError
from tasks.plan.quantity import quantity_bytes

PROFILES = Path(__file__).parents[2] / "manifests" / "fio"
# Room for the filesystem's own needs, and for a full volume not to be what is measured.
USABLE_SHARE = 0.8
TARGET = {"Filesystem": "volume/stormark.dat", "Block": "dev/stormark"}
MIB = 2**20
SIZE_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
TIMES = ("runtime", "ramp_time")  # in seconds in a profile, in µs where fio has resolved them
FALSE = ("0", "false")
# Engines whose subject the making of files is.
OF_FILES = (
    "filecreate", "filestat", "filedelete", "dircreate", "dirstat", "dirdelete", "falloc",
    "ftruncate", "e4defrag",
)  # fmt: skip
# Engines that do no I/O on a file or device of a volume.
WITHOUT_FILE = (
    "net", "netsplice", "rdma", "rbd", "rados", "http", "gfapi", "gfapi_async", "libhdfs", "nfs",
    "nbd", "dfs", "exec", "null", "mtd", "sg", "dev-dax", "pmemblk", "io_uring_cmd",
    "xnvme", "libblkio", "libcufile", "libiscsi", "libzbc", "ime_psync", "ime_psyncv", "ime_aio",
    "external",
)  # fmt: skip
# Options that only some engines have: `fio --enghelp=ENGINE` lists them. fio itself forgets them
# where a later engine has none of that name.
_PRIORITIES = ("cmdprio_percentage", "cmdprio_class", "cmdprio", "cmdprio_bssplit")
OPTIONS_OF = {
    "cpuio": ("cpuload", "cpuchunks", "cpumode", "exit_on_io_done"),
    "e4defrag": ("donorname", "inplace"),
    "filestat": ("stat_type",),
    "io_uring": (
        "hipri", "fixedbufs", "registerfiles", "sqthread_poll", "sqthread_poll_cpu", "nonvectored",
        "uncached", "nowait", "force_async", "cmd_type", *_PRIORITIES,
    ),
    "libaio": ("userspace_reap", "nowait", *_PRIORITIES),
    "mmap": ("thp",),
    "pvsync2": ("hipri", "hipri_percentage", "uncached", "nowait"),
}  # fmt: skip
# As the size of a lay-out: whatever the device has.
WHOLE_DEVICE = 0
# What the pod found to work, of a job that names no engine.
CHOSEN_ENGINE = "${STORMARK_ENGINE}"


class Job(NamedTuple):
    """One job, with the options that apply to it, those of [global] included, in fio's order.

    `numbers` are the values of options that are a number: bytes, counts, times in µs. `reported` is
    what fio calls it; `merged` says that fio reports it as one with the job before it.
    """

    name: str
    options: dict[str, str]
    numbers: dict[str, int]
    reported: str = ""
    merged: bool = False

    def flag(self, option: str) -> bool:
        """Whether an option that is on or off is on."""
        return self.options.get(option, "0") not in FALSE

    @property
    def engine(self) -> str:
        """Its ioengine, fio's default where it names none."""
        return self.options.get("ioengine", "psync")

    @property
    def does_io(self) -> bool:
        """Whether it has figures: not if it burns CPU, makes its files, or asks for none."""
        return self.engine != "cpuio" and not self.flag("create_only") and self.has_entry

    @property
    def has_entry(self) -> bool:
        """Whether fio reports it at all."""
        return "stats" not in self.options or self.flag("stats")

    @property
    def uses_files(self) -> bool:
        """Whether it has files on the volume."""
        return self.engine.partition(":")[0] not in ("cpuio", *WITHOUT_FILE)

    @property
    def laid_out(self) -> bool:
        """Whether its files are there, and full, before anything is measured."""
        makes_its_own = self.engine in OF_FILES or self.flag("create_on_open")
        return self.uses_files and not makes_its_own

    @property
    def text(self) -> str:
        """Its section of a job file."""
        lines = [f"{name}={value}" if value else name for name, value in self.options.items()]
        return "\n".join([f"[{self.reported or self.name}]", *lines]) + "\n"


class Workload(NamedTuple):
    """What fio runs, complete and ready.

    `groups` are the jobs of one fio each, in order: those of a profile run at once. `layout` is the
    size in bytes of each file that is written full before the first job; `laid_out_by_fio` are the
    jobs with which fio does that itself. `needed_bytes` is what those take together; `notes` say
    what is not as the file says. Of an own file that fio has not read yet all is empty.
    """

    profile: str
    groups: list[list[Job]]
    layout: dict[str, int]
    sizes: dict[str, int]
    needed_bytes: int
    laid_out_by_fio: list[Job] = []  # noqa: RUF012 - of a tuple, never changed
    notes: list[str] = []  # noqa: RUF012 - of a tuple, never changed

    @property
    def jobs(self) -> list[Job]:
        """The jobs that have a result, in the order in which they run."""
        return [job for group in self.groups for job in measured(group)]

    @property
    def text(self) -> str:
        """One job file of all groups."""
        return "".join(text(group) for group in self.groups)

    @property
    def files(self) -> dict[str, str]:
        """The job files of a run, by their names: one for each group, and the lay-out's."""
        texts = [text(group) for group in self.groups]
        files = {f"{number}.fio": words for number, words in enumerate(texts, 1)}
        if self.laid_out_by_fio:
            files["layout.fio"] = text(self.laid_out_by_fio)
        return files

    @property
    def laid_out_bytes(self) -> int:
        """Bytes that are written before the first job, by stormark or by fio."""
        return self.needed_bytes if self.laid_out_by_fio else sum(self.layout.values())

    def seconds(self) -> float:
        """How long the timed jobs take, for progress and limits; untimed ones count as 0."""
        return sum(group_seconds(group) for group in self.groups)


def measured(group: list[Job]) -> list[Job]:
    """The jobs of a group that have a result of their own."""
    return [job for job in group if not job.merged and job.does_io]


def merged_into(job: Job, group: list[Job]) -> list[Job]:
    """A job, and those that fio reports as one with it."""
    after = group[group.index(job) + 1 :]
    return [job, *takewhile(lambda one: one.merged, after)]


def text(group: list[Job]) -> str:
    """The job file of a group."""
    return "".join(job.text for job in group)


def waves(jobs: list[Job]) -> list[list[Job]]:
    """Jobs that run at once: a job with `stonewall` waits for all before it."""
    groups: list[list[Job]] = []
    for job in jobs:
        if not groups or job.flag("stonewall") or "wait_for" in job.options:
            groups.append([])
        groups[-1].append(job)
    return groups


def group_seconds(group: list[Job]) -> float:
    """How long the timed jobs of a group take."""
    return sum(max(job_seconds(job) for job in wave) for wave in waves(group))


def job_seconds(job: Job) -> float:
    """Delay, ramp and runtime of a job; 0 where it ends by itself."""
    runtime = job.numbers.get("runtime", 0) / 1e6
    delay = job.numbers.get("startdelay", 0) / 1e6
    return delay + ramp_seconds(job) + runtime if runtime else 0.0


def ramp_seconds(job: Job) -> float:
    """How long a job runs before its figures count."""
    return job.numbers.get("ramp_time", 0) / 1e6


def timed(job: Job, plan: Plan) -> Job:
    """The job with the times that the plan names in place of its own, where it has such.

    One that is over when it has written its file (`time_based=0`) is measured from its beginning.
    """
    options, numbers = dict(job.options), dict(job.numbers)
    for option, seconds in (("runtime", plan.runtime_seconds), ("ramp_time", plan.ramp_seconds)):
        whole = option == "ramp_time" and options.get("time_based") == "0"
        if seconds is not None and option in options and not whole:
            options[option], numbers[option] = f"{seconds}", seconds * 10**6
    return job._replace(options=options, numbers=numbers)


# ---------------------------------------------------------------- profiles


@cache
def profile_text(profile: str) -> str:
    """The job file of a built-in profile."""
    return (PROFILES / f"{profile}.fio").read_text()


def prepare(plan: Plan) -> Workload:
    """The workload of a plan's profile; of an own file, what is known before fio has read it."""
    if plan.fio_file is not None:
        return Workload("custom", [], {}, {}, 0)
    words = profile_text(plan.profile)
    jobs = [timed(job, plan) for job in _jobs(words)]
    target = TARGET[plan.volume_mode]
    apart = "; stormark: own-layout\n" in words
    on_files = plan.volume_mode == "Filesystem"
    # a file of its own, which fio makes
    own = {job.name for job in jobs if on_files and (apart or job.flag("unlink"))}
    files = {job.name: f"{target}.{job.name}" if job.name in own else target for job in jobs}
    sizes = _sizes(jobs, files, plan)
    by_file = {f: max(sizes[j] for j in sizes if files[j] == f) for f in files.values()}
    return Workload(
        profile=plan.profile,
        groups=waves([_completed(job, files[job.name], sizes[job.name]) for job in jobs]),
        layout={files[job.name]: by_file[files[job.name]] for job in jobs if job.name not in own},
        sizes=sizes,
        needed_bytes=sum(by_file.values()),
    )


def _jobs(words: str) -> list[Job]:
    parser = ConfigParser(
        allow_no_value=True, delimiters=("=",), default_section="global", interpolation=None
    )
    parser.read_string(words)
    jobs = []
    for name in parser.sections():
        options = {option: value or "" for option, value in parser[name].items()}
        numbers = {option: _number(option, value) for option, value in options.items()}
        jobs.append(Job(name, options, {o: n for o, n in numbers.items() if n is not None}))
    return jobs


def _number(option: str, value: str) -> int | None:
    match = re.fullmatch(r"(\d+)([kmgt]?)", value.lower())
    if match is None:
        return None
    number = int(match[1]) * SIZE_UNITS[match[2]]
    return number * 10**6 if option in TIMES else number


def _sizes(jobs: list[Job], files: dict[str, str], plan: Plan) -> dict[str, int]:
    """Bytes that each job addresses: what it says; else all that the others' files leave.

    A job that has its file alone removes it (`unlink`); at most an even share is each one's.
    """
    usable = int(quantity_bytes(plan.volume_size) * USABLE_SHARE)
    several = len(set(files.values()))
    share = usable // several // MIB * MIB
    if share == 0:
        raise PlanError(
            f"plan field volume_size: {plan.volume_size} is too small for {several} files"
        )
    named = {job.name: min(job.numbers["size"], share) for job in jobs if "size" in job.numbers}
    alone = sum(
        size for name, size in named.items() if list(files.values()).count(files[name]) == 1
    )
    rest = (usable - alone) // MIB * MIB
    return {job.name: named.get(job.name, rest) for job in jobs}


def _completed(job: Job, file: str, size: int) -> Job:
    """The job with what stormark adds: its file, its size, and an engine if it names none."""
    options = {"ioengine": CHOSEN_ENGINE} | job.options
    return job._replace(options=options | {"filename": file, "size": str(size)})
