"""The report's tables of volumes: a row a class, whatever the number of its rounds."""

import re
from pathlib import Path

from reports.page.render import render
from tasks.results.store import write_table
from tests.reports.sample import LAB, RUN_ID, STARTED, volume_row, write_run


def test_provisioning_has_a_row_a_class_with_the_range_of_its_volumes(tmp_path: Path) -> None:
    """The median of three rounds; one volume has no range; what was not seen says so."""
    location = write_run(tmp_path, {"local-path": 1.0, "gp3": 1.0}, jobs=LAB)
    rounds = [
        volume_row("gp3")
        | {"round": number, "bind_seconds": bound, "attached_seconds": 9.0, "delete_seconds": 3.0}
        for number, bound in ((1, 2.0), (2, 8.0), (3, 4.0))
    ]
    once = volume_row("local-path") | {"round": 1, "bind_seconds": 0.5, "node": "w1"}
    write_table(location, "volumes", RUN_ID, STARTED, [once, *rounds])
    report = render(location, RUN_ID).markdown
    assert rows(report, "Provisioning")[1:] == [
        ["local-path", "1", "500 ms", "no attachment seen", "4.31 s", "–"],
        ["gp3", "3", "4.00 s (2.00 s – 8.00 s)", "9.00 s", "4.31 s", "3.00 s"],
    ]
    assert "Counted from the creation of the PVC, deletion from its own beginning. Med" in report
    seen_by_event = [one | {"attached_seconds": None, "attach_seconds": 7.0} for one in rounds]
    write_table(location, "volumes", RUN_ID, STARTED, [once, *seen_by_event])
    assert "from the scheduling of the pod, in whole seconds." in render(location, RUN_ID).markdown
    volumes = rows(report, "Volumes")
    assert [row[0] for row in volumes[1:]] == ["local-path", "gp3"]
    assert volumes[1][volumes[0].index("nodes")] == "w1"


def rows(report: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    after = re.split(rf"\n## {heading}\n|<summary>{heading}", report, maxsplit=1)[1]
    section = re.split(r"\n## |<details>|</details>", after, maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells[0], *cells[2:]]
