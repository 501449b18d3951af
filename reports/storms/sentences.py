"""What the storms did to each volume, in sentences; computed, with the cluster's own words."""

from collections.abc import Iterable
from textwrap import shorten

from reports.data.load import Row, bare
from reports.data.stats import FEWEST
from reports.storms.survival import (
    NO_VOLUME,
    Gap,
    StormCell,
    Survival,
    excess,
    is_unfenced,
    middle,
    values,
)
from reports.storms.words import gap_link, listed, lost_seconds, pending, promised, unlike
from reports.text.losses import lost, verb
from reports.text.markdown import Markdown, markdown
from reports.text.units import tenths

LONGEST_QUOTE = 200  # the whole of it stands beside its round
NOTICED_SECONDS = 1.0  # by less, two pods without a volume differ as well


def sentences(survival: Survival) -> tuple[list[Markdown], list[Markdown]]:
    """A sentence or a few for each volume: of the run's classes, and of those beside them.

    Each in the order of the matrix; where no class was in the storms, all are of the first.
    """
    names, beside = chosen_between(survival)
    quoted: set[str] = set()
    said = [_of_volume(survival, volume, quoted) for volume in names]
    said += [
        Markdown(f"**{markdown(volume)}**: not in the matrix, since class {markdown(words)}.")
        for volume, words in survival.not_offered.items()
    ]
    return said, [_of_volume(survival, volume, quoted) for volume in beside]


def chosen_between(survival: Survival) -> tuple[list[str], list[str]]:
    """The volumes of classes, and those beside them, whose fate is known beforehand.

    Where no class was in the storms, all are of the first.
    """
    of_classes = {*survival.classes, *survival.shared} or {*survival.volumes}
    names = [volume for volume in survival.volumes if volume in of_classes]
    return names, [volume for volume in survival.volumes if volume not in of_classes]


def finding(survival: Survival) -> str:
    """For the headline: how the classes came through the drain, and whether records were lost.

    Where no class was in the storms, it speaks of the volumes. In bold is a loss, and what rests on
    three rounds. Empty if nothing was measured.
    """
    names = (*survival.classes, *survival.shared) or survival.volumes
    cells = [cell for name in names for cell in survival.row(name) if cell.rounds]
    if not cells:
        return ""
    drained = [c for c in cells if c.storm == "drain" and c.volume not in survival.shared]
    said = [text for text in (_drains(drained), _losses(survival, cells)) if text]
    text = "; ".join(said)
    if text.startswith(("while ", "no ")):  # a class keeps its name as it is
        text = text[0].upper() + text[1:]
    told = any(cell.lossy or cell.unread for cell in cells) or survival.rounds >= FEWEST
    return f"**{text}.**" if told else f"{text}."


def _drains(cells: list[StormCell]) -> str:
    groups: dict[str, list[StormCell]] = {}
    for cell in cells:
        places = list(cell.places())
        groups.setdefault(places[0] if len(places) == 1 else "mixed", []).append(cell)
    words = {
        "other node": "came back on another node",
        "after uncordon": "stayed away until the uncordon",
        "never": "never came back",
        "same node": "stayed on the drained node",
        "mixed": "did not come back alike in every round",
    }
    said = [
        f"{listed([markdown(cell.volume) for cell in groups[place]])} {text}"
        + (_after(groups[place]) if place == "other node" else "")
        for place, text in words.items()
        if place in groups
    ]
    return f"while its node was drained, {listed(said)}" if said else ""


def _after(cells: list[StormCell]) -> str:
    return f" after {listed([tenths(middle(cell.rounds, 'recovery_seconds')) for cell in cells])}"


