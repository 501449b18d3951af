"""A fault of the kubelets: what a container wrote in its last second is lost when it ends.

It is what a volume does that acknowledges writes which it still holds in memory. Files of
claims and hostPaths are cut back to the length they had; what was overwritten in place stays.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

NAME = "lose-last-second"
LOST_SECONDS = 1.0
SAMPLE_SECONDS = 0.05  # so much less than a second may be lost

Sizes = dict[Path, int]


class Losses:
    """The sizes of all files that running pods keep, over the last second, while the fault is set.

    `folders` tells the volumes of those pods.
    """

    def __init__(self, folders: Callable[[], Iterable[Path]]) -> None:
        self.fired = 0
        self._folders = folders
        self._history: deque[tuple[float, Sizes]] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Set the fault; what is there now is kept."""
        self.stop()
        self._sample()
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Clear the fault."""
        if self._task:
            self._task.cancel()
        self._task = None
        self._history.clear()
        self.fired = 0

    def listed(self) -> list[dict[str, object]]:
        """The fault as GET /embedded/faults shows it, if it is set."""
        return [{"kubelet": NAME, "fired": self.fired}] if self._task else []

    def strike(self, folders: Iterable[Path]) -> None:
        """Cut the files of an ended container's volumes back, if the fault is set."""
        if not self._task:
            return
        limit = asyncio.get_running_loop().time() - LOST_SECONDS
        before = [sizes for taken, sizes in self._history if taken <= limit]
        kept = before[-1] if before else self._history[0][1]
        cut = [(path, size) for path, size in sizes_of(folders).items() if size > kept.get(path, 0)]
        for path, _ in cut:
            os.truncate(path, kept.get(path, 0))
        self.fired += bool(cut)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self._sample()

    def _sample(self) -> None:
        now = asyncio.get_running_loop().time()
        self._history.append((now, sizes_of(self._folders())))
        while self._history[0][0] < now - 2 * LOST_SECONDS:
            self._history.popleft()


def sizes_of(folders: Iterable[Path]) -> Sizes:
    """The length in bytes of every file in the folders."""
    found: Sizes = {}
    for folder in folders:
        for top, _, files in os.walk(folder.resolve()):  # what goes meanwhile, it leaves out
            for path in (Path(top, name) for name in files):
                with suppress(FileNotFoundError):
                    if not path.is_symlink():
                        found[path] = path.stat().st_size
    return found
