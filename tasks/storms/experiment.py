"""Runs the storms: each fault on each volume, while a writer counts what it was promised."""

import threading
from collections.abc import Callable
from itertools import product
from typing import get_args

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cleanup, cordon
from tasks.lifecycle.progress import Progress, Report
from tasks.lifecycle.run import Run
from tasks.plan.plan import NodeStorm, Storm
from tasks.plan.vocabulary import FOLDER_KINDS
from tasks.storms import attachments, faults, node_storms, recovery, writers
from tasks.storms.cells import Experiment, Keep, or_why, read_back
from tasks.storms.clock import now
from tasks.storms.outcome import Outcome, cell_row
from tasks.storms.writers import Target, Writer

# How long the storms of a run that is ended may take to notice.
STOP_SECONDS = 10.0
# A hostPath that is not pinned has a folder on so many nodes: enough to come back elsewhere.
MOST_FOLDERS = 3
AT_ONCE: dict[Storm, Callable[[k8s.Cluster, str], None]] = {
    "container-restart": faults.restart_container,
    "pod-delete": faults.delete_pod,
    "pod-kill": faults.kill_pod,
}
NODE_STORMS: tuple[NodeStorm, ...] = get_args(NodeStorm)


def run_storms(
    run: Run, owner: list[Obj], storage_classes: list[Obj], report: Report, keep: Keep
) -> None:
    """Put a writer on each volume and meet it with every storm of the plan.

    `keep` is given the row of the table `storms` and those of `storm_events` for each cell, as soon
    as it is known. Storms that touch one pod meet all volumes at the same time; a node is
    drained or broken for all writers on it, one node at a time.
    """
    eligible = cordon.eligible(run.cluster, run.plan)
    chosen = [node for node in eligible if node["metadata"]["name"] not in run.avoid]
    stop = threading.Event()
    run = run._replace(cluster=run.cluster._replace(stop=stop))
    seen = attachments.watch(run.cluster, stop)
    this = Experiment(run, owner, chosen, keep, report, stop, seen)
    started: list[Writer] = []
    targets = [t for t in writers.targets_of(run, storage_classes) if not _skipped(this, t)]
    storms = _open(run)
    try:
        _start(this, targets, started)
        at_once = [storm for storm in storms if storm in AT_ONCE]
        _together(this, started, at_once)
        for storm in (storm for storm in storms if storm in NODE_STORMS):
            for number in range(1, run.plan.storm_rounds + 1):
                node_storms.hit(this, started, storm, number)
    finally:
        this.stop.set()
        for writer in started:
            writer.observer.close()


def planned(run: Run, storage_classes: list[Obj]) -> list[str]:
    """The volumes that the plan's storms are to meet, by their names in the matrix."""
    return [target.volume for target in writers.targets_of(run, storage_classes)]


def _skipped(this: Experiment, target: Target) -> bool:
    """Give rows to the cells that the preflight forbids; whether those are all of the volume's."""
    run = this.run
    of_volume = run.skips.get(target.kind) or run.skips.get(target.writer_kind)
    for storm, number in product(run.plan.storms, range(1, run.plan.storm_rounds + 1)):
        if why := of_volume or run.skips.get(storm):
            this.keep(cell_row(target, storm, number, status="skipped", error=why), [])
    return of_volume is not None or not _open(run)


def _open(run: Run) -> list[Storm]:
    """The storms that the preflight leaves."""
    return [storm for storm in run.plan.storms if storm not in run.skips]


def _start(this: Experiment, targets: list[Target], started: list[Writer]) -> None:
    """Start every writer, all at once; `started` is given those that write.

    A volume that gives none has all its cells failed, or not offered, with the reason.
    """
    run = this.run
    refused = _make_folders(this, targets)
    near, every_round = this.nodes[:MOST_FOLDERS], range(1, run.plan.storm_rounds + 1)
    storms = _open(run)
    created: list[Writer] = []
    try:
        for position, target in enumerate(targets):
            with or_why(this, target, storms, every_round):
                if target in refused:
                    raise refused[target]
                created.append(writers.create(run, this.owner, target, position, near))
        for writer in created:
            this.report(Progress(run.run_id, f"{writer.volume} · start the writer"))
            with or_why(this, writer.target, storms, every_round):
                writers.wait_writing(run, this.owner, writer, near)
                started.append(writer)
    finally:
        for writer in created:
            if writer not in started:
                writer.observer.close()


def _make_folders(this: Experiment, targets: list[Target]) -> dict[Target, ClusterError]:
    """Make the run's folder on the nodes where a volume needs it; why not, by volume."""
    run = this.run
    names = [node["metadata"]["name"] for node in this.nodes]
    where = {
        target: names[: MOST_FOLDERS if target.kind == "hostPath" else 1]
        for target in targets
        if target.kind in FOLDER_KINDS
    }
    most = max(where.values(), key=len, default=[])
    if not most:
        return {}
    refused = cleanup.make_host_folders(run.cluster, run.plan, run.meta(this.owner), most)
    return {target: refused[node] for target, on in where.items() for node in on if node in refused}


# ---------------------------------------------------------------- storms on one pod


def _together(this: Experiment, started: list[Writer], storms: list[Storm]) -> None:
    """Each volume meets its storms one after the other, all volumes at the same time."""
    broken: list[BaseException] = []

    def all_storms(writer: Writer) -> None:
        try:
            for number in range(1, this.run.plan.storm_rounds + 1):
                for storm in storms:
                    _inject(this, writer, storm, number)
        except recovery.Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where it can be seen
            broken.append(error)

    threads = [
        threading.Thread(target=all_storms, args=(writer,), daemon=True) for writer in started
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)  # in slices, so that a signal is heard
    except BaseException:
        this.stop.set()
        for thread in threads:  # what they do now would be done beside the clean-up
            thread.join(STOP_SECONDS / len(threads))
        raise
    if broken:
        raise broken[0]


def _inject(this: Experiment, writer: Writer, storm: Storm, number: int) -> None:
    """One storm on one pod: wait until it writes, break it, wait until it writes again."""
    run = this.run
    this.report(Progress(this.run.run_id, f"{writer.volume} · {storm} · round {number}"))
    with or_why(this, writer.target, [storm], [number]):
        ready = recovery.fresh if storm == "container-restart" else recovery.writing
        before = ready(run, writer)
        fault_at = faults.inject(AT_ONCE[storm], run.cluster, before.pod)
        first, pending = recovery.first_record(run, writer, before, fault_at), None
        if first is None:
            last = writer.observer.acks[-1]
            if last.arrived > now() - recovery.SETTLE_SECONDS:
                raise ClusterError(
                    f"{storm} on {writer.volume} did not happen: writer {last.writer} writes as "
                    "before"
                )
            pending = writers.why_pending(run, writer)
        outcome = Outcome(writer, storm, number, before, fault_at, first, pending=pending)
        this.keep(*read_back(this, outcome))
