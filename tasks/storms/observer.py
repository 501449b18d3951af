"""Watches one writer: what its pods acknowledge, and what happens to them.

All times are seconds since the epoch by the client's clock as it was when the process began. A
watch event has the time of its arrival. An acknowledgement has the time of its log line, which is
the node's, brought to the client's clock by the smallest delay between line and arrival that was
seen for its pod since its node's clock was last set.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from tasks.kubernetes import logs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError, Forbidden
from tasks.kubernetes.logs import Line, Place
from tasks.kubernetes.objects import Items, Obj
from tasks.kubernetes.pods import container_state
from tasks.storms.clock import now
from tasks.storms.ledger import Page

# Longer than any pause of a writer at one record a second, and than any line is on its way.
SILENCE_SECONDS = 10.0
# Between two tries to read a log that cannot be read.
KUBELET_SECONDS = 0.5


class Ack(NamedTuple):
    """One record that a writer said is durable. `life` counts the starts of its pod's container.

    `pod` is the pod's UID: those of a StatefulSet have one name. `writer` is the two together, as
    the volume's files are named; `clock` counts how often the clock of its node was set.
    """

    pod: str
    life: int
    number: int
    logged: float
    arrived: float
    clock: int = 0

    @property
    def writer(self) -> str:
        """The name of the writer's file on the volume."""
        return f"{self.pod}.{self.life}"


class PodEvent(NamedTuple):
    """A pod as a watch showed it, and when."""

    at: float
    type: str
    pod: Obj


class Observer:
    """Follows the pods of one workload, by UID, in threads of its own, until `close`."""

    def __init__(self, cluster: Cluster, label: str) -> None:
        self.cluster, self.label = cluster, label
        self.acks: list[Ack] = []
        self.pages: dict[Page, int] = {}  # the version of each that was acknowledged last
        self.cold: dict[str, str] = {}  # by writer, the checksum of what it wrote once
        self.events: list[PodEvent] = []
        self.present: Items = {}
        self.lives: dict[str, int] = {}
        self.latest: dict[str, float] = {}  # by pod, the time of its last line
        self.delays: dict[str, list[float]] = {}  # what brings it to the client's clock, by `clock`
        self.replaced: set[str] = set()  # whose name's log is that of a later pod by now
        self.unwritable: dict[str, str] = {}  # by pod, why it could not begin
        self.refused: dict[str, str] = {}  # by pod, why its last record is not durable
        self.refusals: list[tuple[float, str]] = []  # each of them, when and in which words
        self.uncontrolled: dict[str, int] = {}  # by writer, the first record that its control lacks
        self.errors: list[str] = []
        self.changed = threading.Condition()
        self.stop = threading.Event()
        self._start(self._watch_pods)

    def close(self) -> None:
        """Let the threads end; they do not outlive the process in any case."""
        self.stop.set()

    def wait(self, limit_seconds: float, what: str) -> None:
        """Wait for the next change of anything; ClusterError when the observer itself failed."""
        with self.changed:
            self.changed.wait(limit_seconds)
        if self.errors:
            raise ClusterError(f"{what}: {self.errors[0]}")

    def pods(self) -> Items:
        """The pods that exist now, by UID."""
        with self.changed:
            return dict(self.present)

    def since(self, at: float) -> list[Ack]:
        """What was acknowledged and arrived from a moment on, in order."""
        return self.acks[bisect_left(self.acks, at, key=lambda ack: ack.arrived) :]

    def at(self, ack: Ack) -> float:
        """When a record was acknowledged, by the client's clock."""
        return ack.logged + self.delays[ack.pod][ack.clock]

    def _start(self, function: Callable[..., None], *args: str) -> None:
        threading.Thread(target=self._guarded, args=(function, *args), daemon=True).start()

    def _guarded(self, function: Callable[..., None], *args: str) -> None:
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - `wait` raises it where somebody listens
            with self.changed:
                self.errors.append(f"{type(error).__name__}: {error}")
                self.changed.notify_all()

    def _watch_pods(self) -> None:
        for kind, pod in watches.watch(self.cluster, "Pod", label=self.label, stop=self.stop):
            uid = pod["metadata"]["uid"]
            with self.changed:
                self.events.append(PodEvent(now(), kind, pod))
                self.present[uid] = pod
                if kind == "DELETED":
                    del self.present[uid]
                self.changed.notify_all()
            if uid not in self.lives:
                self.lives[uid] = 0
                self._start(self._follow, uid)

    def _follow(self, pod: str) -> None:
        """Read a pod's log for as long as the pod is there, through restarts of its container."""
        place = Place()
        while not self.stop.is_set() and (current := self.pods().get(pod)) is not None:
            if "running" in container_state(current):
                name = current["metadata"]["name"]
                stream = logs.follow(self.cluster, name, place, silence_seconds=SILENCE_SECONDS)
                try:
                    with closing(stream) as lines:
                        for line in lines:
                            self._hear(pod, line)
                except Forbidden:
                    raise
                except ClusterError:  # the pod is gone, or its node: a log outlives that
                    self.stop.wait(KUBELET_SECONDS)
            with self.changed:
                self.changed.wait(0.2)

    def _hear(self, pod: str, line: Line) -> None:
        with self.changed:
            arrived = now()
            match line.text.split(" "):
                case ["start", *_, writer]:
                    name, _, life = writer.rpartition(".")
                    if name == pod:
                        self.lives[pod] = int(life)
                    else:
                        self.replaced.add(pod)
                case _ if pod in self.replaced:
                    return
                case ["ack", number]:
                    clock = self._clock(pod, line.at, arrived)
                    ack = Ack(pod, self.lives[pod], int(number), line.at, arrived, clock)
                    self.acks.append(ack)
                    self.refused.pop(pod, None)
                case ["page", page, version]:
                    self.pages[f"{pod}.{self.lives[pod]}", int(page)] = int(version)
                case ["cold", writer, value]:
                    self.cold[writer] = value
                case ["error", _, *why]:
                    self.refused[pod] = " ".join(why)
                    self.refusals.append((arrived, self.refused[pod]))
                case ["uncontrolled", number]:
                    self.uncontrolled[f"{pod}.{self.lives[pod]}"] = int(number)
                case ["unwritable", *why]:
                    self.unwritable[pod] = " ".join(why)
            self.changed.notify_all()

    def _clock(self, pod: str, logged: float, arrived: float) -> int:
        """Learn from a line how late lines are; how often the clock of its node was set so far.

        Set back, it gives a line an earlier time than the one before; set forward, more than any
        delay.
        """
        delay, delays = arrived - logged, self.delays.setdefault(pod, [])
        back = logged < self.latest.get(pod, logged)
        if not delays or back or delay < delays[-1] - SILENCE_SECONDS:
            delays.append(delay)
        delays[-1] = min(delays[-1], delay)
        self.latest[pod] = logged
        return len(delays) - 1
