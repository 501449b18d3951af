"""Compiling Kubernetes, the local-path provisioner and what CSI needs from Go modules, once."""

import hashlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from . import state
from .shell import CommandFailed, environment, run, step
from .state import Failed

HERE = Path(__file__).parent
KUBERNETES = "k8s.io/kubernetes"
RELEASE = r"1\.[0-9]+(\.[0-9]+)?"


class Target(NamedTuple):
    """What is compiled: of the Go files as they are, or of main.go with an older Kubernetes."""

    binary: Path
    sources: Path
    package: str
    release: str | None = None

    @property
    def stamp(self) -> str:
        """What the binary is to be compiled from."""
        names = [self.sources / "main.go"] if self.release else sorted(self.sources.iterdir())
        content = b"".join(file.read_bytes() for file in names)
        return hashlib.sha256(content + (self.release or "").encode()).hexdigest()


def build(release: str | None = None, *, csi: bool = False) -> None:
    """Compile what is missing or was compiled from other Go files; the rest is reused.

    A release is such as 1.31, of which it is the newest patch; None is that of kube/go.mod.
    """
    targets = [
        Target(compiled(release), HERE / "kube", ".", release),
        Target(
            state.PROVISIONER, HERE / "provisioner", "github.com/rancher/local-path-provisioner"
        ),
        *(_csi_targets() if csi else ()),
    ]
    for target in targets:
        _take_over(target)
    stale = [target for target in targets if not _is_current(target.binary, target.stamp)]
    if stale:
        _check_go(targets)
    for target in stale:
        _compile(target)


def _csi_targets() -> list[Target]:
    """The driver, its sidecars, and csi-sanity, which tests it."""
    packages = {
        "csi-attacher": "external-attacher/v4/cmd/csi-attacher",
        "csi-provisioner": "external-provisioner/v6/cmd/csi-provisioner",
        "csi-resizer": "external-resizer/v2/cmd/csi-resizer",
        "csi-sanity": "csi-test/v5/cmd/csi-sanity",
        "csi-snapshotter": "external-snapshotter/v8/cmd/csi-snapshotter",
        "snapshot-controller": "external-snapshotter/v8/cmd/snapshot-controller",
    }
    sidecars = (
        Target(state.BIN / name, HERE / "sidecars", f"github.com/kubernetes-csi/{package}")
        for name, package in packages.items()
    )
    return [Target(state.CSI, HERE / "csi", "."), *sidecars]


def compiled(release: str | None) -> Path:
    """Where Kubernetes of a release is compiled to."""
    return state.BIN / (f"kube-{release}" if release else "kube")


def choose(release: str | None) -> None:
    """Let the testbed run this release; raises Failed if it is one of another release."""
    binary = compiled(release)
    if state.KUBE.is_symlink() and (other := state.KUBE.readlink()) != binary:
        raise Failed(
            f"the testbed in {state.FOLDER} runs {other}, and {binary} is asked for: "
            "`python -m testbed down`, then `up` again"
        )
    state.KUBE.unlink(missing_ok=True)
    state.KUBE.symlink_to(binary)


def _take_over(target: Target) -> None:
    """Copy what another testbed of this machine has compiled, unless this one has it."""
    binary, stamp = target.binary, target.stamp
    current = [other for other in state.elsewhere(binary) if _is_current(other, stamp)]
    if current and not _is_current(binary, stamp):
        _marker(binary).unlink(missing_ok=True)
        state.BIN.mkdir(parents=True, exist_ok=True)
        shutil.copy(current[0], binary)
        shutil.copy(_marker(current[0]), _marker(binary))


def _marker(binary: Path) -> Path:
    return binary.with_name(f"{binary.name}.built-from")


def _is_current(binary: Path, stamp: str) -> bool:
    marker = _marker(binary)
    return binary.exists() and marker.exists() and marker.read_text() == stamp


