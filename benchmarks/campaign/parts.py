"""The parts of the campaign: each yields the outcomes of its runs, in an order that is fixed."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.campaign import toxic
from benchmarks.campaign.inputs import INPUTS
from benchmarks.campaign.proxy import FAULTS, Call, Proxy, proxied
from benchmarks.campaign.runs import CELLS, ROOT, STORMARK, Outcome, Stage, stage
from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import verbs
from tasks.kubernetes.errors import NotFound
from tasks.lifecycle.lease import LEASE
from tests.flows.server import until

T = TypeVar("T")
AWAY_SECONDS = 60.0
DARK, DARK_SECONDS = "w2", 30.0
KILLED = -signal.SIGKILL
REFUSED = 2
LEASED = ("create", "leases")
# Calls that change what a killed run would leave: the first of each, and each change of a node. A
# run is killed at the first of each other kind too, those before its Lease included.
CHANGES = [
    Call("create", "persistentvolumeclaims", 1),
    Call("create", "leases", 1),
    Call("create", "configmaps", 1),
    Call("create", "jobs", 1),
    Call("delete", "jobs", 1),
    Call("patch", "configmaps", 1),
    Call("create", "persistentvolumeclaims", 2),
    Call("create", "persistentvolumes", 1),
    Call("create", "deployments", 1),
    Call("patch", "nodes", 1),
    Call("patch", "nodes", 2),
    Call("create", "pods/eviction", 1),
    Call("patch", "nodes", 3),
    Call("delete", "deployments", 1),
    Call("delete", "persistentvolumeclaims", 1),
    Call("delete", "persistentvolumes", 1),
    Call("delete", "configmaps", 1),
    Call("delete", "leases", 1),
]
# When the API goes away: as a call has been answered, or as a line has been told.
STEPS: dict[str, Call | str] = {
    "provision": Call("create", "persistentvolumeclaims", 1),
    "lay-out": Call("get", "pods/exec", 1),
    "fio": "[1/2] ",
    "storm start": "start the writer",
    "fault": "container-restart",
    "hold": Call("create", "pods/eviction", 1),
    "read back": Call("patch", "nodes", 3),
    "clean-up": "clean up the cluster",
}
# The line that a storm is told by.
STORMS = {
    "container-restart": " container-restart",
    "pod-delete": " pod-delete",
    "pod-kill": " pod-kill",
    "drain": "drain of ",
}


class Field(NamedTuple):
    """The cluster that the campaign runs on, a folder of its own, and how much of it to run.

    With `short`, each part has the first of its runs alone. `command` is stormark's.
    """

    kubeconfig: Path
    folder: Path
    plan: dict[str, object]
    folders: list[Path]
    short: bool = False
    toxiproxy: str = ""
    command: tuple[str, ...] = STORMARK

    def stage(self, part: str, number: int, kubeconfig: Path) -> AbstractContextManager[Stage]:
        """The stage for a part's run."""
        place = self.folder / f"{part}-{number}"
        return stage(kubeconfig, place, dict(self.plan), self.folders, self.command)

    def some(self, runs: list[T]) -> list[T]:
        """The runs of a part, or with `short` the first."""
        return runs[:1] if self.short else runs


def behind(
    field: Field, part: str, runs: list[T], carry_out: Callable[[Proxy, Stage, T], Outcome]
) -> Iterator[Outcome]:
    """Carry out each run of a part on a stage of its own behind a proxy that has nothing set."""
    with proxied(field.kubeconfig) as proxy:
        kubeconfig = field.folder / f"{part}.kubeconfig"
        proxy.write_kubeconfig(kubeconfig)
        for number, run in enumerate(field.some(runs), 1):
            with field.stage(part, number, kubeconfig) as place:
                proxy.forget()
                yield carry_out(proxy, place, run)


def killed(field: Field) -> Iterator[Outcome]:
    """SIGKILL with the answer to a call, then `stormark reap`."""
    others = [] if field.short else asked(field)
    changed = {call.pair for call in CHANGES}
    at = [*CHANGES, *(Call(*pair, 1) for pair in others if pair not in changed)]
    return behind(field, "killed", at, killed_at)


def asked(field: Field) -> list[tuple[str, str]]:
    """Each verb on each resource that a run asks for, in the order of their first calls."""
    calls: list[Call] = []

    def note(proxy: Proxy, place: Stage, what: str) -> Outcome:
        outcome = place.nightly(what)
        calls.extend(proxy.calls)
        return outcome

    (outcome,) = behind(field, "asked", ["undisturbed"], note)
    assert outcome.good, outcome.words()
    return list(dict.fromkeys(call.pair for call in calls))


def killed_at(proxy: Proxy, place: Stage, at: Call) -> Outcome:
    """Its Lease is made to lapse in a second: reap would wait for two minutes."""

    def die(process: subprocess.Popen[str]) -> None:
        proxy.answered = lambda call: process.kill() if call == at else None

    status, said = place.call(*place.night(), watch=die)
    proxy.forget()
    what = " ".join(map(str, at)) + ("" if status == KILLED else " (never reached)")
    with suppress(NotFound):  # it was killed before it had one, or when it had given it back
        lapse = {"spec": {"leaseDurationSeconds": 1}}
        verbs.patch(place.ground.cluster, "Lease", LEASE, lapse)
    reaped, words = place.reap()
    ended = None if reaped is None else status
    return place.look(what, ended, said + words, lost=None)


