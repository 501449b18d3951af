"""Where a run's wall seconds go: fio's own, the cluster's, and stormark's.

    python -m benchmarks.overhead plan.yaml

Runs `stormark run --flow benchmark` on KUBECONFIG's cluster and looks on from outside. fio's
seconds are those between two lines of a pod's log, by kubelet's timestamps: fio begins, fio has
ended. The cluster's are those in which an object waits for it, as a watch of its API shows: a PVC
created and not bound, a pod created and not running, an object deleted and not gone, a PV released
and not gone. All others are stormark's. Seconds of two kinds at once count as the first of them.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
import yaml
from kubernetes import client, config, watch
from rich.console import Console
from rich.table import Table

from tasks.kubernetes import labels
from tasks.kubernetes.objects import Obj

FIO_BEGINS, FIO_ENDS = (
    ("@stormark begin ", "@stormark layout "),
    ("@stormark end ", "@stormark finished"),
)
Span = tuple[float, float]
Objects = dict[str, "Seen"]


class Seen(NamedTuple):
    """When an object was in which state, by this process's clock; `lines` are its log's."""

    what: Obj
    times: dict[str, float]
    lines: list[tuple[float, str]]


def main(plan: Annotated[Path, typer.Argument(help="Plan of the run to look at.")]) -> None:
    """Run a plan, and print where its seconds went."""
    values = yaml.safe_load(plan.read_text())
    config.load_kube_config()
    core, namespace = client.CoreV1Api(), values.get("namespace", "default")
    pods: Objects = {}
    claims: Objects = {}
    volumes: Objects = {}
    ours = {"namespace": namespace, "label_selector": labels.selector()}
    look_on(partial(core.list_namespaced_pod, **ours), pods, pod_state, follow_logs)
    look_on(partial(core.list_namespaced_persistent_volume_claim, **ours), claims, claim_state)
    look_on(core.list_persistent_volume, volumes, volume_state)
    with tempfile.TemporaryDirectory() as folder:
        told = run(plan, folder)
    Console().print(table(told, pods, claims, volumes))


def run(plan: Path, results: str) -> list[tuple[float, str]]:
    """Run stormark; the lines that it printed and when, its start first and its exit last."""
    command = [str(Path(sys.executable).with_name("stormark")), "run", "--flow", "benchmark"]
    told = [(time.time(), "")]
    with subprocess.Popen(
        [*command, "--plan", str(plan), "--results", results], stdout=subprocess.PIPE, text=True
    ) as process:
        told += [(time.time(), line.strip()) for line in process.stdout or ()]
    if process.returncode:
        raise SystemExit(f"stormark run ended with {process.returncode}: {told[-1][1]}")
    return [*told, (time.time(), "")]


# ---------------------------------------------------------------- looking on


def look_on(
    list_them: Callable[..., Any],
    seen: Objects,
    state: Callable[[Obj], str],
    when_running: Callable[[Seen], None] | None = None,
) -> threading.Thread:
    """Note from now on, in a thread of its own, when each new object enters each state.

    What is there already is of earlier runs.
    """
    earlier = {item.metadata.uid for item in list_them().items}

    def keep() -> None:
        for event in watch.Watch().stream(list_them):
            now, item = time.time(), event["raw_object"]
            if item["metadata"]["uid"] in earlier:
                continue
            known = seen.setdefault(item["metadata"]["name"], Seen(item, {"created": now}, []))
            reached = "gone" if event["type"] == "DELETED" else state(item)
            if reached == "running" and reached not in known.times and when_running:
                when_running(known)
            known.times.setdefault(reached, now)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    return thread


def pod_state(pod: Obj) -> str:
    """What a pod waits for, or has come to."""
    if "deletionTimestamp" in pod["metadata"]:
        return "deleted"
    states = [status["state"] for status in pod["status"].get("containerStatuses", ())]
    return "running" if any(s.keys() & {"running", "terminated"} for s in states) else "created"


def claim_state(claim: Obj) -> str:
    """What a PVC waits for, or has come to."""
    if "deletionTimestamp" in claim["metadata"]:
        return "deleted"
    return "bound" if claim["status"].get("phase") == "Bound" else "created"


def volume_state(volume: Obj) -> str:
    """What a PV waits for."""
    return "deleted" if volume["status"].get("phase") == "Released" else "created"


def follow_logs(pod: Seen) -> None:
    """Read a pod's log with kubelet's timestamps, in a thread of its own."""

    def read() -> None:
        meta = pod.what["metadata"]
        answer: Iterable[bytes] = client.CoreV1Api().read_namespaced_pod_log(  # type: ignore[assignment]
            meta["name"], meta["namespace"], follow=True, timestamps=True, _preload_content=False
        )
        for line in answer:
            stamp, _, text = line.decode(errors="replace").strip().partition(" ")
            if text.startswith("@stormark "):
                pod.lines.append((datetime.fromisoformat(stamp).timestamp(), text))

    threading.Thread(target=read, daemon=True).start()


# ---------------------------------------------------------------- adding up


def table(told: list[tuple[float, str]], pods: Objects, claims: Objects, volumes: Objects) -> Table:
    """A row for each part of the run: its seconds, and whose they were."""
    fio = [span for pod in pods.values() for span in fio_spans(pod.lines)]
    seen = [*pods.values(), *claims.values(), *volumes.values()]
    waits = [w for one in seen for w in waiting(one.times)]
    shown = Table("part", "wall s", "fio s", "cluster s", "stormark s", "pods")
    total = [0.0] * 4
    for name, spans, count in parts(told, pods, claims):
        of_fio = length(overlap(spans, fio))
        waited = length(overlap(spans, [*fio, *waits])) - of_fio
        figures = [length(spans), of_fio, waited, length(spans) - of_fio - waited]
        total = [a + b for a, b in zip(total, figures, strict=True)]
        shown.add_row(name, *(f"{figure:.1f}" for figure in figures), str(count or ""))
    shown.add_row("whole run", *(f"{figure:.1f}" for figure in total), str(len(pods)))
    last = max(end for _, end in fio)
    clean = next(at for at, line in told if line == "the cluster is clean")
    shown.caption = f"{clean - last:.1f} s from the last second of fio to a clean cluster"
    return shown


def parts(
    told: list[tuple[float, str]], pods: Objects, claims: Objects
) -> Iterator[tuple[str, list[Span], int]]:
    """The run's parts in order, their spans, and their pods; a class's are all turns of its pods.

    A turn lasts from the end of fio before it to its own end of fio.
    """
    first = min(claim.times["created"] for claim in claims.values())
    used = [(pod, name) for pod in pods.values() if (name := class_of(pod, claims))]
    turns = sorted((span, name) for pod, name in used for span in fio_spans(pod.lines))
    spans: dict[str, list[Span]] = {}
    before = first
    for (_, end), name in turns:
        spans.setdefault(name, []).append((before, end))
        before = end
    clean = next(at for at, line in told if line == "the cluster is clean")
    yield "start and checks", [(told[0][0], first)], len(pods) - len(used)
    for name, of_class in spans.items():
        yield name, of_class, sum(mine == name for _, mine in used)
    yield "clean-up", [(before, clean)], 0
    yield "report and exit", [(clean, told[-1][0])], 0


def class_of(pod: Seen, claims: Objects) -> str | None:
    """The class of the PVC that a pod mounts, if it mounts one."""
    sources = (v.get("persistentVolumeClaim") for v in pod.what["spec"]["volumes"])
    claim = next((source["claimName"] for source in sources if source), None)
    return claim and str(claims[claim].what["spec"]["storageClassName"])


def fio_spans(lines: Iterable[tuple[float, str]]) -> list[Span]:
    """When fio ran, from the marks in a pod's log."""
    spans, begun = [], None
    for at, text in lines:
        if text.startswith(FIO_BEGINS) and begun is None:
            begun = at
        elif text.startswith(FIO_ENDS) and begun is not None:
            spans.append((begun, at))
            begun = None
    return spans


def waiting(times: dict[str, float]) -> Iterator[Span]:
    """When an object waited for the cluster: to be bound or to run, and to go."""
    for begin, ends in (("created", ("bound", "running")), ("deleted", ("gone",))):
        came = [times[end] for end in ends if end in times]
        if begin in times and came:
            yield times[begin], min(came)


def length(spans: Iterable[Span]) -> float:
    """Seconds that at least one of the spans covers."""
    covered, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        covered += max(0.0, end - max(begin, until))
        until = max(until, end)
    return covered


def overlap(spans: Iterable[Span], others: list[Span]) -> list[Span]:
    """The parts of `spans` that lie within one of `others`."""
    pairs = [(max(a, c), min(b, d)) for a, b in spans for c, d in others]
    return [(begin, end) for begin, end in pairs if begin < end]


if __name__ == "__main__":
    typer.run(main)
