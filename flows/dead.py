"""A flow run that died: what it left is released, whichever part of Prefect noticed."""

from typing import Any
from uuid import UUID

from prefect import Flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import LogSort
from prefect.logging.loggers import flow_run_logger
from prefect.states import Crashed

from tasks.kubernetes import cluster as k8s
from tasks.lifecycle.reap import lives, release_flow_run, runs_of
from tasks.plan.plan import Plan


def release_now(flow: Flow[Any, Any], flow_run: FlowRun, state: State) -> None:  # noqa: ARG001
    """Hook on Crashed and Cancelled, mostly in a new process that knows the flow run alone.

    A run in a person's terminal has told that person what is left, who may be about to look at it.
    """
    if flow_run.deployment_id is None:
        return
    plan = plan_of(flow_run)
    _release(flow_run, k8s.connect(plan.context, plan.namespace))


def plan_of(flow_run: FlowRun) -> Plan:
    """The plan that a flow run was started with; of `reap`, which has none, its own fields."""
    given = flow_run.parameters
    own = {name: value for name, value in given.items() if name in Plan.model_fields}
    return Plan.model_validate(given.get("plan", own))


def read(flow_run: UUID) -> FlowRun:
    """What Prefect knows of a flow run."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run)


def release(flow_run: FlowRun, cluster: k8s.Cluster) -> bool:
    """Release what a flow run has left that crashed, or that is silent: False for one that lives.

    One whose heartbeats are lost on their way to Prefect still renews its Lease in the cluster.
    """
    if flow_run.state is None or not flow_run.state.is_final():
        if lives(cluster, str(flow_run.id)):
            return False
        begun = runs_of(cluster, str(flow_run.id))
        why = "its Lease has lapsed" if begun else "nothing of it is in the cluster"
        with get_client(sync_client=True) as client:
            message = f"no heartbeat, and {why}{_last_words(client, flow_run)}"
            died: State[None] = Crashed(message=message)
            client.set_flow_run_state(flow_run.id, died, force=True)
    _release(flow_run, cluster)
    return True


def _last_words(client: SyncPrefectClient, flow_run: FlowRun) -> str:
    of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run.id]))
    said = client.read_logs(of_run, limit=1, sort=LogSort.TIMESTAMP_DESC)
    return f"; its last words: {said[0].message}" if said else ""


def _release(flow_run: FlowRun, cluster: k8s.Cluster) -> None:
    released = release_flow_run(cluster.patient, str(flow_run.id), plan_of(flow_run))
    if released:
        flow_run_logger(flow_run).info("released what run %s had left", ", ".join(released))
