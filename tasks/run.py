"""A run's identity in the cluster: its labels, its owner object, its Lease, and their release.

Everything that a run creates carries its labels and a deadline, and is owned by one ConfigMap: one
delete collects it all. While a run lives, it renews a Lease that keeps a second run out.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tasks import cluster as k8s
from tasks import labels
from tasks.cluster import Cluster, ClusterError, Obj
from tasks.fio_file import Workload
from tasks.manifest import render, script
from tasks.plan import Plan
from tasks.progress import Progress, Report
from tasks.release import release

LEASE = "stormark"
CLEAN = "the cluster is clean"
LEASE_SECONDS = 60
AS_ROOT = "pods as root"  # beside names of storms and volumes, what a run may have to do without


class RunInProgress(Exception):
    """Another run holds the Lease of the namespace."""


class LeaseLost(Exception):
    """Another run has taken the Lease over. No ClusterError: no cell failed, all of it ends."""


class Run(NamedTuple):
    """One run: its plan, its place, and the values that every manifest of it needs.

    `skips` has a reason for each storm and storm volume of the plan that cannot be measured here;
    `flow_run` is the id that Prefect knows the run by.
    """

    run_id: str
    started_at: datetime
    plan: Plan
    workload: Workload
    cluster: Cluster
    clock_error_seconds: float
    skips: dict[str, str] = {}  # noqa: RUF012 - of a tuple, never changed
    flow_run: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every object of this run."""
        return labels.of_run(self.run_id)

    def meta(self, owner: list[Obj]) -> dict[str, Any]:
        """What every manifest of this run says of itself."""
        return {
            "run_id": self.run_id,
            "labels": self.labels,
            "deadline": self.deadline,
            "owner": owner,
        }

    @property
    def deadline(self) -> str:
        """When what this run left may be reaped: ISO 8601, UTC."""
        end = self.started_at + timedelta(seconds=self.plan.run_limit_seconds)
        return end.isoformat(timespec="seconds")


def new_run_id(now: datetime) -> str:
    """Sortable by start, and unique: 20261123-031500-a1b2c3."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _micro_time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@contextmanager
def lease(run: Run, warn: Callable[[str], object]) -> Iterator[list[str]]:
    """Hold the namespace's Lease; RunInProgress, naming the first run, if another one lives.

    Yields a list that stays empty; it says so when another run has taken the Lease over. `warn` is
    told when the Lease could not be renewed for so long that it lapsed.
    """
    _acquire(run)
    ended = threading.Event()
    lost: list[str] = []
    renewer = threading.Thread(
        target=_renew, args=(run, ended, lost, warn), name="lease", daemon=True
    )
    renewer.start()

    def give_back() -> None:
        ended.set()
        renewer.join()
        with suppress(k8s.NotFound):  # somebody deleted it
            if k8s.get(run.cluster, "Lease", LEASE)["spec"]["holderIdentity"] == run.run_id:
                k8s.delete(run.cluster, "Lease", LEASE)

    with _and_then(give_back):
        yield lost


@contextmanager
def _and_then(clean_up: Callable[[], None]) -> Iterator[None]:
    """Clean up after a block, however it ends; where that fails too, the error tells both."""
    first: BaseException | None = None
    try:
        yield
    except BaseException as error:
        first = error
        raise
    finally:
        try:
            clean_up()
        except ClusterError as error:
            if first is None:
                raise
            if isinstance(first, Exception):
                raise ClusterError(f"{first}; and then {error}") from first
            first.add_note(str(error))  # an interrupt goes on as one


def _manifest(run: Run) -> Obj:
    now = _micro_time(datetime.now(UTC))
    return render(
        "lease", run_id=run.run_id, labels=run.labels, duration_seconds=LEASE_SECONDS, now=now
    )


def _acquire(run: Run) -> None:
    manifest = _manifest(run)
    try:
        k8s.create(run.cluster, manifest)
    except k8s.AlreadyExists:
        held = k8s.get(run.cluster, "Lease", LEASE)
        if alive(held):
            raise RunInProgress(
                f"run {held['spec']['holderIdentity']} is under way in namespace "
                f"{run.cluster.namespace} of cluster {run.cluster.name}: two runs would measure "
                "each other. Wait for it to end; if it is dead, its Lease `stormark` lapses "
                f"{LEASE_SECONDS} s after its last sign of life."
            ) from None
        manifest["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
        try:
            k8s.replace(run.cluster, manifest)
        except k8s.Conflict:  # another run took it over first, or the dead one is not dead
            _acquire(run)


def alive(held: Obj) -> bool:
    """Whether the run that holds a Lease has renewed it in time."""
    renewed = datetime.fromisoformat(held["spec"]["renewTime"])
    return datetime.now(UTC) < renewed + timedelta(seconds=held["spec"]["leaseDurationSeconds"])


def _renew(
    run: Run, ended: threading.Event, lost: list[str], warn: Callable[[str], object]
) -> None:
    renewed, warned = time.monotonic(), False
    while not ended.wait(LEASE_SECONDS / 4):
        try:
            held = _held(run)
            holder = held["spec"]["holderIdentity"]
            if holder != run.run_id:
                lost.append(
                    f"run {holder} has taken over the Lease of namespace {run.cluster.namespace}, "
                    f"since this run gave no sign of life for {LEASE_SECONDS} s"
                )
                return
            held["spec"]["renewTime"] = _micro_time(datetime.now(UTC))
            k8s.replace(run.cluster, held)
            renewed, warned = time.monotonic(), False
        except ClusterError as error:  # three more tries before the Lease lapses
            if not warned and time.monotonic() - renewed > LEASE_SECONDS:
                warned = True
                warn(
                    f"the Lease of namespace {run.cluster.namespace} lapsed during the run, so "
                    f"that another run could have begun beside it: {error}"
                )


def _held(run: Run) -> Obj:
    """The Lease, made again where somebody deleted it: without one, reap takes the run for dead."""
    try:
        return k8s.get(run.cluster, "Lease", LEASE)
    except k8s.NotFound:
        return k8s.create(run.cluster, _manifest(run))


@contextmanager
def owned(run: Run, report: Report) -> Iterator[list[Obj]]:
    """Create the run's owner object, and release all that the run made, however it ends.

    Yields the ownerReferences for everything else.
    """

    def clean_up() -> None:
        report(Progress(run.run_id, "clean up the cluster"))
        release(run.cluster, run.run_id, run.plan.node_faults)
        report(Progress(run.run_id, CLEAN))

    with _and_then(clean_up):
        yield [_create_owner(run)]


def _create_owner(run: Run) -> Obj:
    manifest = render(
        "run-configmap",
        run_id=run.run_id,
        labels=labels.of_owner(run.run_id, run.flow_run),
        deadline=run.deadline,
        plan=run.plan.model_dump_json(),
        fio_sh=script("fio.sh"),
        writer_sh=script("writer.sh"),
        reader_sh=script("reader.sh"),
        host_folder_sh=script("host-folder.sh"),
        probe_sh=script("probe.sh"),
        host_folders=[],
        fio_file=run.workload.text,
    )
    return labels.reference(k8s.create(run.cluster, manifest))
