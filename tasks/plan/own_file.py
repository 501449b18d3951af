"""A fio job file of the user's own: fio reads it, and the volume takes the place of its files.

What a file means is known only once fio has resolved it: aliases, units, variables, [global].
`fio --debug=parse --parse-only` says each option as it takes it. From that the job files that run
are written: every option as fio understood it, with the volume in place of names and folders.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from tasks.plan import placement
from tasks.plan.job_file import (
    OF_FILES,
    OPTIONS_OF,
    TARGET,
    WHOLE_DEVICE,
    WITHOUT_FILE,
    Job,
    Workload,
    timed,
    waves,
)
from tasks.plan.job_text import GLOBAL, options_of_jobs, place
from tasks.plan.plan import Plan, PlanError
from tasks.plan.quantity import quantity_bytes

SECTION = re.compile(r"Parsing section \[(.*)]$")
OPTION = re.compile(r"(?<!_)handle_option=(\w+), ptr=(.*)$")
NUMBER = re.compile(r"\bret=0, out=(\d+)$")
TRACES = ("read_iolog", "replay_redirect")
LONGEST_NAME = 127  # of which fio reports no more
MOST_BYTES = 1_000_000  # a ConfigMap has 1 MiB, its own words included


def resolve(
    plan: Plan, parsed: Iterable[str], unusable: Mapping[str, str] | None = None
) -> Workload:
    """The workload of the plan's own file, from what fio says of each option.

    `unusable` says of engines why no pod has them; without a word where fio lacks them. Raises
    PlanError, with every reason and its line, where a job can mean nothing on a volume.
    """
    jobs = [timed(job, plan) for job in _told_apart(_jobs(parsed))]
    if not jobs:
        raise PlanError("fio file: fio finds no job in it")
    found = _refusals(jobs, plan, unusable or {})
    notes = placement.replaced(jobs)
    if plan.runtime_seconds is not None and not any("runtime" in job.options for job in jobs):
        notes.append("runtime_seconds has no effect: no job has a runtime")
    jobs = _one_result(placement.placed(jobs, plan))
    sizes, on_device = placement.sizes(jobs, plan), plan.volume_mode == "Block"
    needed, most = placement.together(sizes.values()), quantity_bytes(plan.volume_size)
    if needed > most:
        found.append(
            f"it needs {needed:,} bytes, and the volume has {most:,} (plan field volume_size). Ask "
            "for a larger one, write smaller files, or let jobs share one by the same filename="
        )
    if found:
        raise PlanError("fio file: " + "; ".join(found))
    jobs = [placement.sized(job, sizes[job.name], plan) for job in jobs]
    before = [sizes[job.name] for job in jobs if job.laid_out]
    device = WHOLE_DEVICE if placement.whole_device(jobs) else needed
    workload = Workload(
        profile="custom",
        groups=_groups(jobs),
        layout={TARGET["Block"]: device} if on_device else {},
        sizes={name: size.working_set for name, size in sizes.items()},
        needed_bytes=needed if on_device else placement.together(before),
        laid_out_by_fio=[] if on_device else placement.layout(jobs, sizes),
        notes=notes,
    )
    if sum(map(len, workload.files.values())) > MOST_BYTES:
        raise PlanError(
            f"fio file: with every option of its {len(jobs)} jobs it is larger than what a "
            f"ConfigMap takes ({MOST_BYTES:,} bytes): leave out jobs, or options of [global]"
        )
    return workload


def _jobs(parsed: Iterable[str]) -> list[Job]:
    """Each job with all its options, those of [global] before it included."""
    common = Job(GLOBAL, {}, {})
    jobs: list[Job] = []
    now, option, engines = common, "", set[str]()
    for line in parsed:
        if heading := SECTION.search(line):
            if heading[1].startswith(GLOBAL):  # as fio compares them
                now = common
            else:
                now = Job(heading[1], dict(common.options), dict(common.numbers))
                jobs.append(now)
        elif given := OPTION.search(line):
            option, value = given[1], "" if given[2] == "(null)" else given[2]
            if option == "ioengine":
                engines.add(value)
            before = now.options.pop(option, None)  # in the order in which fio took them last
            # fio adds files to those that were named before
            several = option == "filename" and before is not None
            now.options[option] = f"{before}:{value}" if several else value
            now.numbers.pop(option, None)
        elif number := NUMBER.search(line):
            now.numbers[option] = int(number[1])
    return [_of_its_engine(_named(job), engines) for job in jobs]


def _of_its_engine(job: Job, engines: Iterable[str]) -> Job:
    """The job without options that only another engine of the file has, of a [global] before it."""
    others = {option for engine in engines for option in OPTIONS_OF.get(engine, ())}
    strange = others.difference(OPTIONS_OF.get(job.engine, ()))
    options = {option: value for option, value in job.options.items() if option not in strange}
    return job._replace(options=options)


def _named(job: Job) -> Job:
    return job._replace(name=job.options.pop("name", job.name)[:LONGEST_NAME])


def _told_apart(jobs: list[Job]) -> list[Job]:
    """Jobs by the names that fio reports; where several have one, with a number behind it."""
    names = [job.name for job in jobs]
    told: list[Job] = []
    for job in jobs:
        before = sum(one.reported == job.name for one in told)
        number = f" #{before + 1}" if names.count(job.name) > 1 else ""
        told.append(job._replace(name=job.name + number, reported=job.name))
    return told


def _refusals(jobs: list[Job], plan: Plan, unusable: Mapping[str, str]) -> list[str]:
    """Every reason for which a job can mean nothing on the volume, with its line and its jobs."""
    names = [job.reported for job in jobs]
    found = [
        (option, job.name, words)
        for position, job in enumerate(jobs)
        for option, words in _refused(job, names[:position], plan, unusable)
    ]
    stand = _places(jobs, plan)
    said: dict[tuple[str, str], list[str]] = {}
    for option, name, words in found:
        said.setdefault((place(stand.get(name, {}), option), words), []).append(name)
    reasons = [
        f"{f'{where}, ' if where else ''}job {', '.join(of)}: {words}"
        for (where, words), of in said.items()
    ]
    if not found and not any(job.does_io for job in jobs):
        reasons.append("none of its jobs does any I/O on a volume")
    return reasons


def _places(jobs: list[Job], plan: Plan) -> dict[str, dict[str, str]]:
    """Where each job's options stand in the file; empty where fio finds other jobs there."""
    stand = options_of_jobs(plan.fio_file or "")
    if len(stand) != len(jobs):
        return {}
    return {job.name: options for job, options in zip(jobs, stand, strict=True)}


