"""Speed as a part of a run: how many cells it has, and what the run says of them."""

from dataclasses import replace

from tasks.lifecycle.part import Part
from tasks.lifecycle.run import Run
from tasks.results.fio_columns import FioRow
from tasks.results.run_columns import RunRow


def part(run: Run, subject_count: int, fio_version: str) -> Part[FioRow]:
    """The part that measures each job on a volume of each subject in each round."""
    planned = subject_count * run.plan.rounds * len(run.workload.jobs)

    def told(row: RunRow, cells: list[FioRow]) -> RunRow:
        measured = sum(cell.status == "measured" for cell in cells)
        return replace(
            row,
            cells_planned=planned,
            cells_measured=measured,
            cells_failed=len(cells) - measured,
            fio_version=fio_version,
        )

    return Part(FioRow, planned, lambda cell: cell.key.words, told)
