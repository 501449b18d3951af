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
from tasks.storms.ledger import Verdict, judge, records
from tasks.storms.writers import Rig

READER = "reader.sh"
READ_LIMIT_SECONDS = 60.0


def verify(
    run: Run, owner: list[Obj], rig: Rig, node: str | None, others: list[Obj]
) -> tuple[Verdict, str | None]:
    """Judge every record that was acknowledged before the reading began, and not lost before.

    `node` is the writer's; a ReadWriteMany volume is read on one of the `others`. An emptyDir
    exists only in its pod, and no other pod may mount a ReadWriteOncePod volume: they are read in
    the writer's. Returns the verdict and the reader's node. Raises ClusterError or UnreadableVolume
    when the volume could not be read.
    """
    acknowledged = {(ack.writer, ack.number) for ack in list(rig.observer.acks)} - rig.lost
    if "emptyDir" in rig.source or rig.target.access_mode == ONE_POD:
        lines, read_on = _read_in_pod(run, rig), node
    else:
        lines, read_on = _read_by_job(run, owner, rig, node, others)
    verdict = judge(acknowledged, *records(lines))
    rig.lost |= set(verdict.lost)
    return verdict, read_on


def _read_in_pod(run: Run, rig: Rig) -> list[str]:
    """Read in the writer; after a power cut its container may not be found for a moment."""
    again = Retrying(
        retry=retry_if_exception_type(ClusterError),
        stop=stop_after_attempt(5),
        wait=wait_fixed(1.0),
        reraise=True,
    )
    for attempt in again:
        with attempt:
            pod = _running_pod(rig)
            text = streams.execute(
                run.cluster, pod, ["sh", "-c", script(READER)], limit_seconds=READ_LIMIT_SECONDS
            )
    return text.split("\n")


def _running_pod(rig: Rig) -> str:
    for name, pod in rig.observer.pods().items():
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            return name
    raise ClusterError(
        f"reading {rig.volume}: no pod of its writer runs, and it can be read in no other"
    )


def _read_by_job(
    run: Run, owner: list[Obj], rig: Rig, node: str | None, known: list[Obj]
) -> tuple[list[str], str | None]:
    others = [n["metadata"]["name"] for n in known if n["metadata"]["name"] != node]
    elsewhere = rig.target.access_mode == "ReadWriteMany" and others
    where = others[0] if elsewhere else node
    lines = run_script(
        run.cluster,
        run.plan,
        run.meta(owner),
        name=f"{rig.name[:50]}-v{secrets.token_hex(2)}",
        file=READER,
        source=rig.source,
        nodes=[where] if where else None,
        user=rig.user,
    )
    return lines, where
