"""Compiled once, reused as long as its Go files are the same; go itself is a script here."""

from pathlib import Path

import pytest

from testbed import build, state
from testbed.shell import CommandFailed
from testbed.state import Failed

GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit; fi
case "$*" in
*"mod download -json k8s.io/kubernetes@v1.31")
    echo '{{"Version": "v1.31.14", "GoMod": "own.mod"}}'
    exit ;;
*"mod download"*) echo '{{"Error": "no such version"}}'; exit 1 ;;
"mod edit -json own.mod")
    echo '{{"Go": "1.22.0", "Replace": [{{"Old": {{"Path": "k8s.io/api"}}}}]}}'
    exit ;;
esac
echo "$GOFLAGS $CGO_ENABLED $*" >>"{calls}"
cp go.mod "{calls}.mod"
while [ "$1" != -o ]; do shift; done
echo "some/package" >&2
{ending}
echo binary >"$2"
"""


class Go:
    """A stand-in for go that notes its calls."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.program, self.calls = folder / "go", folder / "calls"
        self.module = folder / "calls.mod"  # of the last build
        self.install()

    def install(self, version: str = "1.26.3", ending: str = "") -> None:
        self.program.write_text(GO.format(version=version, calls=self.calls, ending=ending))
        self.program.chmod(0o755)

    def count(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """`go` on PATH, and Go files of the test's own."""
    fake = Go(tmp_path / "go")
    monkeypatch.setenv("PATH", f"{fake.program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(build, "HERE", tmp_path)
    needs = {"kube": "1.26.0", "provisioner": "1.24.0", "csi": "1.26.0", "sidecars": "1.26.0"}
    for name, needed in needs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.go").write_text("package main\n")
        (tmp_path / name / "go.mod").write_text(f"module {name}\n\ngo {needed}\n")
    with (tmp_path / "kube/go.mod").open("a") as module:
        module.write("require (\n\tk8s.io/kubernetes v1.37.2\n)\n")
    return fake


def test_second_build_is_silent(go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    """Both binaries are compiled once, without cgo and with modules as they are noted."""
    build.build()
    assert go.count() == 2
    assert go.calls.read_text().startswith("-mod=readonly 0 build")
    assert "compiling kube: the first time this takes minutes" in capsys.readouterr().err
    build.build()
    assert go.count() == 2
    assert capsys.readouterr().err == ""


def test_what_attaches_volumes_is_compiled_when_it_is_asked_for(go: Go, tmp_path: Path) -> None:
    """The driver and its sidecars, of the modules of each."""
    build.build()
    assert not state.CSI.exists()
    build.build(csi=True)
    made = {path.name for path in state.BIN.iterdir() if path.suffix != ".built-from"}
    assert made >= {"csi", "csi-attacher", "csi-provisioner", "csi-resizer", "csi-snapshotter"}
    before = go.count()
    (tmp_path / "csi" / "main.go").write_text("package main // changed\n")
    build.build(csi=True)
    assert go.count() == before + 1


def test_what_another_testbed_has_compiled_is_taken_over(
    go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is compiled twice on a machine; of other Go files it is."""
    build.build()
    monkeypatch.setattr(state, "DEFAULT", state.FOLDER)
    second = tmp_path / "second"
    for name in ("BIN", "PROVISIONER", "TEMPORARY"):
        monkeypatch.setattr(state, name, second / getattr(state, name).relative_to(state.FOLDER))
    monkeypatch.setattr(state, "FOLDER", second)
    build.build()
    assert go.count() == 2
    assert build.compiled(None).read_text() == state.PROVISIONER.read_text() == "binary\n"
    (tmp_path / "provisioner" / "main.go").write_text("package main // changed\n")
    build.build()
    assert go.count() == 3


def test_progress(go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes of silence would look like a hang."""
    go.install(ending="seq 400 >&2")
    build.build()
    said = capsys.readouterr().err
    assert "compiling kube: 200 packages\ntestbed: compiling kube: 400 packages\n" in said
    assert "compiled local-path-provisioner in " in said


def test_changed_sources_are_compiled(go: Go, tmp_path: Path) -> None:
    """A change of the one leaves the other's binary."""
    build.build()
    (tmp_path / "kube" / "main.go").write_text("package main // changed\n")
    build.build()
    assert go.count() == 3


def test_failed_build_is_no_build(go: Go) -> None:
    """The message has go's last words; the next build compiles again."""
    go.install(ending="echo 'no such module' >&2; echo half >\"$2\"; exit 1")
    with pytest.raises(CommandFailed) as raised:
        build.build()
    assert "compiling kube" in str(raised.value)
    assert "no such module" in str(raised.value)
    assert "GOPROXY" in str(raised.value)
    go.install()
    build.build()
    assert build.compiled(None).read_text() == "binary\n"


def test_old_go(go: Go) -> None:
    """An old Go is refused before it fails in its own words."""
    go.install(version="1.19.8")
    with pytest.raises(Failed, match=r"needs Go 1\.26 or later, here is: go version go1\.19"):
        build.build()


def test_no_go(go: Go, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Go the message says so; with its binaries there, Go is not missed."""
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        with pytest.raises(Failed, match="no `go` on PATH"):
            build.build()
    build.build()
    monkeypatch.setenv("PATH", str(tmp_path))
    build.build()
    assert go.count() == 2


def test_what_kubernetes_says_of_its_version(go: Go) -> None:
    """It is that of go.mod, which the linker is told."""
    build.build()
    kube, provisioner = go.calls.read_text().splitlines()
    for package in ("component-base", "client-go/pkg"):
        assert f"-X k8s.io/{package}/version.gitVersion=v1.37.2 " in kube
        assert f"-X k8s.io/{package}/version.gitMinor=37 " in kube
    assert "gitVersion" not in provisioner


def test_an_older_kubernetes(go: Go, tmp_path: Path) -> None:
    """Its go.mod is made of its own, with the libraries beside it as modules; once, too."""
    build.build()
    for _ in range(2):
        build.build("1.31")
    assert go.count() == 3
    call = go.calls.read_text().splitlines()[-1]
    assert call.startswith("-mod=mod 0 build")
    assert "version.gitVersion=v1.31.14 " in call
    assert go.module.read_text().splitlines() == [
        "module kube",
        "go 1.22.0",
        "require k8s.io/kubernetes v1.31.14",
        "replace k8s.io/api => k8s.io/api v0.31.14",
    ]
    (tmp_path / "kube" / "main.go").write_text("package main // changed\n")
    build.build("1.31")
    assert go.count() == 4


def test_a_release_that_there_is_not(go: Go) -> None:
    """It is told by name, with the proxy's words; nothing is compiled in its place."""
    with pytest.raises(
        Failed, match=r"Kubernetes 1\.99 cannot .*: no such version\. Give .*GOPROXY"
    ):
        build.build("1.99")
    assert not build.compiled("1.99").exists()
    assert go.count() == 0


def test_a_testbed_runs_the_release_that_it_was_made_with(go: Go) -> None:
    """Neither `up` of the default runs an older one's binaries, nor the other way round."""
    go.install(ending=f'tail -n 1 {go.calls} >"$2"; exit')  # a binary is how it was made
    for release, other in ((None, "1.31"), ("1.31", None)):
        for _ in range(2):
            build.choose(release)
            build.build(release)
        assert ("v1.31.14" if release else "v1.37.2") in state.KUBE.read_text()
        with pytest.raises(Failed, match="`python -m testbed down`, then `up` again"):
            build.choose(other)
        assert state.KUBE.resolve() == build.compiled(release)
        state.KUBE.unlink()  # as `down` does
