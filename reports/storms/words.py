"""A storm's outcome in the words that report, chart and terminal share."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from reports.data.load import Row, Run
from reports.storms.expectations import tied_to
from reports.storms.survival import NOT_RUN, Gap, StormCell, Survival, middle, values
from reports.text.losses import lost, verb
from reports.text.markdown import Markdown, markdown
from reports.text.reasons import three_words
from reports.text.units import tenths

WHERE = {
    "same node": "on the same node",
    "other node": "on another node",
    "after uncordon": "after the uncordon",
    "after repair": "once its node was back",
    "never": "and never came back",
}


def parts(cell: StormCell) -> list[str]:
    """A cell of the matrix: what was kept, when it wrote again and where.

    Of two writers in one cell, the Deployment first where their words differ.
    """
    if cell.twin is not None:
        pairs = zip(parts(replace(cell, twin=None)), parts(cell.twin), strict=True)
        return [one if one == other else f"{one} and {other}" for one, other in pairs]
    overlap = max(values(cell.rounds, "overlap_seconds"), default=0.0)
    return [
        *filter(None, [_verdict(cell), *_returns(cell)]),
        *([f"two writers for {tenths(overlap)}"] if overlap > 0 else []),
    ]


def gap_words(cell: StormCell, gap: Gap) -> str:
    """Why rounds of a cell are missing, in three words, and how many."""
    count = "" if cell.planned == 1 else f"{cell.missing(gap)} of {cell.planned} "
    return f"{count}{_reason(gap)}"


def gap_link(gap: Gap, text: str = "") -> Markdown:
    """The text, or a gap's reason in three words, linked to the whole of it."""
    place = "how-it-was-made" if gap.status == NOT_RUN else f"storm-gap-{gap.number}"
    return Markdown(f"[{markdown(text or _reason(gap))}](#{place})")


def lost_seconds(cells: Sequence[StormCell]) -> str:
    """The seconds that the rounds of cells lost, of several the most; empty where no row says."""
    known = [cell.lost_seconds for cell in cells if cell.lost_seconds is not None]
    most = " at most" if sum(len(cell.lossy) for cell in cells) > 1 else ""
    return f"{tenths(max(known))}{most}" if known else ""


def loss(cell: StormCell) -> str:
    """What the rounds of a cell lost: seconds where they are known, and records or pages."""
    count, said = lost(cell.lossy), lost_seconds([cell])
    return f"{said} ({count})" if said else count


