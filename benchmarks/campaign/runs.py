"""A run of stormark in a namespace of its own, and what it has left, lost and said."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import verbs
from tasks.results import store
from tasks.results.store import ResultsError
from tests.storms.ground import Ground, new_namespace

ROOT = Path(__file__).parents[2]
STORMARK = (sys.executable, "-m", "stormark")
RUN_LIMIT_SECONDS = 600.0  # a run of a minute; one that waits for its own limits is no hang
FIO = "[global]\nsize=4m\n[write]\nstonewall\nrw=write\nbs=1m\n[read]\nstonewall\nrw=randread\n"
# Two jobs of fio, and two storms on a volume that has a PV and a folder of stormark's own making.
PLAN: dict[str, Any] = {
    "storage_classes": ["local-path"],
    "fio_file": FIO,
    "rounds": 1,
    "volume_size": "64Mi",
    "storms": ["container-restart", "drain"],
    "storm_volumes": ["local"],
    "hold_seconds": 1,
}
CELLS = {"fio": 2, "storms": 2}


class Outcome(NamedTuple):
    """What came of one run, in words; `lost` is None where nobody expects rows."""

    what: str
    status: int | None
    objects: list[str]
    cordons: list[str]
    lost: int | None
    said: str
    wrong: bool = False  # an input that was not refused, or not in words

    @property
    def hung(self) -> bool:
        """Whether it was ended, since it did not end within its limit."""
        return self.status is None

    @property
    def traceback(self) -> bool:
        """Whether it showed whoever runs it a traceback."""
        return "Traceback (most recent call last)" in self.said

    @property
    def good(self) -> bool:
        """Whether nothing is to be said against it."""
        found = (self.objects, self.cordons, self.lost, self.hung, self.traceback, self.wrong)
        return not any(found)

    def words(self) -> str:
        """A line for it; with what it said last where it is not good."""
        if self.good:
            return f"{self.what}: exit status {self.status}"
        found = {
            "objects": self.objects,
            "cordons": self.cordons,
            "rows lost": self.lost,
            "hung": self.hung,
            "traceback": self.traceback,
            "not refused": self.wrong,
        }
        parts = ", ".join(f"{name} {what}" for name, what in found.items() if what)
        return f"{self.what}: exit status {self.status}: {parts}\n{self.said[-3000:]}"


class Stage(NamedTuple):
    """A namespace for a run, the kubeconfig that leads it there, and a folder for its results."""

    ground: Ground
    kubeconfig: Path
    folder: Path
    cordoned: frozenset[str]
    command: tuple[str, ...]

    def start(self, *words: str, output: IO[str]) -> subprocess.Popen[str]:
        """Start stormark with these words."""
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [*self.command, *words],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(
        self,
        *words: str,
        watch: Callable[[subprocess.Popen[str]], None] = lambda _: None,
    ) -> tuple[int | None, str]:
        """Run stormark; its exit status, None if it was ended by the limit, and what it said."""
        with (
            (self.folder / "said").open("w") as output,
            self.start(*words, output=output) as process,
        ):
            watch(process)
            try:
                status: int | None = process.wait(RUN_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                status = None
        return status, self.said()

    def nightly(
        self, what: str, watch: Callable[[subprocess.Popen[str]], None] = lambda _: None
    ) -> Outcome:
        """Run a nightly of the stage's plan, and look at what it has come to."""
        status, said = self.call(*self.night(), watch=watch)
        return self.look(what, status, said, lost=self.lost(CELLS))

    def night(self, **fields: object) -> list[str]:
        """The words of a nightly of the campaign's plan with these fields."""
        return ["run", "--flow", "nightly", "--plan", str(self.plan(**fields))]

    def reap(self) -> tuple[int | None, str]:
        """Release what the stage's runs have left; as `call`."""
        return self.call("reap", "--plan", str(self.plan()))

    def said(self) -> str:
        """What the last of its calls has said so far."""
        return (self.folder / "said").read_text()

    def plan(self, **fields: object) -> Path:
        """A file with the campaign's plan, and these fields."""
        path = self.folder / "plan.yaml"
        chosen = PLAN | self.ground.plan | {"results": str(self.folder / "results")} | fields
        path.write_text(yaml.safe_dump(chosen))
        return path

    def lost(self, cells: dict[str, int]) -> int:
        """How many of the cells that a table should have lack a row that was measured."""
        lost = 0
        for table, expected in cells.items():
            try:
                rows = store.read_table(str(self.folder / "results"), table)
            except ResultsError:  # none was written
                lost += expected
            else:
                lost += max(0, expected - int((rows["status"] != "failed").sum()))
        return lost

    def look(self, what: str, status: int | None, said: str, *, lost: int | None) -> Outcome:
        """The outcome of a run that has ended: what is left is counted past the proxy."""
        marks = "cordon of "
        left = self.ground.left()
        cordons = {one.removeprefix(marks) for one in left if one.startswith(marks)}
        cordons |= cordoned(self.ground.cluster) - self.cordoned
        objects = [one for one in left if not one.startswith(marks)]
        return Outcome(what, status, objects, sorted(cordons), lost, said)


def cordoned(cluster: k8s.Cluster) -> set[str]:
    """The nodes that take no pods."""
    nodes = verbs.find(cluster, "Node")
    return {n["metadata"]["name"] for n in nodes if n["spec"].get("unschedulable")}


@contextmanager
def stage(
    kubeconfig: Path,
    folder: Path,
    plan: dict[str, Any],
    folders: list[Path],
    command: tuple[str, ...] = STORMARK,
) -> Iterator[Stage]:
    """A new namespace and an empty folder for one run, which go with the block.

    `kubeconfig` is what the run is given; KUBECONFIG is what it is looked at by.
    """
    folder.mkdir(parents=True)
    with new_namespace() as cluster:
        ground = Ground(cluster, {"namespace": cluster.namespace} | plan, folders)
        yield Stage(ground, kubeconfig, folder, frozenset(cordoned(cluster)), command)