def _refused(
    job: Job, before: list[str], plan: Plan, unusable: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Why a job can mean nothing on the volume: the option that is to blame, and the words."""
    engine, on_device = job.engine.partition(":")[0], plan.volume_mode == "Block"
    if job.engine in unusable:
        yield "ioengine", _unusable(job.engine, unusable[job.engine])
    if engine in WITHOUT_FILE:
        yield "ioengine", f"engine {job.engine} does no I/O on a volume's files"
    if on_device and engine in OF_FILES:
        yield "ioengine", f"engine {job.engine} makes files, and a device is none"
    trims = "trim" in job.options.get("rw", "") and engine not in OF_FILES  # falloc punches
    if trims and not on_device:
        yield "rw", f"rw={job.options['rw']}: fio trims devices alone: use volume_mode: Block"
    waits_for = job.options.get("wait_for")
    if waits_for is not None and before.count(waits_for) != 1:  # it says so only when it runs
        yield "wait_for", f"wait_for={waits_for}: fio needs one job of that name before this one"
    for option in TRACES:
        if job.options.get(option):
            yield option, f"{option}={job.options[option]}: no pod has that trace"


def _unusable(engine: str, why: str) -> str:
    if not why:
        return f"fio lacks engine {engine}"
    return (
        f"engine {engine} is refused to the run's pods: {why}. The node's kernel refuses it "
        "(sysctl kernel.io_uring_disabled), or the seccomp profile RuntimeDefault of its container "
        "runtime: allow it there, or use ioengine=libaio"
    )


def _one_result(jobs: list[Job]) -> list[Job]:
    """The jobs with the processes of each as one result, and no other job in that."""
    told: list[Job] = []
    before = False  # whether the job before this one is reported with its processes by us
    for job in jobs:
        options, by_file = dict(job.options), job.flag("group_reporting")
        if by_file and before:
            options["new_group"] = "1"
        before = not by_file and job.numbers.get("numjobs", 1) > 1
        if before:
            options |= {"group_reporting": "1", "new_group": "1"}
        told.append(job._replace(options=options))
    return told


def _groups(jobs: list[Job]) -> list[list[Job]]:
    """Jobs that run in one fio: all after a wall, or all of them where one waits for another."""
    groups = [jobs] if any("wait_for" in job.options for job in jobs) else waves(jobs)
    return [_merged(group) for group in groups]


def _merged(group: list[Job]) -> list[Job]:
    """Which jobs fio reports as one with the job before them: by their own group_reporting."""
    told: list[Job] = []
    for job in group:
        begins = not told or job.flag("stonewall") or job.flag("new_group")
        told.append(job._replace(merged=job.flag("group_reporting") and not begins))
    return told