def _losses(survival: Survival, cells: list[StormCell]) -> str:
    lossy: dict[str, list[StormCell]] = {}
    unread: dict[str, list[StormCell]] = {}
    for cell in cells:
        if cell.lossy:
            lossy.setdefault(cell.volume, []).append(cell)
        if cell.unread:
            unread.setdefault(cell.volume, []).append(cell)
    said = [
        f"{markdown(volume)} {_verb(gone)} {_lost(gone)} ({listed([cell.storm for cell in gone])})"
        for volume, gone in lossy.items()
    ] + [
        f"{markdown(volume)} could not be read back ({listed([cell.storm for cell in silent])})"
        for volume, silent in unread.items()
    ]
    if said:
        return "; ".join(said)
    if not any(row["kept"] for cell in cells for row in cell.rounds):
        return "no record was read back"
    complete = not any(gap.volume in {cell.volume for cell in cells} for gap in survival.gaps)
    who = "class" if survival.classes or survival.shared else "volume"
    return f"no {who} lost an acknowledged record" + ("" if complete else " in what was measured")


def _lost(cells: list[StormCell]) -> str:
    """What was lost in all storms, and the most that one fault took in seconds."""
    count = lost(row for cell in cells for row in cell.lossy)
    return ", ".join(filter(None, [lost_seconds(cells), count]))


def _verb(cells: list[StormCell]) -> str:
    return verb([row for cell in cells for row in cell.lossy])


def _of_volume(survival: Survival, volume: str, quoted: set[str]) -> Markdown:
    cells = survival.row(volume)
    if volume != bare(volume) and survival.is_alike(bare(volume)):
        return Markdown(f"**{markdown(volume)}**: came through every storm as a Deployment's did.")
    measured = [cell for cell in cells if cell.rounds]
    if not measured:
        gaps = dict.fromkeys(gap for cell in cells for gap in cell.gaps)
        return Markdown(f"**{markdown(volume)}**: no storm was measured ({_links(gaps)}).")
    text = _data(measured, len(cells))
    kept = not any(cell.lossy for cell in measured)
    stayed = [t for cell in measured for t in (_away(cell, quoted), _never(cell, quoted)) if t]
    if stayed:
        text += f", {'but' if kept else 'and'} {'; '.join(stayed)}"
    text += "".join(
        f"; {t}" for cell in measured for t in (_broken(cell), _moved(cell), _overlap(cell)) if t
    )
    more = [*_excess(survival, volume), *_further(cells)]
    return Markdown(f"**{markdown(volume)}**: " + " ".join([f"{text}.", *more]))


def _excess(survival: Survival, volume: str) -> list[str]:
    """How much longer than a pod without a volume its pod was away, in storms both came back from.

    Such a pod is that of an emptyDir with the same kind of writer. A difference that is not noticed
    is not told.
    """
    control = f"{NO_VOLUME}{volume.removeprefix(bare(volume))}"
    if volume == control or control not in survival.volumes:
        return []
    seconds = [(c.storm, excess(c, survival.cells[control, c.storm])) for c in survival.row(volume)]
    said = [f"{s:+.1f} s in {storm}" for storm, s in seconds if s and s >= NOTICED_SECONDS]
    return [f"Beyond a pod without a volume ({NO_VOLUME}): {listed(said)}."] if said else []


def _data(measured: list[StormCell], planned: int) -> str:
    lossy = [cell for cell in measured if cell.lossy]
    unread = [cell for cell in measured if cell.unread]
    kept = [c.storm for c in measured if not c.lossy and any(r["kept"] for r in c.rounds)]
    if len(kept) == planned > 1 and not unread:
        return "data was kept in every storm"
    said = [f"kept in {listed(kept)}"] if kept else []
    if lossy:
        storms = listed([cell.storm + _share(cell, len(cell.lossy)) for cell in lossy])
        said.append(f"{_verb(lossy)} in {storms} ({_lost(lossy)})")
    if unread and (kept or lossy):
        storms = listed([cell.storm + _share(cell, len(cell.unread)) for cell in unread])
        said.append(f"not read back after {storms}")
    return f"data was {', but '.join(said)}" if said else "no record was read back"


def _share(cell: StormCell, rounds: int) -> str:
    return "" if rounds == cell.planned else f" ({rounds} of {cell.planned} rounds)"


def _away(cell: StormCell, quoted: set[str]) -> str:
    rows = cell.places().get("after uncordon", [])
    if not rows:
        return ""
    when = f"while its node was drained{_share(cell, len(rows))}"
    how = "was on another node and did not write" if _was_scheduled(rows) else "could run nowhere"
    back = tenths(middle(rows, "return_seconds"))
    return (
        f"{when} the pod {how}: {_because(rows, quoted)}; it wrote again {back} after the uncordon"
    )


