"""What a test asks of a Prefect server that has the deployments of prefect.yaml."""

import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import TERMINAL_STATES, Artifact, FlowRun, Log, State
from prefect.client.schemas.sorting import LogSort
from prefect.states import Cancelled, Cancelling
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_not_result,
    stop_after_delay,
    wait_fixed,
)

from flows.up import Place, place, serving

# For a machine that others keep busy: a first start takes ten seconds on an idle one.
DEADLINE_SECONDS = 600
PORTS = 20_000, 30_000  # below those that the kernel gives to connections, and NodePorts
WORKER = "prefect.flow_runs.worker"
BEGIN, END = re.compile("Beginning flow run"), re.compile("Finished in state")
T = TypeVar("T")


class Server(NamedTuple):
    """A Prefect server with the deployments, and a client of its API."""

    here: Place
    client: SyncPrefectClient

    def start(self, deployment: str, **plan: Any) -> UUID:
        """Start a run of a deployment, named as flow/name, as the form in Prefect's page does."""
        found = self.client.read_deployment_by_name(deployment)
        parameters = {"plan": plan}
        return self.client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def wait(self, run_id: UUID, seen: Callable[[FlowRun], bool]) -> FlowRun:
        """The flow run, once it is as `seen` says."""
        return until(lambda: self.client.read_flow_run(run_id), seen)

    def end_of(self, run_id: UUID) -> State:
        """The last state of a flow run."""
        run = self.wait(run_id, lambda run: run.state is not None and run.state.is_final())
        assert run.state is not None
        return run.state

    def artifacts(self, run_id: UUID) -> dict[str | None, Artifact]:
        """What a flow run shows, by its key."""
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        return {shown.key: shown for shown in self.client.read_artifacts(artifact_filter=of_run)}

    def log(self, run_id: UUID) -> list[str]:
        """The lines of a flow run's log, as its page shows them."""
        return [line.message for line in self._lines(run_id)]

    def story(self, run_id: UUID) -> list[str]:
        """What the log of a run that has ended says between begin and end of the flow.

        But for the worker, which says when it likes that it has started the run.
        """
        lines = until(lambda: self._lines(run_id), lambda lines: any(map(_ends_flow, lines)))
        log = [line for line in lines if line.name != WORKER]
        said = [line.message for line in log]
        begin = next(i for i, message in enumerate(said) if BEGIN.match(message))
        return said[begin + 1 : next(i for i, line in enumerate(log) if _ends_flow(line))]

    def cancel_all(self) -> None:
        """End every flow run: with order where a process carries it out, else at once."""
        state = FlowRunFilterStateType(not_any_=list(TERMINAL_STATES))
        going = FlowRunFilter(state=FlowRunFilterState(type=state))
        runs = self.client.read_flow_runs(flow_run_filter=going)
        for run in runs:
            end: State[None] = Cancelling() if run.infrastructure_pid else Cancelled()
            self.client.set_flow_run_state(run.id, end, force=run.infrastructure_pid is None)
        for run in runs:
            self.end_of(run.id)

    def _lines(self, run_id: UUID) -> list[Log]:
        of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        return self.client.read_logs(of_run, sort=LogSort.TIMESTAMP_ASC)


def _ends_flow(line: Log) -> bool:
    return line.task_run_id is None and END.match(line.message) is not None


def free_port() -> int:
    """A port of 127.0.0.1 for a server that starts later: none that connections are given."""
    while True:
        port = random.randrange(*PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def deployed(folder: Path, **settings: str) -> Iterator[Server]:
    """A server as `stormark up` starts it, but that the tests start every run, and wait less.

    `settings` are more of its environment.
    """
    here = place(free_port(), folder)
    here.environment.update(
        {
            "PREFECT_LOGGING_LEVEL": "INFO",
            "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
            "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.2",
            "PREFECT_API_LOG_RETRYABLE_ERRORS": "true",  # a locked database is else not told
            "PREFECT_WORKER_QUERY_SECONDS": "0.5",
        }
        | settings
    )
    with serving(here), SyncPrefectClient(f"{here.page}/api") as client:
        yield Server(here, client)


def until(
    ask: Callable[[], T], seen: Callable[[T], bool], limit_seconds: float = DEADLINE_SECONDS
) -> T:
    """The first answer that is as `seen` says; a server that does not listen yet is asked again.

    AssertionError with the last answer, or the last error, after the limit.
    """
    again = retry_if_not_result(seen) | retry_if_exception_type(httpx.TransportError)
    patiently = Retrying(retry=again, wait=wait_fixed(0.1), stop=stop_after_delay(limit_seconds))
    try:
        return patiently(ask)
    except RetryError as error:
        last = error.last_attempt
        seen_last = last.exception() if last.failed else last.result()
        words = f"not within {limit_seconds:.0f} s; the last answer: {seen_last!r}"
        raise AssertionError(words) from last.exception()
