"""Images as containerd takes them: Docker archives of one layer."""

import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from testbed import images, state

TAG = "docker.io/test/image:1"


def layer_and_config(path: Path, tag: str = TAG) -> tuple[bytes, dict[str, object]]:
    """The layer and the image's configuration, found through the manifest."""
    with tarfile.open(path) as archive:
        contents = {m.name: archive.extractfile(m) for m in archive.getmembers()}
        read = {name: file.read() for name, file in contents.items() if file is not None}
    (manifest,) = json.loads(read["manifest.json"])
    assert manifest["RepoTags"] == [tag]
    (layer,) = manifest["Layers"]
    return read[layer], json.loads(read[manifest["Config"]])


def test_archive(tmp_path: Path) -> None:
    """Bytes, copies and links are in the layer, below folders; its digest is the config's."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    files: dict[str, images.Content] = {
        "bin/program": program,
        "bin/link": "/bin/program",
        "etc/deep/text": b"text",
    }
    images.write_archive(tmp_path / "image.tar", [TAG], files, ["/bin/link"])
    layer, config = layer_and_config(tmp_path / "image.tar")
    assert config["rootfs"] == {
        "type": "layers",
        "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
    }
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        names = tar.getnames()
        assert names == [
            "tmp",
            "bin",
            "etc",
            "etc/deep",
            "bin/program",
            "bin/link",
            "etc/deep/text",
        ]
        assert tar.getmember("tmp").mode == 0o1777
        assert tar.getmember("bin/link").linkname == "/bin/program"
        copied = tar.extractfile("bin/program")
        assert copied is not None
        assert copied.read() == b"\x7fELF"
        assert tar.getmember("bin/program").mode & 0o111


def test_a_program_comes_with_what_it_loads(tmp_path: Path) -> None:
    """Debian's busybox may be the one that needs libc; a static program needs nothing."""
    program = Path(sys.executable).resolve()
    files = images.with_libraries(program, "usr/bin/program")
    assert files.pop("usr/bin/program") == program
    assert any(path.rpartition("/")[2].startswith("libc.") for path in files)
    assert all(file == Path(f"/{path}") and file.exists() for path, file in files.items())
    static = tmp_path / "static"
    static.write_bytes(b"no dynamic executable")
    assert images.with_libraries(static, "bin/static") == {"bin/static": static}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a fio, and the testbed's busybox: both are scripts."""
    state.BIN.mkdir()
    for program in (state.BUSYBOX, tmp_path / "fio"):
        program.write_text("#!/bin/sh\necho sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_images_are_made_anew_of_a_newer_program(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the same ones they are kept."""
    images.make()
    assert "making images" in capsys.readouterr().err
    images.make()
    assert capsys.readouterr().err == ""
    with (programs / "fio").open("a") as fio:
        fio.write("# newer\n")
    images.make()
    layer, _ = layer_and_config(state.IMAGES / "fio.tar", "docker.io/stormark/fio:testbed")
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        packed = tar.extractfile("usr/bin/fio")
        assert packed is not None
        assert packed.read() == (programs / "fio").read_bytes()


@pytest.mark.usefixtures("programs")
def test_images_half_removed_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill in the middle leaves some archives, and no stamp, whatever is made then."""
    images.make()
    before = sorted(path.name for path in state.IMAGES.iterdir())

    def killed(folder: Path, **_: object) -> None:
        if folder == state.IMAGES:
            (folder / "fio.tar").unlink()
            raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(images, "_stamp", lambda *_: "newer")
        crash.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            images.make()
    images.make()
    assert sorted(path.name for path in state.IMAGES.iterdir()) == before