def _was_scheduled(rows: list[Row]) -> bool:
    """Whether a pod had a node while the drained one was cordoned, so another one."""
    times = [(row["scheduled_seconds"], row["hold_seconds"]) for row in rows]
    return any(None not in pair and pair[0] < pair[1] for pair in times)


def _never(cell: StormCell, quoted: set[str]) -> str:
    rows = cell.places().get("never", [])
    if not rows:
        return ""
    when = f"after {cell.storm}{_share(cell, len(rows))}"
    return f"{when} it never wrote again: {_because(rows, quoted)}"


def _because(rows: list[Row], quoted: set[str]) -> str:
    """Why the pod was Pending, and the cluster's own words where they were not quoted before."""
    row = next((row for row in rows if row["pending_message"]), rows[0])
    words = row["pending_message"]
    if not words or words in quoted:
        return markdown(pending(row))
    quoted.add(words)
    # Its first sentence: the scheduler goes on to say what preemption would not help.
    quote = shorten(words.split(". ")[0], LONGEST_QUOTE, placeholder=" …")
    return f"{markdown(pending(row))} (“{markdown(quote)}”)"


def _broken(cell: StormCell) -> str:
    """How long a writer was away whose node was broken, and not only drained."""
    rows = cell.places().get("after repair", [])
    if not rows:
        return ""
    back = tenths(middle(rows, "return_seconds"))
    share = _share(cell, len(rows))
    return f"in {cell.storm}{share} it was away until the repair, and wrote again {back} after it"


def _moved(cell: StormCell) -> str:
    taken = {"drain": "drained", "node-lost": "lost"}.get(cell.storm)
    rows = cell.places().get("other node", []) if taken else []
    if not rows:
        return ""
    after = tenths(middle(rows, "recovery_seconds"))
    when = f"while its node was {taken}{_share(cell, len(rows))}"
    kept_off = middle(rows, "multi_attach_seconds")
    why = f", of which a Multi-Attach error took {tenths(kept_off)}" if kept_off else ""
    return f"{when} it came back on another node after {after}{why}"


def _overlap(cell: StormCell) -> str:
    longest = max(values(cell.rounds, "overlap_seconds"), default=0.0)
    if longest == 0:
        return ""
    text = f"in {cell.storm} the old and the new pod wrote at once for {tenths(longest)}, "
    if unfenced := [row for row in cell.rounds if is_unfenced(row)]:
        several = max(values(unfenced, "overlap_seconds"))
        return (
            f"{text}**up to {tenths(several)} of it although the volume is "
            f"{unfenced[0]['access_mode']}**: nothing kept the old writer off it"
        )
    shared = cell.rounds[0]["access_mode"] == "ReadWriteMany"
    return text + ("which a ReadWriteMany volume allows" if shared else "which is no loss")


def _further(cells: list[StormCell]) -> list[str]:
    """Why records were lost, what surprises, and what was not measured."""
    foreseen = [cell for cell in cells if cell.lossy and cell.expectation and not cell.surprises]
    why = next((cell.expectation.why for cell in foreseen if cell.expectation), "")
    surprises = [
        f"**Surprise** in {cell.storm}: {markdown(unlike(cell))}; "
        f"Kubernetes promises: {markdown(promised(cell))}."
        for cell in cells
        if cell.surprises
    ]
    gaps = dict.fromkeys(gap for cell in cells for gap in cell.gaps)
    missing = [f"Not measured: {_missed(cells, gap)} ({gap_link(gap)})." for gap in gaps]
    return [*([markdown(why)] if why else []), *surprises, *missing]


def _links(gaps: Iterable[Gap]) -> str:
    return ", ".join(gap_link(gap) for gap in gaps)


def _missed(cells: list[StormCell], gap: Gap) -> str:
    return listed([c.storm + _share(c, c.missing(gap)) for c in cells if gap in c.gaps])