def listed(names: list[str]) -> str:
    """Names as in a sentence: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def promised(cell: StormCell) -> str:
    """What Kubernetes promises of a cell; empty where nothing is stated."""
    if cell.expectation is None:
        return ""
    by_outcome: dict[str, list[str]] = {}
    for place, outcome in cell.expectation.allowed.items():
        moves = place == "after uncordon" and len(cell.expectation.allowed) > 1
        where = f"{WHERE[place]} if no other node takes the pod" if moves else WHERE[place]
        by_outcome.setdefault(outcome, []).append(where)
    return "; ".join(f"{outcome} {' or '.join(p)}" for outcome, p in by_outcome.items())


def seen(cell: StormCell, rows: list[Row]) -> str:
    """What some rounds of a cell came to, in the words of `promised`."""
    found: dict[str, int] = {}
    for row in rows:
        kept = {True: "kept", False: "lost", None: "not read back"}[row["kept"]]
        text = f"{kept} {WHERE[row['came_back']]}"
        found[text] = found.get(text, 0) + 1
    if cell.planned == 1:
        return "; ".join(found)
    return "; ".join(f"{text} ({count} of {cell.planned})" for text, count in found.items())


def unlike(cell: StormCell) -> str:
    """What surprises in a cell: the rounds that differ, and why their pods waited."""
    reasons = dict.fromkeys(row["pending_reason"] for row in cell.surprises)
    why = listed([str(reason) for reason in reasons if reason])
    return seen(cell, cell.surprises) + (f" (Pending: {why})" if why else "")


def pending(row: Row) -> str:
    """Why a pod stayed Pending, in plain words."""
    node = tied_to(row["node_affinity"])
    reasons = {
        "volume node affinity": f"the PV is tied to node {node}"
        if node
        else "no other node of the PV's node affinity took it",
        "node selector": "its node selector allows no other node",
        "unschedulable nodes": "no other node could take it",
        "multi-attach": "the volume was still attached to another node",
        "other": "the cluster gave another reason",
    }
    return reasons.get(row["pending_reason"], "the cluster gave no reason")


def how(survival: Survival, run: Run) -> str:
    """How the matrix is to be read: rate of the writers, rounds, and what never means."""
    rate, limit = run.plan.get("writes_per_second"), run.plan.get("recovery_limit_seconds")
    what = f"{rate} acknowledged writes a second" if rate else "the acknowledged writes"
    rounds = [row for cell in survival.cells.values() for row in cell.rounds]
    if rate and (reached := values(rounds, "writes_per_second")):
        what += f" ({min(reached):.1f} to {max(reached):.1f} were reached)"
    several = f" Seconds are medians of {survival.rounds} rounds." if survival.rounds > 1 else ""
    never = f" Never means not within {limit} s." if limit else ""
    both = " Of two writers that were alike, the Deployment's seconds come first."
    alike = both if any(map(survival.is_alike, survival.volumes)) else ""
    return (
        f"What was kept of {what}, and seconds from the fault to the next one."
        f"{several}{never}{alike}"
    )


def clock(survival: Survival) -> str:
    """Whose clock the seconds are, and an estimate of how far they are off."""
    rounds = [row for cell in survival.cells.values() for row in cell.rounds]
    errors = values(rounds, "clock_error_seconds")
    known = f"about {max(errors) * 1000:.1f} ms" if errors else "not recorded"
    return (
        "All times are the client's clock. Those of the writers' logs are brought to it; the error "
        f"of that, estimated by the shortest round trip to the API server, is {known}. "
        "What a log line takes at the least from the container to the client is not in it."
    )


def _reason(gap: Gap) -> str:
    return gap.status if gap.status == NOT_RUN else f"{gap.status}: {three_words(gap.error)}"


def _verdict(cell: StormCell) -> str:
    lossy, unread = cell.lossy, cell.unread
    judged = len(cell.rounds) - len(unread)
    if not judged:
        return "NOT READ BACK" if cell.rounds else ""
    gone = f"{verb(lossy).upper()} {loss(cell)}" if lossy else ""
    if cell.planned == 1:
        return gone or "kept"
    if len(lossy) > 1 and any(values(lossy, "lost_records")):
        gone += f" (median {median(values(lossy, 'lost_records')):,.0f})"
    kept = f"kept {judged - len(lossy)} of {judged}"
    never = f"NOT READ BACK {len(unread)} of {cell.planned}" if unread else ""
    return ", ".join(filter(None, [kept, gone, never]))


def _elsewhere(rows: list[Row]) -> str:
    moved = any(row["node_after"] != row["node_before"] for row in rows)
    return " on another node" if moved else ""


def _returns(cell: StormCell) -> list[str]:
    places = cell.places()
    found = []
    for place, rows in places.items():
        recovery = tenths(middle(rows, "recovery_seconds"))
        back = tenths(middle(rows, "return_seconds"))
        unseen = tenths(middle(rows, "unseen_seconds"))
        text = {
            "same node": f"{recovery} on its node, unseen for {unseen}" if unseen else recovery,
            "other node": f"{recovery} on another node".strip(),
            "after uncordon": f"away until uncordon + {back}{_elsewhere(rows)}",
            "after repair": f"away until repair + {back}{_elsewhere(rows)}",
            "never": "never came back",
        }[place]
        found.append(f"{text} ({len(rows)} of {cell.planned})" if len(places) > 1 else text)
    return found
