"""Compiling Kubernetes and the local-path provisioner from Go modules, once."""

import hashlib
import re
import shutil
import subprocess
import time
from pathlib import Path

from . import state
from .shell import CommandFailed, environment, run, step
from .state import Failed

HERE = Path(__file__).parent
VERSION = "v1.34.4"  # as in kube/go.mod
GO_VERSION = (1, 24)  # as in both go.mod
_FLAGS = "-s -w " + " ".join(
    f"-X k8s.io/component-base/version.{name}={value}"
    for name, value in {"gitVersion": VERSION, "gitMajor": "1", "gitMinor": "34"}.items()
)


def build() -> None:
    """Compile what is missing or was compiled from other Go files; the rest is reused."""
    targets = (
        (state.KUBE, HERE / "kube", "."),
        (state.PROVISIONER, HERE / "provisioner", "github.com/rancher/local-path-provisioner"),
    )
    for binary, sources, _ in targets:
        _take_over(binary, sources)
    stale = [target for target in targets if not _is_current(target[0], target[1])]
    if stale:
        _check_go()
    for binary, sources, package in stale:
        _compile(binary, sources, package)


def _take_over(binary: Path, sources: Path) -> None:
    """Copy what another testbed of this machine has compiled, unless this one has it."""
    current = [other for other in state.elsewhere(binary) if _is_current(other, sources)]
    if current and not _is_current(binary, sources):
        _marker(binary).unlink(missing_ok=True)
        state.BIN.mkdir(parents=True, exist_ok=True)
        shutil.copy(current[0], binary)
        shutil.copy(_marker(current[0]), _marker(binary))


def _stamp(sources: Path) -> str:
    return hashlib.sha256(
        b"".join(file.read_bytes() for file in sorted(sources.iterdir()))
    ).hexdigest()


def _marker(binary: Path) -> Path:
    return binary.with_suffix(".built-from")


def _is_current(binary: Path, sources: Path) -> bool:
    marker = _marker(binary)
    return binary.exists() and marker.exists() and marker.read_text() == _stamp(sources)


def _check_go() -> None:
    needed = ".".join(map(str, GO_VERSION))
    if shutil.which("go") is None:
        raise Failed(f"compiling needs Go {needed} or later: no `go` on PATH, install it")
    version = run("go", "version")
    found = re.search(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < GO_VERSION:
        raise Failed(f"compiling needs Go {needed} or later, here is: {version}")


def _compile(binary: Path, sources: Path, package: str) -> None:
    step(f"compiling {binary.name}: the first time this takes minutes")
    began = time.monotonic()
    _marker(binary).unlink(missing_ok=True)  # a build that is killed leaves no valid binary
    for folder in (state.BIN, state.TEMPORARY):
        folder.mkdir(parents=True, exist_ok=True)
    variables = environment("build") | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTMPDIR": str(state.TEMPORARY),
    }
    flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", _FLAGS]
    command = ["go", "build", *flags, "-o", str(binary), package]
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
    _marker(binary).write_text(_stamp(sources))
    step(f"compiled {binary.name} in {time.monotonic() - began:.0f} s")
