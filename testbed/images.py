"""The images that every node has from its start, made of this machine's busybox and fio."""

import hashlib
import io
import json
import platform
import shutil
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
    """Write the archives once, into a folder that appears when it is complete."""
    if state.IMAGES.exists():
        return
    step("making images")
    fresh = state.IMAGES.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    busybox, fio = _program("busybox"), _program("fio")
    base = _busybox_files(busybox)
    write_archive(fresh / "pause.tar", [PAUSE], base, ["/bin/busybox", "sleep", "2147483647"])
    write_archive(fresh / "busybox.tar", BUSYBOX, base)
    files = base | {str(path)[1:]: path for path in _libraries(fio)} | {"usr/bin/fio": fio}
    write_archive(fresh / "fio.tar", [FIO], files)
    fresh.rename(state.IMAGES)


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
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/bin:/bin"],
                "Entrypoint": entrypoint,
                "Cmd": None if entrypoint else ["/bin/sh"],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        _add_file(archive, "layer.tar", layer)
        _add_file(archive, "config.json", config)
        _add_file(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(files: Mapping[str, Content]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as layer:
        _add_folder(layer, "tmp", 0o1777)
        parents = {str(parent) for path in files for parent in Path(path).parents} - {"."}
        for folder in sorted(parents):
            _add_folder(layer, folder, 0o755)
        for path, source in files.items():
            if isinstance(source, str):
                link = tarfile.TarInfo(path)
                link.type, link.linkname = tarfile.SYMTYPE, source
                layer.addfile(link)
            else:
                data = source.read_bytes() if isinstance(source, Path) else source
                _add_file(layer, path, data)
    return content.getvalue()


def _add_folder(archive: tarfile.TarFile, path: str, mode: int) -> None:
    folder = tarfile.TarInfo(path)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def _add_file(archive: tarfile.TarFile, path: str, data: bytes) -> None:
    file = tarfile.TarInfo(path)
    file.size, file.mode = len(data), 0o755
    archive.addfile(file, io.BytesIO(data))


def _busybox_files(busybox: Path) -> dict[str, Content]:
    applets = set(run(busybox, "--list").split()) - {"busybox"}
    return {
        "bin/busybox": busybox,
        "etc/passwd": b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
        "etc/group": b"root:x:0:\nnobody:x:65534:\n",
        **{f"bin/{applet}": "/bin/busybox" for applet in sorted(applets)},
    }


def _libraries(program: Path) -> list[Path]:
    """The shared libraries that a program loads, by the paths at which it looks for them."""
    words = run("ldd", program).split()
    return sorted({Path(word) for word in words if word.startswith("/")})


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise Failed(f"making images needs {name}, which is not on PATH: install it")
    return Path(found)
