"""The report's tables of storms."""

from collections.abc import Collection

from reports.data.load import Row, Run
from reports.storms.survival import NOT_RUN, StormCell, Survival, middle
from reports.storms.words import gap_link, gap_words, parts, promised, seen, unlike
from reports.text.markdown import Markdown, markdown, table
from reports.text.units import tenths

STEPS = {
    "out_of_service_seconds": "node out of service",
    "old_pod_gone_seconds": "old pod gone",
    "new_pod_created_seconds": "new pod created",
    "scheduled_seconds": "scheduled",
    "detached_seconds": "detached from the old node",
    "multi_attach_seconds": "Multi-Attach error for",
    "attached_seconds": "attached to the new node",
    "volume_ready_seconds": "volume ready",
    "container_started_seconds": "container started",
    "recovery_seconds": "first record",
    "gap_seconds": "gap between records",
    "steady_seconds": "as fast as before",
    "longest_pause_seconds": "longest pause after it",
    "away_seconds": "away from the node",
    "return_seconds": "node back → first record",
    "unseen_seconds": "unseen",
    "overlap_seconds": "two writers",
}
COUNTS = {
    "acknowledged_records": "acknowledged",
    "lost_records": "lost",
    "torn_records": "torn",
    "unexpected_records": "unexpected",
    "pages_lost": "pages lost",
    "pages_torn": "pages torn",
}


def matrix(survival: Survival, run: Run, volumes: Collection[str]) -> Markdown:
    """Volume × storm: what was kept, and how long it took; empty if no storm is known of any."""
    header = ["volume", *(_heading(storm, run) for storm in survival.storms)]
    rows = [
        [name, *map(_cell, cells)]
        for name, cells in survival.lines().items()
        if cells and cells[0].volume in volumes
    ]
    return table(header, rows) if rows else Markdown()


def _heading(storm: str, run: Run) -> str:
    held = run.plan.get("hold_seconds")
    if storm == "node-lost" and (after := run.plan.get("out_of_service_after_seconds")):
        return f"{storm}, out of service after {after} s at the soonest"
    mended = {"drain": "uncordon", "node-crash": "repair", "node-partition": "repair"}.get(storm)
    return f"{storm}, {mended} after {held} s" if mended and held else storm


def _cell(cell: StormCell) -> Markdown:
    mark = ["[**surprise**](#expected-and-seen)"] if cell.surprises else []
    gaps = [gap_link(gap, gap_words(cell, gap)) for gap in cell.gaps]
    return Markdown(" · ".join([*map(markdown, parts(cell)), *gaps, *mark]))


def expectations_table(survival: Survival) -> Markdown:
    """What Kubernetes promises beside what was seen, for each volume and storm."""
    rows = [
        [
            cell.volume,
            cell.storm,
            promised(cell),
            _seen(cell),
            cell.expectation.why if cell.expectation else None,
        ]
        for cell in survival.cells.values()
    ]
    return table(["volume", "storm", "Kubernetes promises", "seen", "why"], rows)


def _seen(cell: StormCell) -> Markdown:
    usual = [row for row in cell.rounds if row not in cell.surprises]
    said = [
        f"**surprise:** {markdown(unlike(cell))}" if cell.surprises else "",
        markdown(seen(cell, usual)) if usual else "",
        *(gap_link(gap, gap_words(cell, gap)) for gap in cell.gaps),
    ]
    return Markdown("; ".join(filter(None, said)))


def steps_table(survival: Survival) -> Markdown:
    """Median seconds from the fault to each step of the way back; empty if none was measured."""
    measured = [cell for cell in survival.cells.values() if cell.rounds]
    columns = [c for c in STEPS if any(middle(cell.rounds, c) for cell in measured)]
    rows = [
        [cell.volume, cell.storm, *(tenths(middle(cell.rounds, column)) for column in columns)]
        for cell in measured
    ]
    return table(["volume", "storm", *(STEPS[c] for c in columns)], rows) if rows else Markdown()


def rounds_table(survival: Survival) -> Markdown:
    """Every measured round with all that was counted."""
    header = [
        "volume", "storm", "round", "kept", *COUNTS.values(), "first record", "came back",
        "Pending for", "node before", "node after", "read on", "writes a second", "held for",
        "write errors", "cold damaged", "the cluster's words",
    ]  # fmt: skip
    rounds = [row for cell in survival.cells.values() for row in cell.rounds]
    if not any(row["error"] for row in rounds):
        return table(header, [_round(row) for row in rounds])
    rows = [[*_round(row), row["error"]] for row in rounds]
    return table([*header, "why it was not read back"], rows)


def _round(row: Row) -> list[object]:
    rate = row["writes_per_second"]
    return [
        row["volume"],
        row["storm"],
        str(row["round"]),
        row["kept"],
        *(None if row[count] is None else f"{row[count]:,}" for count in COUNTS),
        tenths(row["recovery_seconds"]),
        row["came_back"],
        row["pending_reason"],
        row["node_before"],
        row["node_after"],
        row["verified_on"],
        None if rate is None else f"{rate:.1f}",
        tenths(row["hold_seconds"]),
        row["write_errors"],
        row["cold_damaged"],
        row["pending_message"],
    ]


def gaps_table(survival: Survival) -> Markdown:
    """Why storms failed or were skipped; empty if none was."""
    rows = [
        [
            Markdown(f'<a id="storm-gap-{gap.number}"></a>{gap.number}'),
            gap.volume,
            _storms(survival, gap.cells),
            gap.status,
            gap.error,
        ]
        for gap in survival.gaps
        if gap.status != NOT_RUN
    ]
    return table(["#", "volume", "storm", "status", "reason"], rows) if rows else Markdown()


def _storms(survival: Survival, cells: tuple[tuple[str, int], ...]) -> str:
    by_storm: dict[str, list[str]] = {}
    for storm, number in cells:
        by_storm.setdefault(storm, []).append(str(number))
    return ", ".join(
        storm if len(lost) == survival.rounds else f"{storm} (round {', '.join(lost)})"
        for storm, lost in by_storm.items()
    )