def answers(field: Field) -> Iterator[Outcome]:
    """One run for each fault and n: the nth call of each verb on each resource meets it.

    Once from the run's Lease on, and once before it.
    """
    runs = [(f, nth, leased) for leased in (True, False) for nth in (1, 2) for f in FAULTS]
    return behind(field, "answers", runs, answered_wrongly)


def answered_wrongly(proxy: Proxy, place: Stage, how: tuple[str, int, bool]) -> Outcome:
    """Before its Lease nothing is made, and a run may be refused: then no row is lost."""
    fault, nth, leased = how
    seen: Counter[tuple[str, str]] = Counter()
    has_lease = threading.Event()

    def hit(call: Call) -> str | None:
        if call.pair == LEASED:
            has_lease.set()
        if has_lease.is_set() is not leased:
            return None
        seen[call.pair] += 1
        return fault if seen[call.pair] == nth else None

    proxy.fault = hit
    outcome = place.nightly(f"{fault}, call {nth} {'after' if leased else 'before'} the Lease")
    if not leased and outcome.status == REFUSED:
        outcome = outcome._replace(lost=None)
    pairs = sorted({f"{call.verb} {call.resource or '/'}" for call in proxy.broken})
    return outcome._replace(what=f"{outcome.what} of each of {len(pairs)}: {', '.join(pairs)}")


def outage(field: Field) -> Iterator[Outcome]:
    """The API server is away for AWAY_SECONDS, once in a run, at each of its steps."""
    return behind(field, "outage", list(STEPS.items()), away_at)


def away_at(proxy: Proxy, place: Stage, step: tuple[str, Call | str]) -> Outcome:
    """As a call has been answered, or a line has been told."""
    name, at = step
    gone = threading.Event()

    def go() -> None:
        if not gone.is_set():
            gone.set()
            proxy.away(AWAY_SECONDS)

    def on_line(process: subprocess.Popen[str]) -> None:
        if isinstance(at, str) and told(place, process, at):
            go()

    proxy.answered = lambda call: go() if call == at else None
    outcome = place.nightly(name, on_line)
    proxy.back()
    return outcome if gone.is_set() else outcome._replace(what=f"{name} (never reached)")


def told(place: Stage, process: subprocess.Popen[str], line: str) -> bool:
    """Wait until a run has said something, or has ended; whether it has said it."""
    until(lambda: line in place.said() or process.poll() is not None, bool)
    return line in place.said()


def network(field: Field) -> Iterator[Outcome]:
    """By toxiproxy: each fourth connection is reset after 4 s, answers are 0 to 300 ms late."""
    for number in field.some([1, 2, 3, 4]):
        kubeconfig = field.folder / f"network-{number}.kubeconfig"
        with (
            toxic.bad_network(field.toxiproxy, field.kubeconfig, kubeconfig, seed=number),
            field.stage("network", number, kubeconfig) as place,
        ):
            yield place.nightly(f"seed {number}")


def power(field: Field) -> Iterator[Outcome]:
    """The testbed's node w2 loses its power in each storm, for DARK_SECONDS; then reap."""
    for number, (storm, line) in enumerate(field.some(list(STORMS.items())), 1):
        with field.stage("power", number, field.kubeconfig) as place:
            yield dark_in(place, storm, line)


def dark_in(place: Stage, storm: str, line: str) -> Outcome:
    """The writer is on the one node that the plan has."""

    def cut(process: subprocess.Popen[str]) -> None:
        if not told(place, process, line):
            return
        testbed("stop-node", DARK)
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(DARK_SECONDS)
        finally:
            testbed("start-node", DARK)

    selector = {"kubernetes.io/hostname": DARK}
    status, said = place.call(*place.night(storms=[storm], node_selector=selector), watch=cut)
    until(lambda: ready(place.ground.cluster, DARK), bool)
    _, words = place.reap()
    return place.look(storm, status, said + words, lost=place.lost(CELLS | {"storms": 1}))


def testbed(*words: str) -> None:
    """Run a command of the testbed's."""
    subprocess.run([sys.executable, "-m", "testbed", *words], cwd=ROOT, check=True)


def ready(cluster: k8s.Cluster, node: str) -> bool:
    """Whether a node says that it is."""
    conditions = verbs.get(cluster, "Node", node)["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def inputs(field: Field) -> Iterator[Outcome]:
    """Each is refused in a sentence: exit status 1 or 2, no traceback, and nothing is made."""
    for number, (what, words) in enumerate(field.some(list(INPUTS.items())), 1):
        with field.stage("inputs", number, field.kubeconfig) as place:
            status, said = place.call(*words(place))
            wrong = status not in {1, 2} or not said.strip()
            said += f"\nexit status {status}, and no refusal" if wrong else ""
            yield place.look(what, status, said, lost=None)._replace(wrong=wrong)


PARTS: dict[str, Callable[[Field], Iterator[Outcome]]] = {
    "killed": killed,
    "answers": answers,
    "outage": outage,
    "network": network,
    "power": power,
    "inputs": inputs,
}


def timed(part: str, field: Field) -> tuple[list[Outcome], float]:
    """A part's outcomes, and the seconds that it took."""
    began = time.monotonic()
    outcomes = []
    for outcome in PARTS[part](field):
        print(f"{part}: {outcome.words()}", flush=True)
        outcomes.append(outcome)
    return outcomes, time.monotonic() - began
