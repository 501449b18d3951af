"""A run's identity in the cluster: its labels, its owner object, and their release.

Everything that a run creates carries its labels and a deadline, and is owned by one ConfigMap: one
delete collects it all.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tasks.kubernetes import labels, verbs
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError
from tasks.kubernetes.manifest import render, script
from tasks.kubernetes.objects import Obj
from tasks.lifecycle.cleanup import release
from tasks.lifecycle.progress import Progress, Report
from tasks.plan.job_file import Workload
from tasks.plan.plan import Plan

CLEAN = "the cluster is clean"
REMAINS = "the cluster is clean but for what the warnings name"


class Run(NamedTuple):
    """One run: its plan, its place, and the values that every manifest of it needs.

    `skips` has a reason for each storm, storm volume and kind of writer of the plan that cannot be
    measured here;
    `flow_run` is the id that Prefect knows the run by; on the nodes to `avoid` its image runs not.
    """

    run_id: str
    started_at: datetime
    plan: Plan
    workload: Workload
    cluster: Cluster
    clock_error_seconds: float
    skips: dict[str, str] = {}  # noqa: RUF012 - of a tuple, never changed
    flow_run: str = ""
    avoid: tuple[str, ...] = ()

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
        """When this run has ended by itself, by the clock here: ISO 8601, UTC. For people alone."""
        end = self.started_at + timedelta(seconds=self.plan.run_limit_seconds)
        return end.isoformat(timespec="seconds")


def new_run_id(now: datetime) -> str:
    """Sortable by start, and unique: 20261123-031500-a1b2c3."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


@contextmanager
def and_then(clean_up: Callable[[], None]) -> Iterator[None]:
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


@contextmanager
def owned(run: Run, report: Report, warn: Callable[[str], object]) -> Iterator[list[Obj]]:
    """Create the run's owner object, and release all that the run made, however it ends.

    Yields the ownerReferences for everything else. `warn` is told what stays for now.
    """

    def clean_up() -> None:
        report(Progress(run.run_id, "clean up the cluster"))
        notes = release(run.cluster, run.run_id, run.plan)
        for note in notes:
            warn(note)
        report(Progress(run.run_id, REMAINS if notes else CLEAN))

    with and_then(clean_up):
        yield [_create_owner(run)]


def _create_owner(run: Run) -> Obj:
    manifest = render(
        "run-configmap",
        run_id=run.run_id,
        labels=labels.of_owner(run.run_id, run.flow_run),
        deadline=run.deadline,
        plan=run.plan.model_dump_json(),
        fio_sh=script("fio.sh"),
        sample_sh=script("sample.sh"),
        writer_sh=script("writer.sh"),
        host_folders=[],
        fio_file=run.plan.fio_file or run.workload.text,
    )
    return labels.reference(verbs.create(run.cluster, manifest))
