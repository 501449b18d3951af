"""Reads a volume back after a storm, mostly through another pod, and judges what it holds."""

import secrets

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from tasks.kubernetes import streams
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.manifest import script
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.script_job import run_script
from tasks.lifecycle.run import Run
from tasks.plan.vocabulary import ONE_POD
from tasks.storms.ledger import (
    Reading,
    UnreadableVolume,
    Verdict,
    in_control,
    judge,
    judge_cold,
    judge_pages,
    records,
)
from tasks.storms.outcome import Outcome, node_of
from tasks.storms.writers import Writer

READER = "reader.sh"
READ_LIMIT_SECONDS = 60.0
TRIES = 5


def verify(
    run: Run, owner: list[Obj], outcome: Outcome, others: list[Obj]
) -> tuple[Verdict, str | None]:
    """Judge every record, page and cold region told of before the reading, and not lost before.

    So are the unsynced ones in the control of the life that the fault met. A volume whose writer
    never came back is read where that was; a ReadWriteMany one on the first of the `others` that
    can. An emptyDir exists only in its pod, and no other pod may mount a ReadWriteOncePod volume:
    they are read in the writer's. Returns the verdict and the reader's node. Raises ClusterError or
    UnreadableVolume when the volume could not be read.
    """
    writer, before, first = outcome.writer, outcome.before, outcome.first
    node = node_of(writer, first) if first else before.node
    acknowledged = {(ack.writer, ack.number) for ack in list(writer.observer.acks)}
    paged = {p: v for p, v in dict(writer.observer.pages).items() if p not in writer.lost_pages}
    cold = {w: s for w, s in dict(writer.observer.cold).items() if w not in writer.cold_damaged}
    life = f"{before.uid}.{before.life}"
    unsynced = in_control(acknowledged, life, writer.observer.uncontrolled.get(life))
    if "emptyDir" in writer.source or writer.target.access_mode == ONE_POD:
        found, read_on = _read_in_pod(run, writer), node
    else:
        found, read_on = _read_by_job(run, owner, writer, node, others)
    pages = judge_pages(paged, found.pages, [first.writer] if first else [])
    pages = pages._replace(torn=tuple(p for p in pages.torn if p not in writer.torn_pages))
    verdict = judge(acknowledged - writer.lost, found, unsynced - writer.unsynced_lost)
    verdict = verdict._replace(pages=pages, cold_damaged=judge_cold(cold, found.cold))
    writer.lost |= set(verdict.lost)
    writer.unsynced_lost |= set(verdict.unsynced_lost)
    writer.lost_pages |= set(pages.lost)
    writer.torn_pages |= set(pages.torn)
    writer.cold_damaged |= set(verdict.cold_damaged or ())
    return verdict, read_on


def _read_in_pod(run: Run, writer: Writer) -> Reading:
    """Read in the writer; after a power cut its container may not be found for a moment."""
    again = Retrying(
        retry=retry_if_exception_type((ClusterError, UnreadableVolume)),
        stop=stop_after_attempt(TRIES),
        wait=wait_fixed(1.0),
        reraise=True,
    )

    def read() -> Reading:
        text = streams.execute(
            run.cluster,
            _running_pod(writer),
            ["sh", "-c", script(READER)],
            limit_seconds=READ_LIMIT_SECONDS,
        )
        return records(text.split("\n"))

    return again(read)


def _running_pod(writer: Writer) -> str:
    if pod := writer.running_pod():
        return pod
    raise ClusterError(
        f"reading {writer.volume}: no pod of its writer runs, and it can be read in no other"
    )


def _read_by_job(
    run: Run, owner: list[Obj], writer: Writer, node: str | None, known: list[Obj]
) -> tuple[Reading, str | None]:
    """Read in a pod of its own: on the writer's node, or for ReadWriteMany on another if one can.

    A reading that says of itself that it is not whole is made once more.
    """
    others = [n["metadata"]["name"] for n in known if n["metadata"]["name"] != node]
    places = [*others, node] if writer.target.access_mode == "ReadWriteMany" else [node]
    failed: list[Exception] = []
    again = Retrying(
        retry=retry_if_exception_type(UnreadableVolume), stop=stop_after_attempt(2), reraise=True
    )
    for place in places:
        try:
            return again(_read_on, run, owner, writer, place), place
        except (ClusterError, UnreadableVolume) as error:
            failed.append(error)
    raise failed[0]


def _read_on(run: Run, owner: list[Obj], writer: Writer, node: str | None) -> Reading:
    lines = run_script(
        run.cluster,
        run.plan,
        run.meta(owner),
        name=f"{writer.name[:50]}-v{secrets.token_hex(2)}",
        file=READER,
        source=writer.source,
        nodes=[node] if node else None,
        user=writer.user,
    )
    return records(lines)
