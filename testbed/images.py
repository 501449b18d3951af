"""The images that every node has from its start: of Debian's busybox and this machine's fio."""

import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from . import state
from .shell import run, step
from .state import Failed

PAUSE = "docker.io/stormark/pause:testbed"
FIO = "docker.io/stormark/fio:testbed"
BUSYBOX = ["docker.io/library/busybox:1.36", "docker.io/library/busybox:latest"]
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# What a path in an image holds: the bytes, a copy of a file, or a symbolic link to a name.
Content = bytes | Path | str


def make() -> None:
    """Write the archives into a folder that appears when it is complete.

    They are kept as long as this file, busybox and fio are those that they were made from.
    """
    busybox, fio = state.BUSYBOX, program("fio")
    marker, stamp = state.IMAGES / ".built-from", _stamp(Path(__file__), busybox, fio)
    if marker.exists() and marker.read_text() == stamp:
        return
    step("making images")
    fresh = state.IMAGES.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    base = busybox_files(busybox)
    write_archive(fresh / "pause.tar", [PAUSE], base, ["/bin/busybox", "sleep", "2147483647"])
    write_archive(fresh / "busybox.tar", BUSYBOX, base)
    write_archive(fresh / "fio.tar", [FIO], base | with_libraries(fio, "usr/bin/fio"))
    (fresh / marker.name).write_text(stamp)
    if state.IMAGES.exists():
        marker.unlink(missing_ok=True)  # a removal that is killed leaves no valid images
        shutil.rmtree(state.IMAGES)
    fresh.rename(state.IMAGES)


def _stamp(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def write_archive(
    path: Path,
    tags: list[str],
    files: Mapping[str, Content],
    entrypoint: list[str] | None = None,
) -> None:
    """Write a Docker archive: one layer with some files, by their paths without a leading /.

    Format: https://github.com/moby/docker-image-spec/blob/main/spec.md
    """
    layer = _layer(files)
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "Env": ["PATH=/usr/bin:/bin"],
        "Entrypoint": entrypoint,
        "Cmd": None if entrypoint else ["/bin/sh"],
    }
    with tarfile.open(path, "w") as archive:
        add(archive, "layer.tar", layer)
        add_description(archive, tags, digest, config)


def add_description(
    archive: tarfile.TarFile, tags: list[str], digest: str, config: Mapping[str, object]
) -> None:
    """Say in an archive what its `layer.tar` is: its SHA-256 digest, and how containers run it."""
    image = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"]}]
    add(archive, "config.json", json.dumps(image).encode())
    add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(files: Mapping[str, Content]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as layer:
        _add_folder(layer, "tmp", 0o1777)
        parents = {str(parent) for path in files for parent in Path(path).parents} - {"."}
        for folder in sorted(parents):
            _add_folder(layer, folder, 0o755)
        for path, source in files.items():
            add(layer, path, source)
    return content.getvalue()


def _add_folder(archive: tarfile.TarFile, path: str, mode: int) -> None:
    folder = tarfile.TarInfo(path)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def add(archive: tarfile.TarFile, path: str, source: Content) -> None:
    """Write a program or a link to a path of an archive."""
    file = tarfile.TarInfo(path)
    if isinstance(source, str):
        file.type, file.linkname = tarfile.SYMTYPE, source
        archive.addfile(file)
    else:
        data = source.read_bytes() if isinstance(source, Path) else source
        file.size, file.mode = len(data), 0o755
        archive.addfile(file, io.BytesIO(data))


def busybox_files(busybox: Path) -> dict[str, Content]:
    """A shell and its commands, and who is who."""
    applets = set(run(busybox, "--list").split()) - {"busybox"}
    return {
        **with_libraries(busybox, "bin/busybox"),
        "etc/passwd": b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
        "etc/group": b"root:x:0:\nnobody:x:65534:\n",
        **{f"bin/{applet}": "/bin/busybox" for applet in sorted(applets)},
    }


def with_libraries(program: Path, path: str) -> dict[str, Content]:
    """A program at a path of an image, and the shared libraries it loads; a static one has none."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    libraries = {word[1:]: Path(word) for word in listed.stdout.split() if word.startswith("/")}
    return {**libraries, path: program}


def program(name: str) -> Path:
    """The path of a program of this machine; raises Failed if there is none."""
    found = shutil.which(name)
    if found is None:
        raise Failed(f"making images needs {name}, which is not on PATH: install it")
    return Path(found)
