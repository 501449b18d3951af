"""A pod's log: read once, or followed through broken streams, rotations and restarts."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.cluster import REQUEST_SECONDS, Cluster, path_of
from tasks.kubernetes.labels import CONTAINER
from tasks.kubernetes.streams import whole_lines


class Line(NamedTuple):
    """A line of a log: `at` in seconds since the epoch, by its node's clock."""

    at: float
    text: str


@dataclass
class Place:
    """How far a log was read: its last line, with the time stamp in front."""

    line: str = ""


def lines(
    cluster: Cluster,
    pod: str,
    *,
    stamped: bool = False,
    follow: bool = False,
    silence_seconds: float = REQUEST_SECONDS,
) -> Generator[str]:
    """The lines of a pod's log; `stamped` ones begin with their time as RFC 3339.

    With `follow` until its container ends. A broken stream, or one that is silent for
    `silence_seconds`, only ends the iteration, and drops half a line: the log is still there to be
    read again.
    """
    query = {"container": CONTAINER} | ({"follow": "true"} if follow else {})
    if stamped:
        query |= {"timestamps": "true"}
    response = k8s.request(
        cluster,
        "GET",
        path_of(cluster, "Pod", pod, "log"),
        doing=f"reading the log of pod {pod}",
        query=query,
        read_seconds=silence_seconds,
        streamed=True,
    )
    with closing(whole_lines(response, unended=not follow)) as found:
        yield from found


def follow(cluster: Cluster, pod: str, place: Place, *, silence_seconds: float) -> Generator[Line]:
    """The lines after a place, until the container ends or the stream breaks; the place moves on.

    The place is found again by the whole line. Where it is gone, the log is read from its start:
    the kubelet has rotated it, or started the container again. Stamps are compared with nothing,
    since a node's clock may step.
    """
    there = list(lines(cluster, pod, stamped=True)) if place.line else []
    skip = len(there) - there[::-1].index(place.line) if place.line in there else 0
    with closing(
        lines(cluster, pod, stamped=True, follow=True, silence_seconds=silence_seconds)
    ) as found:
        for number, line in enumerate(found):
            if number == 0 and line not in there[:1]:  # it was rotated just now
                skip = 0
            stamp, _, text = line.partition(" ")
            if number >= skip and stamp[:1].isdigit():  # else the kubelet's own words
                place.line = line
                yield Line(datetime.fromisoformat(stamp).timestamp(), text)
