"""The images that every node has from its start, made of this machine's busybox and fio."""

import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from . import state
from .shell import run, step

PAUSE = "docker.io/stormark/pause:testbed"
FIO = "docker.io/stormark/fio:testbed"
BUSYBOX = ("docker.io/library/busybox:1.36", "docker.io/library/busybox:latest")
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
    tags: list[str] | tuple[str, ...],
    files: Mapping[str, Content],
    entrypoint: list[str] | None = None,
) -> None:
    """Write a Docker archive: one layer with some files, by their paths without a leading /.

    Format: https://github.com/moby/docker-image-spec/blob/main/spec.md
    """
    layer = _layer(files)
    digest = hashlib_sha256(layer)
    config = json.dumps(
        {
            "architecture": _architecture(),
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/bin:/bin"],
                "Entrypoint": entrypoint,
                "Cmd": None if entrypoint else ["/bin/sh"],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
