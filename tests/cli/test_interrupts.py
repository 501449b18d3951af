"""Ctrl-C and SIGTERM: the cluster is clean, what was measured is written, and the exit is 130.

The fixture `namespace` fails each test that leaves an object behind.
"""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from kubernetes import watch

from tests.conftest import Cluster, Stormark
from tests.flows.server import DEADLINE_SECONDS, until

INTERRUPTED = 130
# Given the event that the command has ended.
Step = Callable[[Event], object]
# The first job ends by itself, the second would run for an hour.
LONG_FIO = """
[global]
size=4m
[first]
stonewall
rw=write
bs=1m
[second]
stonewall
rw=randread
bs=4k
time_based
runtime=3600
"""

# They share a folder of Prefect's.
OF_ONE_HOME = pytest.mark.xdist_group("home")

# A signal may come while a connection is being closed: Python closes it then, and warns.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def warned_in_the_test() -> Iterator[None]:
    """What an interrupted command left open is warned of here, not in whichever test comes next."""
    yield
    gc.collect()


@pytest.fixture
def long_fio(tmp_path: Path) -> str:
    file = tmp_path / "long.fio"
    file.write_text(LONG_FIO)
    return str(file)


@pytest.fixture(scope="module")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the database of Prefect's own server, whose first start takes longest."""
    return tmp_path_factory.mktemp("prefect")


def clean(run_id: str, results: Path) -> str:
    """The last word of a run that was interrupted and has cleaned up."""
    again = f"`stormark report {run_id} --results {results}` shows it"
    return f"stormark: interrupted and the cluster is clean; run {run_id} is written, and {again}"


@contextmanager
def command(
    stormark: Stormark, prefect_home: Path, fio_file: str
) -> Iterator[subprocess.Popen[str]]:
    """The command in a process group of its own, as a terminal starts it."""
    options = ["--class", "local-path", "--rounds", "1", "--volume-size", "64Mi"]
    options += ["--namespace", stormark.namespace, "--results", str(stormark.results)]
    with subprocess.Popen(
        [sys.executable, "-m", "stormark", "run", "--fio-file", fio_file, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"PREFECT_HOME": str(prefect_home)},
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@OF_ONE_HOME
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_process_group(
    stormark: Stormark, prefect_home: Path, long_fio: str, number: signal.Signals
) -> None:
    """As of a terminal, `timeout` or systemd: Prefect's own server must outlive the clean-up."""
    with command(stormark, prefect_home, long_fio) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("[2/2]"))
        os.killpg(process.pid, number)
        output = process.stdout.read()
        assert process.wait(DEADLINE_SECONDS) == INTERRUPTED, output
    run = stormark.row("runs")
    last = clean(run["run_id"], stormark.results)
    assert output.splitlines()[-3:] == ["clean up the cluster", "the cluster is clean", last]
    assert (run["outcome"], run["cells_measured"]) == ("cancelled", 1)
    assert run["stopped_at"] == "fio on local-path, round 1"


@OF_ONE_HOME
def test_ctrl_c_while_prefect_starts(stormark: Stormark, prefect_home: Path, long_fio: str) -> None:
    """Nothing was created, and nothing else is claimed; Prefect's server is ended."""
    with command(stormark, prefect_home, long_fio) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text():
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                pytest.fail("it ended before Prefect's server was there")
        server = Path("/proc") / children.read_text().split()[0]
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        output = process.stdout.read()
        assert process.wait(DEADLINE_SECONDS) == INTERRUPTED, output
    assert output == "stormark: interrupted before anything was created\n"
    assert not server.exists()
    assert not stormark.results.exists() or not list(stormark.results.iterdir())


@contextmanager
def beside(*steps: Step) -> Iterator[None]:
    """Do one step after the other while the command of the block runs; one that fails ends it."""
    ended = Event()
    failed: list[Exception] = []

    def act() -> None:
        try:
            for step in steps:
                step(ended)
        except Exception as error:  # noqa: BLE001 - raised again where it can be seen
            failed.append(error)
            send(signal.SIGINT)(ended)  # fio would run for an hour

    thread = Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if failed:
            raise failed[0]


def measured(stormark: Stormark) -> Step:
    """Wait until a cell is on disk: the next one is measured then."""
    cells = partial(stormark.results.glob, "fio/*/*.parquet")
    return lambda ended: until(lambda: ended.is_set() or any(cells()), bool)


def on_pod(cluster: Cluster, namespace: str, seen: Callable[[Any], bool]) -> Step:
    """Wait until some pod of the namespace is seen in a state."""

    def found() -> bool:
        pods = cluster.core.list_namespaced_pod
        changes = watch.Watch().stream(pods, namespace, timeout_seconds=5)
        return any(seen(change["object"]) for change in changes)

    return lambda ended: until(lambda: ended.is_set() or found(), bool)


def is_terminating(pod: Any) -> bool:
    return pod.metadata.deletion_timestamp is not None


def send(number: signal.Signals) -> Step:
    """Interrupt the command; once that has ended it would be the tests that are interrupted."""

    def step(ended: Event) -> None:
        if not ended.is_set():
            os.kill(os.getpid(), number)

    return step


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_fio(stormark: Stormark, long_fio: str, number: signal.Signals) -> None:
    """Both signals end a run in the same way."""
    with beside(measured(stormark), send(number)):
        result = stormark("--fio-file", long_fio)
    assert result.exit_code == INTERRUPTED, result.output
    run = stormark.row("runs")
    assert result.stderr == clean(run["run_id"], stormark.results) + "\n"
    assert (run["outcome"], run["stopped_at"]) == ("cancelled", "fio on local-path, round 1")


@pytest.mark.usefixtures("nobody_lives")
@pytest.mark.usefixtures("prefect_server")
def test_a_second_ctrl_c_ends_the_clean_up(
    stormark: Stormark, cluster: Cluster, long_fio: str
) -> None:
    """It is not called clean then: the message has the command that removes the rest."""
    terminating = on_pod(cluster, stormark.namespace, is_terminating)
    interrupt = send(signal.SIGINT)
    with beside(measured(stormark), interrupt, terminating, interrupt):
        result = stormark("--fio-file", long_fio)
    assert result.exit_code == INTERRUPTED, result.output
    assert "the cluster is clean" not in result.output
    assert f"`stormark reap --namespace {stormark.namespace}` removes what is left" in result.stderr
    assert stormark.row("runs")["outcome"] == "cancelled"
    assert cluster.left_in(stormark.namespace) != []
    reaped = stormark.command("reap", "--namespace", stormark.namespace)
    assert reaped.exit_code == 0
    assert f"released run {stormark.row('runs')['run_id']}" in reaped.stdout
