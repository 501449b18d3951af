"""What the storms prove of each class's fsync: a line a class."""

from collections.abc import Mapping, Sequence

from reports.data.load import Row
from reports.data.proof import Fsync, Losses, Proof
from reports.text.losses import lost, verb
from reports.text.markdown import Markdown, markdown, table

HEADER = ("class", "fsync", "why", "faults in which acknowledged records were lost")


def fsync_table(proofs: Mapping[str, Proof], classes: Sequence[str]) -> Markdown:
    """A row a class that met a storm, in the order of `classes`; empty where none did."""
    rows = [
        [name, _verdict(proofs[name]), _why(proofs[name]), _losses(proofs[name])]
        for name in classes
        if name in proofs
    ]
    return table(HEADER, rows) if rows else Markdown()


def how_many(proofs: Mapping[str, Proof]) -> str:
    """Over how many runs faults are counted; empty for this one alone."""
    runs = max((proof.runs for proof in proofs.values()), default=0)
    return f"Counted over {runs} runs of this cluster." if runs > 1 else ""


def _verdict(proof: Proof) -> Markdown:
    return Markdown(f"**{proof.fsync}**" if proof.fsync is Fsync.REFUTED else str(proof.fsync))


def _why(proof: Proof) -> str:
    row, control = proof.row, proof.control
    if row is None:
        return "no storm took the power from a node"
    where = f"{row['storm']} of {row['node_before']}"
    if proof.fsync is Fsync.REFUTED:
        return f"{where}: {lost([row])} {verb([row])} that fsync had returned for"
    if control is not None:
        whose = "of its control" if control is row else f"of the control on {control['volume']}"
        gone = f"{control['unsynced_lost_records']:,} of {control['unsynced_records']:,}"
        return f"{where}: all acknowledged records kept, {gone} {whose}, without fsync, were lost"
    return f"{where}: {_toothless(row)}"


def _toothless(row: Row) -> str:
    if row["kept"] is None:
        return "the volume was not read back"
    if not row["unsynced_records"]:
        return "no control was written beside the records"
    return "its control, without fsync, was kept too: a process fault, or a cache that outlived it"


def _losses(proof: Proof) -> Markdown:
    """Each storm's faults, with the bound; where none lost and each struck once, said once."""
    known = [losses for losses in proof.losses if losses.faults]
    if len(known) < len(proof.losses) or any(one.lost or one.faults > 1 for one in known):
        return markdown(", ".join(map(_of_storm, proof.losses)))
    each = f"{len(known)} faults, one of each kind" if len(known) > 1 else "one fault"
    return Markdown(f"none lost in {each}: too few for a rate")


def _of_storm(losses: Losses) -> str:
    """As `node-crash 0 of 30: at most 9.5 % a fault`; no bound where there was no fault."""
    if not losses.faults:
        return f"{losses.storm} not read back"
    bound = (
        "" if losses.lost == losses.faults else f": at most {losses.at_most * 100:.2g} % a fault"
    )
    return f"{losses.storm} {losses.lost} of {losses.faults}{bound}"
