"""What a class sustains, in words: of jobs that fio ends once they are steady (`steadystate`)."""

from reports.data.load import Row, Run
from reports.text.units import COUNT, quantity


def sentences(run: Run) -> list[str]:
    """A sentence for each job and class of which fio says whether it became steady."""
    by_cell: dict[tuple[str, str], list[Row]] = {}
    for row in run.fio:
        if row["steady"] is not None:
            by_cell.setdefault((row["job"], row["storage_class"]), []).append(row)
    return [
        f"{job} on {name}: "
        + "; ".join(f"round {row['round'] or row['repeat']} {_words(row)}" for row in rows)
        for (job, name), rows in by_cell.items()
    ]


def _words(row: Row) -> str:
    lasted = row["runtime_seconds"]
    if not row["steady"]:
        return f"not steady within its limit of {lasted:.0f} s"
    at = quantity(row["steady_iops"], COUNT)
    return f"steady after {lasted:.0f} s at {at} IOPS, its last {row['steady_seconds']:.0f} s"
