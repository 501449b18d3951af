"""The jobs of a user's own file on a volume: which files they have there, and of what size."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from tasks.plan.job_file import MIB, TARGET, USABLE_SHARE, Job
from tasks.plan.plan import Plan
from tasks.plan.quantity import quantity_bytes

# Options that name places: what is in their stead is written after them.
PLACES = ("filename", "directory", "opendir")
# Of which a pod keeps nothing; `unlink` would have every round but the first make its files anew.
LEFT_OUT = (
    "write_bw_log", "write_lat_log", "write_iops_log", "write_hist_log", "write_iolog", "unlink",
    "log_avg_msec", "log_hist_msec", "log_hist_coarseness", "log_max_value", "log_window_value",
    "log_offset", "log_prio", "log_issue_time", "log_unix_epoch", "log_alternate_epoch",
    "log_alternate_epoch_clock_id", "log_entries", "log_compression", "log_compression_cpus",
    "log_store_compressed", "per_job_logs",
)  # fmt: skip
# fio takes no link for a folder, as which an embedded node has the volume.
FOLDER = "volume/."
# What a job does besides its files, or to them at its end, is left out of the lay-out.
NOT_IN_LAYOUT = (
    "exec_prerun", "exec_postrun", "startdelay", "wait_for", "unlink_each_loop",
    "allow_file_create", "io_submit_mode", "fill_device", "file_append",
)  # fmt: skip
LAID_OUT = {"create_only": "1", "overwrite": "1", "fallocate": "none"}


class Size(NamedTuple):
    """What a job takes of the volume: bytes of each of its files, by a name that no other has."""

    working_set: int
    files: dict[str, int]


def replaced(jobs: list[Job]) -> list[str]:
    """What is not as the file says, in a line each."""
    places = {f"{o}={job.options[o]}" for job in jobs for o in PLACES if o in job.options}
    left = {option for job in jobs for option in LEFT_OUT if option in job.options}
    notes = []
    if places:
        notes.append(f"the volume takes the place of {', '.join(sorted(places))}")
    if left:
        notes.append(f"left out: {', '.join(sorted(left))}")
    return notes


def placed(jobs: list[Job], plan: Plan) -> list[Job]:
    """The jobs on the volume; files that were one are one, others are others."""
    several = len({job.options.get("directory", "") for job in jobs}) > 1
    return [_placed(job, plan, several=several) for job in jobs]


def _placed(job: Job, plan: Plan, *, several: bool) -> Job:
    dropped = (*PLACES, *LEFT_OUT)
    options = {option: value for option, value in job.options.items() if option not in dropped}
    if plan.volume_mode == "Block":
        options.pop("filename_format", None)
        return job._replace(options=options | {"filename": TARGET["Block"]})
    if "filename_format" in options:
        options["filename_format"] = options["filename_format"].replace("/", "_")
    options["directory"] = FOLDER
    if "filename" in job.options:
        folder = job.options.get("directory", "") if several else ""
        parts = [f"{folder}/{part}" for part in _names(job)]
        options["filename"] = ":".join(_flat(part) for part in parts)
    return job._replace(options=options)


def _names(job: Job) -> list[str]:
    """The files that a job names; a colon within a name is escaped."""
    return re.split(r"(?<!\\):", job.options["filename"]) if "filename" in job.options else []


def _flat(path: str) -> str:
    return re.sub(r"(?<!\\):", "_", path.strip("/").replace("/", "_"))


# ---------------------------------------------------------------- sizes


def sizes(jobs: list[Job], plan: Plan) -> dict[str, Size]:
    """What each job takes: as it says, else as another says of its file, else an even share."""
    named = {
        file: size
        for job in jobs
        if job.numbers.get("size") and not _is_part(job, "size")
        for file, size in _size(job, 0).files.items()
    }
    files = {file for job in jobs for file in _size(job, 0).files}
    most = quantity_bytes(plan.volume_size)
    if plan.volume_mode == "Block":  # no size means the whole device
        return {job.name: _size(job, most) for job in jobs}
    share = max(int(most * USABLE_SHARE) // max(len(files), 1) // MIB * MIB, MIB)

    def of_its_files(job: Job) -> int:
        others = [named[file] for file in _size(job, 0).files if file in named]
        return max(others, default=share)

    return {job.name: _size(job, of_its_files(job)) for job in jobs}


def together(several: Iterable[Size]) -> int:
    """Bytes of all files of the jobs."""
    return sum(_by_file(several).values())


def _by_file(several: Iterable[Size]) -> dict[str, int]:
    """Bytes of each file: as the job that takes most of it."""
    files: dict[str, int] = {}
    for size in several:
        for name, needed in size.files.items():
            files[name] = max(files.get(name, 0), needed)
    return files


def _size(job: Job, share: int) -> Size:
    """What a job takes, as fio understands size, filesize, nrfiles, numjobs and offsets.

    `share` is the size of a file of which the job says none.
    """
    if not job.uses_files:
        return Size(0, {})
    numbers, clones = job.numbers, max(job.numbers.get("numjobs", 1), 1)
    names = _names(job)
    count = len(names) or max(numbers.get("nrfiles", 1), 1)
    offset = 0 if _is_part(job, "offset") else numbers.get("offset", 0)
    step = 0 if _is_part(job, "offset_increment") else numbers.get("offset_increment", 0)
    whole = share * max(len(names), 1)
    if _is_part(job, "size"):
        size = whole * int(float(job.options["size"][:-1])) // 100
        ends = [size] * clones
    elif numbers.get("filesize"):
        size = numbers["filesize"] * count
        ends = [size] * clones
    elif numbers.get("size"):
        size = numbers["size"]
        ends = [offset + step * clone + size for clone in range(clones)]
    else:
        size = whole
        ends = [max(whole, offset + step * clone) for clone in range(clones)]
    if names:
        return Size(size, dict.fromkeys(names, -(-max(ends) // len(names))))
    return Size(size, {f"{job.name} {clone}": end for clone, end in enumerate(ends)})


def _is_part(job: Job, option: str) -> bool:
    """Whether an option is a percentage, of what fio knows only where it runs."""
    return job.options.get(option, "").endswith("%")


def sized(job: Job, size: Size, plan: Plan) -> Job:
    """The job with a size where it has none of its own; of a device fio knows it."""
    options = dict(job.options)
    on_device = plan.volume_mode == "Block"
    if not on_device and job.uses_files and _is_part(job, "size"):
        options["size"] = f"{size.working_set}"
    elif not job.numbers.get("size") and "filesize" not in options:
        options.pop("size", None)
        if not on_device and job.uses_files and not job.flag("fill_device"):
            options["size"] = f"{size.working_set}"
    return job._replace(options=options)


def whole_device(jobs: list[Job]) -> bool:
    """Whether a job on a device uses what only fio knows the size of."""
    return any(not job.numbers.get("size") or _is_part(job, "size") for job in jobs)


def layout(jobs: list[Job], of_jobs: dict[str, Size]) -> list[Job]:
    """The jobs with which fio writes every file full, once, and does nothing else."""
    made: list[Job] = []
    shared: list[Size] = []
    for job in jobs:
        if not job.laid_out:
            continue
        if "filename" in job.options:
            shared.append(of_jobs[job.name])
            continue
        options = {o: value for o, value in job.options.items() if o not in NOT_IN_LAYOUT}
        if "size" not in options and "filesize" not in options:
            options["size"] = f"{of_jobs[job.name].working_set}"
        made.append(job._replace(options=options | LAID_OUT))
    # one job for a file that many share: each would write it anew
    made += [
        Job(
            f"file {number}",
            {"directory": FOLDER, "filename": name, "size": f"{end}"}
            | {"rw": "write", "bs": f"{min(end, MIB)}"}  # fio writes no file below a block
            | LAID_OUT,
            {},
        )
        for number, (name, end) in enumerate(_by_file(shared).items())
    ]
    return made
