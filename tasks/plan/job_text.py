"""The text of a user's own fio job file: put together, and where in it each thing stands."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tasks.plan.plan import Plan, PlanError

# [global] may come again, for the jobs after it.
GLOBAL = "global"
INCLUDE = re.compile(r"(?m)^[ \t]*include[ \t]+([^;#\r\n]*[^;#\s])[ \t]*(?:[;#].*)?\r?$")
VARIABLE = re.compile(r"\$\{(\w+)}")
# Comments around what an included file had, so that its lines can be told.
BEGIN, END = "; stormark: begin of ", "; stormark: end of "
HEADING = ""
OTHER_NAMES = {"rw": "readwrite"}
# How fio says which option of which file it cannot read.
BLAMED = re.compile(r"(?:failed parsing (.+)|Bad option <(.+)>)$")


class Line(NamedTuple):
    """A line of a file, without its comment, and where a person finds it."""

    where: str
    words: str


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
        text = content.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:  # only comments and names can be of another encoding
        text = content.removeprefix(BOM_UTF8).decode("latin-1")
    if "\0" in text:
        raise PlanError(f"fio file {path} is no text: it has NUL bytes")

    def included(found: re.Match[str]) -> str:
        name = found[1]
        inner = text_of(path.parent / name, outer).rstrip("\n")
        return f"{BEGIN}{name}\n{inner}\n{END}{name}"

    return INCLUDE.sub(included, text)


def check(plan: Plan) -> None:
    """PlanError, with every reason and its line, for what is wrong without asking fio."""
    if plan.fio_file is None:
        return
    found = []
    for where, words in lines(plan.fio_file):
        if re.match(r"include\s", words):
            found.append(f"{where}: {words}: paste that file in here")
        found += [
            f"{where}: {words}: fio_env of the plan has no {name}"
            for name in VARIABLE.findall(words)
            if name not in plan.fio_env
        ]
    if not re.search(r"(?m)^[ \t]*\[.+]", plan.fio_file):
        found.append("it has no job; a job is a [name] with its options below")
    if found:
        raise PlanError("fio file: " + "; ".join(found))


def lines(text: str) -> Iterator[Line]:
    """Each line that says something, with its number in the file that it comes from."""
    files, numbers = [""], [0]
    for line in text.splitlines():
        if line.startswith(END) and len(files) > 1:
            files.pop()
            numbers.pop()
            continue
        numbers[-1] += 1
        if line.startswith(BEGIN):  # in the place of the line that included it
            files.append(line.removeprefix(BEGIN) + " ")
            numbers.append(0)
        elif words := re.split("[;#]", line)[0].strip():
            yield Line(f"{files[-1]}line {numbers[-1]}", words)


def options_of_jobs(text: str) -> list[dict[str, str]]:
    """Where each option of each job stands, those of [global] before it included."""
    common: dict[str, str] = {}
    jobs: list[dict[str, str]] = []
    now = common
    for where, words in lines(text):
        if words.startswith(f"[{GLOBAL}"):  # as fio compares them
            now = common
        elif words.startswith("["):
            now = {**common, HEADING: where}
            jobs.append(now)
        else:
            now[words.partition("=")[0].strip()] = where
    return jobs


def place(options: Mapping[str, str], option: str = HEADING) -> str:
    """Where an option of a job stands, else the job; empty where that is not known."""
    names = (option, OTHER_NAMES.get(option, HEADING), HEADING)
    return next((options[name] for name in names if name in options), "")


def with_lines(said: str, text: str) -> str:
    """What fio says of a file, and on which lines that stands."""
    if not (blamed := BLAMED.search(said)):
        return said
    words = _bare(blamed[1] or blamed[2])
    found = [
        where for where, line in lines(text) if _bare(line) in {words, words.partition("=")[0]}
    ]
    return f"{said} ({', '.join(found)})" if found else said


def _bare(words: str) -> str:
    return re.sub(r"\s*=\s*", "=", words.strip())
