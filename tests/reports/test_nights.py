"""Runs side by side, from Parquet to markdown."""

import shutil
from pathlib import Path

import pytest

from reports.side_by_side.nights import render, side_by_side, write
from tasks.results.store import ResultsError
from tests.reports.sample import RUN_ID, Row, write_run
from tests.reports.storm_sample import write_storms

NEXT = "20261124-180000-d4e5f6"


def nights(root: Path, speed: float, **facts: str) -> str:
    write_run(root, {"local-path": 1.0, "nfs-client": 0.2})
    facts |= {"run_id": NEXT}
    write_run(root, {"local-path": speed, "nfs-client": 0.2}, run_id=NEXT, facts=facts)
    return render(side_by_side(str(root), [RUN_ID, NEXT]))


def row_of(report: str, storage_class: str, job: str) -> list[str]:
    section = report.partition(f"## Speed of {storage_class}\n")[2].partition("\n## ")[0]
    (line,) = (line for line in section.splitlines() if line.startswith(f"| {job} "))
    return [cell.strip().replace("\\", "") for cell in line.split("|")[4:-1]]


def test_each_class_has_a_column_a_run(tmp_path: Path) -> None:
    report = nights(tmp_path, 0.5)
    assert row_of(report, "local-path", "read_iops") == [
        "12.3 k [11.9 – 12.7]",
        "6.15 k [5.97 – 6.34] 0.50× [0.47× – 0.54×] slower",
    ]
    assert row_of(report, "nfs-client", "read_iops")[1].endswith("1.00× [0.93× – 1.07×] equal")
    assert "with its 95 % interval, by volumes" in report
    assert "It may be the night that differs, not the class:" in report
    assert "The runs had the same plan, on the same cluster, with the same versions." in report


@pytest.mark.parametrize(("rounds", "old"), [(1, False), (2, False), (3, True)])
def test_two_runs_of_few_rounds_are_two_volumes(tmp_path: Path, rounds: int, old: bool) -> None:
    """However far apart they are: no verdict, where three volumes of each have one (above)."""
    write_run(tmp_path, {"local-path": 1.0}, rounds=rounds, old=old)
    write_run(
        tmp_path, {"local-path": 0.5}, rounds=rounds, old=old, run_id=NEXT, facts={"run_id": NEXT}
    )
    report = render(side_by_side(str(tmp_path), [RUN_ID, NEXT]))
    assert row_of(report, "local-path", "read_iops")[1].endswith(" 0.50×")
    assert "Two runs are two volumes, where they have fewer than three rounds each" in report


def test_what_is_not_alike_is_said_first(tmp_path: Path) -> None:
    report = nights(tmp_path, 1.0, kubernetes_version="v1.35.0")
    second_line = report.splitlines()[2]
    assert second_line.startswith("- Not alike: kubernetes_version was ")
    assert second_line.endswith(", v1.35.0")


@pytest.mark.parametrize("lost", [False, True])
def test_a_run_of_fewer_rounds_lacks_none(tmp_path: Path, lost: bool) -> None:
    """Each has a plan of its own; one that its own plan has, and that was not run, is missing."""
    write_run(tmp_path, {"local-path": 1.0})

    def cell(row: Row) -> Row | None:
        return None if lost and row["round"] == 5 else row

    write_run(
        tmp_path, {"local-path": 1.0}, rounds=5, run_id=NEXT, cell=cell, facts={"run_id": NEXT}
    )
    report = render(side_by_side(str(tmp_path), [RUN_ID, NEXT]))
    three, five = row_of(report, "local-path", "read_iops")
    assert "rounds" not in three
    assert ("4 of 5 rounds, not run" in five) == lost


def test_storms_stand_side_by_side(tmp_path: Path) -> None:
    write_storms(tmp_path)
    for file in tmp_path.rglob(f"{RUN_ID}.parquet"):
        shutil.copy(file, file.with_stem(NEXT))
    report = render(side_by_side(str(tmp_path), [RUN_ID, NEXT]))
    section = report.partition("## Survival\n\n")[2]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()]
    assert rows[0] == ["volume", "storm", RUN_ID, NEXT]
    lost = "LOST 143 records · 3.4 s on another node"
    assert rows[3] == ["emptyDir", "drain", lost, lost]


def test_they_are_written_below_the_results(tmp_path: Path) -> None:
    nights(tmp_path, 1.0)
    both = side_by_side(str(tmp_path), [RUN_ID, NEXT])
    location = write(str(tmp_path), both)
    assert location == f"{tmp_path}/reports/{RUN_ID}-and-{NEXT}.md"
    assert Path(location).read_text() == render(both)


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, {"local-path": 1.0})
    with pytest.raises(ResultsError, match="holds no such run. The newest there: " + RUN_ID):
        side_by_side(str(tmp_path), [RUN_ID, NEXT])


def test_another_node_or_image_is_not_alike(tmp_path: Path) -> None:
    """A figure from another machine is no second night of the same storage."""
    write_run(tmp_path, {"local-path": 1.0})
    elsewhere = {"run_id": NEXT, "image": "example.org/fio:3.39"}
    write_run(
        tmp_path,
        {"local-path": 1.0},
        run_id=NEXT,
        facts=elsewhere,
        cell=lambda row: row | {"node": "w3"},
    )
    both = side_by_side(str(tmp_path), [RUN_ID, NEXT])
    assert both.unlike == [
        "Not alike: image was example.org/fio:3.38, example.org/fio:3.39",
        "Not alike: nodes of local-path was w2 (kernel 6.8.0-45-generic), w3 (kernel unknown)",
    ]


def test_the_first_run_stays_the_reference_of_a_class_that_it_lacks(tmp_path: Path) -> None:
    """No ratio to another run is shown under the first one's name."""
    third = "20261125-180000-a7b8c9"
    write_run(tmp_path, {"local-path": 1.0})
    for run_id in (NEXT, third):
        write_run(tmp_path, {"fast": 1.0}, run_id=run_id, facts={"run_id": run_id})
    report = render(side_by_side(str(tmp_path), [RUN_ID, NEXT, third]))
    figure = "12.3 k [11.9 – 12.7]"
    assert row_of(report, "fast", "read_iops") == ["not run", figure, figure]


def test_how_many_runs_stand_side_by_side(tmp_path: Path) -> None:
    """A run beside itself is one run; too many columns cannot be read."""
    for run_ids in ([RUN_ID, RUN_ID], [str(number) for number in range(9)]):
        with pytest.raises(ResultsError, match="cannot stand side by side, 2 to 8 can"):
            side_by_side(str(tmp_path), run_ids)


ONE, OTHER = "example.org/fio@sha256:1", "example.org/fio@sha256:2"


@pytest.mark.parametrize(
    ("first", "second", "unlike"),
    [
        ([ONE], [OTHER], [f"Not alike: the image that ran was {ONE}, {OTHER}"]),
        ([ONE], [ONE, OTHER], [f"Not alike: the image that ran was {ONE}, {ONE} and {OTHER}"]),
        ([ONE], [ONE], []),
        (None, [ONE], []),  # of an earlier version
    ],
)
def test_another_image_by_the_same_name_is_not_alike(
    tmp_path: Path, first: list[str] | None, second: list[str], unlike: list[str]
) -> None:
    write_run(tmp_path, {"local-path": 1.0}, facts={"image_ids": first})
    write_run(
        tmp_path, {"local-path": 1.0}, run_id=NEXT, facts={"image_ids": second} | {"run_id": NEXT}
    )
    assert side_by_side(str(tmp_path), [RUN_ID, NEXT]).unlike == unlike
