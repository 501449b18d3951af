"""A fio job file of the user's own: fio reads it, and the volume takes the place of its files.

What a file means is known only once fio has resolved it: aliases, units, variables, [global].
`fio --debug=parse --parse-only` says each option as it takes it. From that the job files that run
are written: every option as fio understood it, with the volume in place of names and folders.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tasks.plan.job_file import MIB, TARGET, USABLE_SHARE, Job, Workload, waves
from tasks.plan.plan import Plan, PlanError
from tasks.plan.quantity import quantity_bytes

SECTION = re.compile(r"Parsing section \[(.*)]$")
OPTION = re.compile(r"(?<!_)handle_option=(\w+), ptr=(.*)$")
NUMBER = re.compile(r"\bret=0, out=(\d+)$")
# [global] may come again, for the jobs after it.
GLOBAL = "global"
VARIABLE = re.compile(r"\$\{(\w+)}")
# Engines of fio 3.33 that do no I/O on a file or device, and those whose files are their subject.
WITHOUT_FILE = (
    "net", "netsplice", "rdma", "rbd", "rados", "http", "gfapi", "gfapi_async", "libhdfs", "nfs",
    "nbd", "dfs", "exec", "null", "mtd", "sg", "dev-dax", "pmemblk", "io_uring_cmd",
    "xnvme", "libblkio", "libcufile", "libiscsi", "libzbc", "ime_psync", "ime_psyncv", "ime_aio",
    "external",
)  # fmt: skip
# Options that name places: what is in their stead is written after them.
PLACES = ("filename", "directory", "opendir")
LOGS = (
    "write_bw_log", "write_lat_log", "write_iops_log", "write_hist_log", "write_iolog",
)  # fmt: skip
TRACES = ("read_iolog", "replay_redirect")


# fio takes no link for a folder, as which an embedded node has the volume.
FOLDER = "volume/."


class Size(NamedTuple):
    """What a job takes of the volume: bytes of each of its files, by a name that no other has."""

    working_set: int
    files: dict[str, int]


def text_of(path: Path, within: tuple[Path, ...] = ()) -> str:
    """A job file's text, with the files that it includes in their place.

    `within` are those that include it. Raises PlanError when one of them cannot be read.
    """
    if path.resolve() in within:
        raise PlanError(f"fio file {path} includes itself")
    outer = (*within, path.resolve())
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PlanError(f"fio file {path} cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # only comments and names can be of another encoding
        text = content.decode("latin-1")
    if "\0" in text:
        raise PlanError(f"fio file {path} is no text: it has NUL bytes")
    return INCLUDE.sub(lambda found: text_of(path.parent / found[1], outer).rstrip("\n"), text)


INCLUDE = re.compile(r"(?m)^[ \t]*include[ \t]+(\S+)[ \t\r]*$")


def check(plan: Plan) -> None:
    """PlanError, with every reason and its line, for what is wrong without asking fio."""
    if plan.fio_file is None:
        return
    found = []
    for number, line in enumerate(plan.fio_file.splitlines(), 1):
        words = re.split("^[ \t]*[;#]", line)[0]
        if INCLUDE.match(line):
            found.append(f"line {number}: {line.strip()}: paste that file in here")
        found += [
            f"line {number}: {line.strip()}: fio_env of the plan has no {name}"
            for name in VARIABLE.findall(words)
            if name not in plan.fio_env
        ]
    if not re.search(r"(?m)^[ \t]*\[.+]", plan.fio_file):
        found.append("it has no job; a job is a [name] with its options below")
    if found:
        raise PlanError("fio file: " + "; ".join(found))


def resolve(plan: Plan, parsed: Iterable[str]) -> Workload:
    """The workload of the plan's own file, from what fio says of each option.

    Raises PlanError, with every reason, where a job can mean nothing on a volume.
    """
    jobs = _told_apart(_jobs(parsed))
    if not jobs:
        raise PlanError("fio file: fio finds no job in it")
    if plan.runtime_seconds is not None or plan.ramp_seconds is not None:
        jobs = [_timed(job, plan.runtime_seconds, plan.ramp_seconds) for job in jobs]
    found = _refusals(jobs)
    notes = _notes(jobs)
    if plan.runtime_seconds is not None and not any("runtime" in job.options for job in jobs):
        notes.append("runtime_seconds has no effect: no job has a runtime")
    placed = [_placed(job, plan) for job in jobs]
    share = _share(placed, plan)
    sizes = {job.name: _size(job, plan, share) for job in placed}
    needed, most = _together(sizes.values()), quantity_bytes(plan.volume_size)
    laid_out = _together(sizes[job.name] for job in placed if job.laid_out)
    if needed > most:
        found.append(
            f"it needs {needed:,} bytes, and the volume has {most:,} (plan field volume_size). Ask "
            "for a larger one, write smaller files, or let jobs share one by the same filename="
        )
    if found:
        raise PlanError("fio file: " + "; ".join(found))
    complete = [_sized(job, sizes[job.name].working_set) for job in placed]
    on_device = plan.volume_mode == "Block"
    return Workload(
        profile="custom",
        groups=_groups(complete),
        layout={TARGET["Block"]: needed} if on_device else {},
        sizes={name: size.working_set for name, size in sizes.items()},
        needed_bytes=needed if on_device else laid_out,
        created_by_fio=not on_device,
        notes=notes,
    )


def _jobs(parsed: Iterable[str]) -> list[Job]:
    """Each job with all its options, those of [global] before it included."""
    common = Job(GLOBAL, {}, {})
    jobs: list[Job] = []
    now, option = common, ""
    for line in parsed:
        if heading := SECTION.search(line):
            if heading[1] == GLOBAL:
                now = common
            else:
                now = Job(heading[1], dict(common.options), dict(common.numbers))
                jobs.append(now)
        elif given := OPTION.search(line):
            option = given[1]
            now.options.pop(option, None)  # in the order in which fio took them last
            now.options[option] = "" if given[2] == "(null)" else given[2]
            now.numbers.pop(option, None)
        elif number := NUMBER.search(line):
            now.numbers[option] = int(number[1])
    return [_named(job) for job in jobs]


def _named(job: Job) -> Job:
    return job._replace(name=job.options.pop("name", job.name), merged=False)


def _told_apart(jobs: list[Job]) -> list[Job]:
    """Jobs by the names that fio reports; where several have one, with a number behind it."""
    names = [job.name for job in jobs]
    told: list[Job] = []
    for job in jobs:
        before = sum(one.reported == job.name for one in told)
        number = f" #{before + 1}" if names.count(job.name) > 1 else ""
        told.append(job._replace(name=job.name + number, reported=job.name))
    return told


def _timed(job: Job, runtime: int | None, ramp: int | None) -> Job:
    options, numbers = dict(job.options), dict(job.numbers)
    for option, seconds in (("runtime", runtime), ("ramp_time", ramp)):
        if seconds is not None and option in options:
            options[option], numbers[option] = f"{seconds}", seconds * 10**6
    return job._replace(options=options, numbers=numbers)


def _refusals(jobs: list[Job]) -> list[str]:
    found = []
    for job in jobs:
        engine = job.engine.partition(":")[0]
        if engine in WITHOUT_FILE:
            found.append(f"job {job.name}: engine {job.engine} does no I/O on a volume's files")
        found += [
            f"job {job.name}: {option}={job.options[option]}: no pod has that trace"
            for option in TRACES
            if job.options.get(option)
        ]
    if not found and not any(job.does_io for job in jobs):
        found.append("none of its jobs does any I/O on a volume")
    return found


def _notes(jobs: list[Job]) -> list[str]:
    """What is not as the file says, in a line."""
    replaced = {
        f"{option}={job.options[option]}"
        for job in jobs
        for option in PLACES
        if option in job.options
    }
    logs = {option for job in jobs for option in LOGS if option in job.options}
    notes = []
    if replaced:
        notes.append(f"the volume takes the place of {', '.join(sorted(replaced))}")
    if logs:
        notes.append(f"logs are left out: {', '.join(sorted(logs))}")
    return notes


def _placed(job: Job, plan: Plan) -> Job:
    """The job on the volume; files that had one name have one, others have others."""
    options = {
        option: value for option, value in job.options.items() if option not in (*PLACES, *LOGS)
    }
    if plan.volume_mode == "Block":
        options.pop("filename_format", None)
        return job._replace(options=options | {"filename": TARGET["Block"]})
    if "filename_format" in options:
        options["filename_format"] = options["filename_format"].replace("/", "_")
    options["directory"] = FOLDER
    if "filename" in job.options:
        parts = re.split(r"(?<!\\):", job.options["filename"])
        options["filename"] = ":".join(part.strip("/").replace("/", "_") for part in parts)
    return job._replace(options=options)


def _share(jobs: list[Job], plan: Plan) -> int:
    """Bytes of a file whose job says nothing of its size: even shares of the usable volume."""
    usable = int(quantity_bytes(plan.volume_size) * USABLE_SHARE)
    files = {file for job in jobs for file in _size(job, plan, 0).files}
    return max(usable // max(len(files), 1) // MIB * MIB, MIB)


def _size(job: Job, plan: Plan, share: int) -> Size:
    """What a job takes, as fio understands size, filesize, nrfiles, numjobs and offsets."""
    if not job.does_io or job.engine in WITHOUT_FILE:
        return Size(0, {})
    numbers, options = job.numbers, job.options
    clones, written = max(numbers.get("numjobs", 1), 1), options.get("size", "0")
    names = options["filename"].split(":") if "filename" in options else []
    count = len(names) or max(numbers.get("nrfiles", 1), 1)
    if written.endswith("%"):
        whole = share * len(names or [""]) if plan.volume_mode == "Filesystem" else share
        size = whole * int(float(written[:-1])) // 100
    elif numbers.get("filesize"):
        size = numbers["filesize"] * count
    else:
        size = numbers.get("size", 0) or share * len(names or [""])
    offset = 0 if options.get("offset", "").endswith("%") else numbers.get("offset", 0)
    step = (
        0
        if options.get("offset_increment", "").endswith("%")
        else numbers.get("offset_increment", 0)
    )
    if names:
        each = offset + step * (clones - 1) + -(-size // len(names))
        return Size(size, dict.fromkeys(names, each))
    each = offset + step * (clones - 1) + size
    return Size(size, {f"{job.name} {clone}": each for clone in range(clones)})


def _together(sizes: Iterable[Size]) -> int:
    files: dict[str, int] = {}
    for size in sizes:
        for name, needed in size.files.items():
            files[name] = max(files.get(name, 0), needed)
    return sum(files.values())


def _sized(job: Job, size: int) -> Job:
    """The job with a size where it has none of its own, and one result for all its processes."""
    options = dict(job.options)
    percent = options.get("size", "").endswith("%") and options.get("directory")
    if percent or (not job.numbers.get("size") and "filesize" not in options):
        on_device = options.get("filename") == TARGET["Block"]
        if not on_device and job.does_io and "fill_device" not in options:
            options["size"] = str(size)
        elif not percent:
            options.pop("size", None)
    if not job.flag("group_reporting") and job.numbers.get("numjobs", 1) > 1:
        options |= {"group_reporting": "1", "new_group": "1"}
    return job._replace(options=options)


def _groups(jobs: list[Job]) -> list[list[Job]]:
    """Jobs that run in one fio: all after a wall, or all of them where one waits for another."""
    groups = [jobs] if any("wait_for" in job.options for job in jobs) else waves(jobs)
    return [_merged(group) for group in groups]


def _merged(group: list[Job]) -> list[Job]:
    """Which jobs fio reports as one with the job before them."""
    told: list[Job] = []
    for job in group:
        begins = job.flag("stonewall") or job.flag("new_group")
        merged = bool(told) and job.flag("group_reporting") and not begins
        told.append(job._replace(merged=merged and told[-1].flag("group_reporting")))
    return told
