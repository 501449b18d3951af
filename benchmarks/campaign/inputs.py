"""Inputs that are wrong: each is refused in a sentence, and nothing is made."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.campaign.runs import Stage

Words = Callable[[Stage], list[str]]


def field(**fields: object) -> Words:
    """A plan with these fields, run as a nightly."""
    return lambda place: place.night(**fields)


def text(content: str | bytes) -> Words:
    """A plan file with this content."""

    def words(place: Stage) -> list[str]:
        path = place.folder / "bad.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ["run", "--plan", str(path), "--namespace", place.ground.cluster.namespace]

    return words


def options(*more: str) -> Words:
    """The campaign's plan, with these options beside it."""
    return lambda place: ["run", "--plan", str(place.plan()), *more]


def at(name: str, *words: str) -> Words:
    """A command with the results location of the stage, which nobody has written to."""
    return lambda place: [name, *words, "--results", str(place.folder / "results")]


def fio(job: str) -> Words:
    """A plan with a fio file of one's own."""
    return field(fio_file=job)


def _file_as_folder(place: Stage) -> list[str]:
    (place.folder / "file").touch()
    return options("--results", str(place.folder / "file" / "results"))(place)


def _binary_fio_file(place: Stage) -> list[str]:
    path: Path = place.folder / "bad.fio"
    path.write_bytes(b"\xff\xfe\x00")
    return options("--fio-file", str(path))(place)


INPUTS: dict[str, Words] = {
    "unknown field": field(storage_class="local-path"),
    "class that is not there": field(storage_classes=["fast"]),
    "class by a hostile name": field(storage_classes=["../../etc/passwd"]),
    "class that is no list": field(storage_classes="local-path"),
    "class as an option": field(storage_classes=["--all"]),
    "unknown profile": field(profile="fastest"),
    "no rounds": field(rounds=0),
    "rounds in words": field(rounds="three"),
    "negative runtime": field(runtime_seconds=-1),
    "volume of no size": field(volume_size="0Mi"),
    "volume of no quantity": field(volume_size="4 GB"),
    "volume too small": field(volume_size="1Mi"),
    "unknown access mode": field(access_mode="ReadWriteTwice"),
    "unknown volume mode": field(volume_mode="Tape"),
    "namespace that is not there": field(namespace="campaign-nowhere"),
    "namespace by a hostile name": field(namespace="a/b?x=y"),
    "namespace in capitals": field(namespace="Default"),
    "selector of no node": field(node_selector={"kubernetes.io/hostname": "nowhere"}),
    "selector that is no map": field(node_selector=["w1"]),
    "unknown toleration": field(tolerations=[{"operator": "Maybe"}]),
    "empty image": field(image=""),
    "storm that is none": field(storms=["earthquake"]),
    "storm twice": field(storms=["drain", "drain"]),
    "no storm": field(storms=[]),
    "storm volume that is none": field(storm_volumes=["floppy"]),
    "node fault without commands": field(storms=["node-crash"]),
    "node fault without {node}": field(node_fault={"down": "true", "up": "true"}),
    "storm nodes that are no selector": field(storm_nodes="a=b=c,,"),
    "run limit too short": field(run_limit_seconds=59),
    "run limit shorter than the run": field(run_limit_seconds=60, hold_seconds=3600),
    "context that is not there": options("--context", "production"),
    "results in a file": _file_as_folder,
    "results of an unknown kind": options("--results", "ftp://host/results"),
    "results with credentials": options("--results", "s3://key:secret@bucket/x"),
    "plan that is a list": text("- a\n- b\n"),
    "plan that is no YAML": text("{: ["),
    "plan in no text": text(b"\xff\xfe\x00\x01"),
    "plan that is not there": lambda _: ["run", "--plan", "nowhere.yaml"],
    "fio file in no text": _binary_fio_file,
    "fio file larger than the volume": fio("[a]\nrw=write\nsize=1g\n"),
    "fio file without a job": fio("[global]\nsize=4m\n"),
    "fio file of a network": fio(
        "[a]\nioengine=net\nhostname=localhost\nport=1\nrw=read\nsize=4m\n"
    ),
    "fio file with a variable": fio("[a]\nrw=write\nsize=${SIZE}\n"),
    "fio file that fio cannot read": fio("[a]\nrw=sideways\nsize=4m\n"),
    "report of no run": at("report", "20200101-000000-abcdef"),
    "report by a hostile name": at("report", "../../../etc/passwd"),
    "comparison of no runs": at("compare", "20200101-000000-abcdef", "20200101-000000-abcdee"),
}
