"""The files of a report: markdown with its charts beside it, and the page."""

from pyarrow import fs

from reports.html.page import page
from reports.page.render import render
from tasks.results.store import below, open_location, run_ids, write_text


def write(location: str, run_id: str, latest: bool = True) -> str:
    """Write `reports/<run_id>.md`, its charts, `<run_id>.html` and, unless told not to, `latest.*`.

    Returns where the markdown is. Raises ResultsError as `render` does.
    """
    rendered = render(location, run_id)
    for name, svg in (("", rendered.chart), ("-storms", rendered.storms_chart)):
        if svg:
            write_text(location, f"reports/{run_id}{name}.svg", svg)
    shown = page(rendered)
    report = ""
    for ending, text in (("html", shown), ("md", rendered.markdown)):
        report = write_text(location, f"reports/{run_id}.{ending}", text)
        if latest:
            write_text(location, f"reports/latest.{ending}", text)
    return report


def existing(location: str, run_id: str = "") -> str:
    """Where the page of a run is, or the newest report's; one that is not there yet is written.

    Raises ResultsError where there is no such run, or no run at all.
    """
    filesystem, root = open_location(location)
    path = page_path(run_id)
    if filesystem.get_file_info(f"{root}/{path}").type != fs.FileType.File:
        run_id = run_id or next(reversed(run_ids(location)), "")
        write(location, run_id, latest=False)
        path = page_path(run_id)
    local = isinstance(filesystem, fs.LocalFileSystem)
    return f"{root}/{path}" if local else below(location, path)


def page_path(run_id: str = "") -> str:
    """Where a run's page, or the newest, is below its results location."""
    return f"reports/{run_id or 'latest'}.html"
