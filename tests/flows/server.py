"""A Prefect server and a worker as processes of their own, and what a test asks of them."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State
from prefect.client.schemas.sorting import LogSort
from tenacity import (
    Retrying,
    retry_if_exception_type,
    retry_if_not_result,
    stop_after_delay,
    wait_fixed,
)

ROOT = Path(__file__).parents[2]
# For a machine that others keep busy: a first start takes ten seconds on an idle one.
DEADLINE_SECONDS = 120
BEGIN, END = re.compile("Beginning flow run"), re.compile("Finished in state")
T = TypeVar("T")


class Server(NamedTuple):
    """A Prefect server: what its processes need in their environment, and a client of its API."""

    environment: dict[str, str]
    folder: Path
    client: SyncPrefectClient

    def command(self, *arguments: str) -> None:
        """Run Prefect's command line, in the folder with prefect.yaml; it must succeed."""
        command = [sys.executable, "-m", "prefect", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True)

    @contextmanager
    def process(self, *arguments: str) -> Iterator[None]:
        """Run Prefect's command line until the end of the context; it must end in order then."""
        with (
            (self.folder / f"{arguments[0]}.log").open("w") as log,
            subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for pytest, which ends it
            ) as running,
        ):
            try:
                yield
            finally:
                running.send_signal(SIGINT)
                try:
                    running.wait(DEADLINE_SECONDS)
                except subprocess.TimeoutExpired:
                    running.kill()
                    raise

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
        """The lines of a flow run's log, without those of its tasks."""
        of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        lines = self.client.read_logs(of_run, sort=LogSort.TIMESTAMP_ASC)
        return [line.message for line in lines if line.task_run_id is None]

    def story(self, run_id: UUID) -> list[str]:
        """What the log of a run that has ended says between begin and end of the flow."""
        log = until(lambda: self.log(run_id), lambda lines: any(map(END.match, lines)))
        begin, end = (i for i, line in enumerate(log) if BEGIN.match(line) or END.match(line))
        return log[begin + 1 : end]


def until(ask: Callable[[], T], seen: Callable[[T], bool]) -> T:
    """The first answer that is as `seen` says; a server that does not listen yet is asked again."""
    again = retry_if_not_result(seen) | retry_if_exception_type(httpx.TransportError)
    patiently = Retrying(retry=again, wait=wait_fixed(0.1), stop=stop_after_delay(DEADLINE_SECONDS))
    return patiently(ask)