def _check_go(targets: Iterable[Target]) -> None:
    files = {target.sources / "go.mod" for target in targets}
    needed = max(_go_of(file.read_text()) for file in files)
    wanted = ".".join(map(str, needed))
    if shutil.which("go") is None:
        raise Failed(f"compiling needs Go {wanted} or later: no `go` on PATH, install it")
    version = run("go", "version")
    found = re.search(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < needed:
        raise Failed(f"compiling needs Go {wanted} or later, here is: {version}")


def _go_of(module: str) -> tuple[int, int]:
    (line,) = re.findall(r"^go (\d+)\.(\d+)", module, re.MULTILINE)
    return int(line[0]), int(line[1])


def _module_of(release: str) -> Path:
    """A folder with main.go and a go.mod of an older Kubernetes, which `go build` completes.

    Its own go.mod has the libraries beside it as folders: as modules they are v0.31.14 of v1.31.14.
    """
    folder = state.TEMPORARY / f"kube-{release}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(HERE / "kube" / "main.go", folder)
    file = folder / "go.mod"
    file.write_text("module kube\n")
    try:
        wanted = f"{KUBERNETES}@v{release}"
        found = json.loads(run("go", "-C", folder, "mod", "download", "-json", wanted))
    except CommandFailed as error:
        why = re.findall('"Error": "(.*)"', str(error)) or [str(error)]
        raise Failed(
            f"Kubernetes {release} cannot be compiled: {why[0]}. Give one whose module Go's proxy "
            "(`go env GOPROXY`) has, such as 1.31; the patch too, such as 1.31.14, where it does "
            "not list the release"
        ) from error
    own = json.loads(run("go", "mod", "edit", "-json", found["GoMod"]))
    version, beside = found["Version"], found["Version"].replace("v1.", "v0.", 1)
    replaced = [name for one in own["Replace"] if (name := one["Old"]["Path"])]
    lines = [
        "module kube",
        f"go {own['Go']}",
        f"require {KUBERNETES} {version}",
        *(f"replace {name} => {name} {beside}" for name in replaced),
    ]
    file.write_text("\n".join(lines) + "\n")
    return folder


def _flags(module: str) -> str:
    """The linker's: what Kubernetes says of its version, older API servers by client-go."""
    found = re.search(rf"{KUBERNETES} (v1\.(\d+)\.\S+)", module)
    said = {"gitVersion": found[1], "gitMajor": "1", "gitMinor": found[2]} if found else {}
    values = [
        f"-X k8s.io/{package}/version.{name}={value}"
        for package in ("component-base", "client-go/pkg")
        for name, value in said.items()
    ]
    return " ".join(["-s -w", *values])


def _compile(target: Target) -> None:
    binary, release = target.binary, target.release
    step(f"compiling {binary.name}: the first time this takes minutes")
    began = time.monotonic()
    _marker(binary).unlink(missing_ok=True)  # a build that is killed leaves no valid binary
    for folder in (state.BIN, state.TEMPORARY):
        folder.mkdir(parents=True, exist_ok=True)
    sources = _module_of(release) if release else target.sources
    variables = environment("build") | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=mod" if release else "-mod=readonly",
        "GOTMPDIR": str(state.TEMPORARY),
    }
    linker = _flags((sources / "go.mod").read_text())
    flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", linker]
    command = ["go", "build", *flags, "-o", str(binary), target.package]
    output: list[str] = []
    with subprocess.Popen(
        command, cwd=sources, env=variables, stderr=subprocess.PIPE, text=True
    ) as go:
        assert go.stderr is not None
        for line in go.stderr:  # with -v, a line for each package
            output.append(line)
            if len(output) % 200 == 0:
                step(f"compiling {binary.name}: {len(output)} packages")
    if go.returncode:
        raise CommandFailed(
            f"compiling {binary.name} in {sources} failed, `go build` exited {go.returncode}: "
            f"{''.join(output[-10:]).strip()}. Check that Go reaches its module proxy "
            "(`go env GOPROXY`) and that the disk has 5 GiB free, then run it again: "
            "what was compiled is cached"
        )
    _marker(binary).write_text(target.stamp)
    step(f"compiled {binary.name} in {time.monotonic() - began:.0f} s")
