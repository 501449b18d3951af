"""`python -m embedded`: the cluster in the foreground, until a signal or the end of its input."""

import argparse
import asyncio
import fcntl
import logging
import os
import shutil
import signal
import socket
import stat
import tempfile
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
import yaml
from starlette.types import ASGIApp

from embedded.controllers import claims, garbage, jobs, nodes, scheduler, stateful_sets, workloads
from embedded.node.kubelet import Kubelet
from embedded.server import api, door, pods
from embedded.store.store import Store

HOME = Path("/var/tmp")  # noqa: S108 - each cluster makes a folder of its own in it


Application = Callable[[Store, dict[str, Kubelet]], ASGIApp]


def main(application: Application = api.application) -> None:
    """Read the arguments and serve; print the kubeconfig's path once the cluster is ready.

    Tests give an `application` that answers some calls wrongly.
    """
    parser = argparse.ArgumentParser(prog="python -m embedded", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="where volumes live; made, and removed at the end"
    )
    parser.add_argument(
        "--kubeconfig", type=Path, help="where to write it (default: in the folder)"
    )
    arguments = parser.parse_args()
    folder, lock = make_folder(arguments.folder)
    kubeconfig = arguments.kubeconfig or folder / "kubeconfig"
    try:
        asyncio.run(serve(folder, kubeconfig, application))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        kubeconfig.unlink(missing_ok=True)
        os.close(lock)


def make_folder(given: Path | None) -> tuple[Path, int]:
    """A new folder, and the open file that holds a lock on it as long as this process lives.

    By default it is one in /var/tmp: /tmp may be in memory, and fio must measure a disk.
    """
    if given is None:
        remove_stale_folders()
        folder = Path(tempfile.mkdtemp(prefix=".stormark-embedded-", dir=HOME))
    else:
        try:
            given.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise SystemExit(
                f"embedded cluster: folder {given} exists; name a new one, it is removed at the end"
            ) from None
        folder = given.resolve()
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Only from here on may others see it and find it locked.
    return (folder if given else folder.rename(folder.with_name(folder.name[1:]))), lock


def remove_stale_folders() -> None:
    """Remove what clusters left that were killed: nobody holds the lock on their folders."""
    for folder in HOME.glob("stormark-embedded-*"):
        with suppress(OSError):  # it is locked, just went, or is somebody else's
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


async def serve(folder: Path, kubeconfig: Path, application: Application) -> None:
    """Run the cluster until it is told to end, then end every process it started."""
    store = Store()
    node_folders = nodes.make_folders(folder)
    kubelets = {name: Kubelet(store, name, path) for name, path in node_folders.items()}
    loops: list[Coroutine[None, None, None]] = [
        nodes.run(store),
        claims.run(store, node_folders),
        scheduler.run(store),
        workloads.run(store),
        stateful_sets.run(store),
        jobs.run(store),
        garbage.run(store),
        pods.run_budgets(store),
        *(kubelet.run() for kubelet in kubelets.values()),
    ]
    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio sets it only on sockets that name their protocol; without it, answers wait 40 ms
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = door.make_key(folder)
    app = door.Door(application(store, kubelets), key.token)
    # Its errors are tracebacks of this program; its warnings and websocket errors are refusals, and
    # at its end it cancels what still watches.
    server = Server(
        uvicorn.Config(
            app,
            log_level="error",
            lifespan="off",
            ssl_certfile=str(key.certificate),
            ssl_keyfile=str(key.key),
        )
    )
    logging.getLogger("uvicorn.error").addFilter(is_error)
    watch_for_end(server)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop) for loop in loops]
            await asyncio.sleep(0)  # every loop watches before the first object appears
            nodes.populate(store)
            write_kubeconfig(kubeconfig, listener.getsockname()[1], key)
            print(kubeconfig, flush=True)  # noqa: T201 - the line that says: ready
            await server.serve([listener])
            for task in tasks:
                task.cancel()
    finally:  # now that no controller replaces a pod that ends
        for kubelet in kubelets.values():
            await kubelet.shut_down()


def is_error(message: logging.LogRecord) -> bool:
    """False for what uvicorn says of a refused websocket, and of a request that its end cancels."""
    cancelled = message.exc_info and isinstance(message.exc_info[1], asyncio.CancelledError)
    return not cancelled and "without completing handshake" not in message.msg


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: the cluster has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def watch_for_end(server: uvicorn.Server) -> None:
    """End the server on SIGINT, SIGTERM, and when the parent closes the pipe it gave as input."""

    def end() -> None:
        server.should_exit = True
        server.force_exit = True  # open watches would be waited for

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, end)
    loop.add_signal_handler(signal.SIGTERM, end)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, end)  # nothing is ever written to it: readable means closed


def write_kubeconfig(path: Path, port: int, key: door.Key) -> None:
    """A kubeconfig with one context, named embedded; it has the token, so it is its owner's."""
    authority = b64encode(key.certificate.read_bytes()).decode()
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "embedded",
        "clusters": [{"name": "embedded", "cluster": cluster}],
        "users": [{"name": "embedded", "user": {"token": key.token}}],
        "contexts": [{"name": "embedded", "context": {"cluster": "embedded", "user": "embedded"}}],
    }
    door.write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


if __name__ == "__main__":
    main()
