"""stormark's runtime image, made of this virtual environment, for a node of the testbed.

It stands for what manifests/prefect/Containerfile builds, where nothing can be pulled.
"""

import hashlib
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from flows.up import ROOT
from testbed import processes, state
from testbed.images import add, add_description, busybox_files
from testbed.shell import run

PACKAGES = "/opt/packages"
SCRIPTS = {
    "usr/bin/python": f'#!/bin/sh\nexec {Path(sys.executable).resolve()} "$@"\n'.encode(),
    "usr/bin/prefect": b'#!/bin/sh\nexec python -m prefect "$@"\n',
}
LEFT_OUT = {"site-packages", "dist-packages", "test", "idlelib"}


@contextmanager
def on_node(node: str, tag: str, folder: Path) -> Iterator[None]:
    """Give a node of the testbed the image under this tag, for the block."""
    first = processes.child(processes.running()[f"node-{node}"])
    socket = Path("/proc", str(first), "root", "run/containerd/containerd.sock")  # the node's own
    images = ["ctr", "--address", str(socket), "--namespace", "k8s.io", "images"]
    layer = folder / "layer.tar"
    _write_layer(layer)
    take = [*images, "import", "--no-unpack", "-"]
    with (
        subprocess.Popen(take, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as importing,
        tarfile.open(fileobj=importing.stdin, mode="w|") as archive,
    ):
        _write_archive(archive, layer, tag)
    assert importing.returncode == 0
    layer.unlink()
    try:
        yield
    finally:
        run(*images, "remove", "--sync", tag)


def _write_archive(archive: tarfile.TarFile, layer: Path, tag: str) -> None:
    """A Docker archive of one layer, as testbed/images.py writes, but none that memory holds."""
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    environment = ["PATH=/usr/bin:/bin", f"PYTHONPATH={PACKAGES}"]
    archive.add(layer, "layer.tar")
    config = {"Env": environment, "WorkingDir": "/stormark"}
    add_description(archive, [tag], digest, config)


def _write_layer(path: Path) -> None:
    """Files keep their times, by which Python knows that their bytecode is theirs."""
    packages = dict(_packages())
    python = dict(_python())
    loaded = [file for file in [*packages.values(), *python.values()] if ".so" in file.name]
    libraries = {str(file)[1:]: file for file in _libraries([_interpreter(), *loaded])}
    with tarfile.open(path, "w", dereference=True) as layer:
        for name, source in (libraries | python | packages | dict(_checkout())).items():
            layer.add(source, name)
        for name, content in (busybox_files(state.BUSYBOX) | SCRIPTS).items():
            add(layer, name, content)


def _interpreter() -> Path:
    return Path(sys.executable).resolve()


def _python() -> Iterator[tuple[str, Path]]:
    """The interpreter and its library, at their own places."""
    yield str(_interpreter())[1:], _interpreter()
    library = Path(sysconfig.get_path("stdlib"))
    for path in library.rglob("*"):
        inside = set(path.relative_to(library).parts)
        if path.is_file() and not inside & LEFT_OUT:
            yield str(path)[1:], path


def _packages() -> Iterator[tuple[str, Path]]:
    """What stormark and its extra `kubernetes` require, without what develops it."""
    for found in _required():
        for file in found.files or []:
            path = Path(str(found.locate_file(file)))
            if path.is_file() and ".." not in file.parts:
                yield f"{PACKAGES[1:]}/{file}", path


def _required() -> list[Distribution]:
    waiting, found = [Requirement("stormark[kubernetes]")], {}
    while waiting:
        wanted = waiting.pop()
        key = (wanted.name.lower(), frozenset(wanted.extras))
        if key not in found:
            found[key] = distribution(wanted.name)
            for needed in map(Requirement, found[key].requires or []):
                extras = wanted.extras or {""}
                if needed.marker is None or any(
                    needed.marker.evaluate({"extra": extra}) for extra in extras
                ):
                    waiting.append(needed)
    return list(found.values())


def _checkout() -> Iterator[tuple[str, Path]]:
    for name in run("git", "-C", ROOT, "ls-files").splitlines():
        if (ROOT / name).is_file():
            yield f"stormark/{name}", ROOT / name


def _libraries(programs: list[Path]) -> set[Path]:
    """The machine's libraries that programs load, without those that packages bring along."""
    # It exits with 1 when one of them is no dynamic program.
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    words = said.split()
    found = {Path(word) for word in words if word.startswith("/") and not word.endswith(":")}
    environment = Path(sys.prefix).resolve()
    return {path for path in found if not path.resolve().is_relative_to(environment)}
