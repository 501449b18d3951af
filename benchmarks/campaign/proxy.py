"""A proxy between stormark and an API server that answers chosen calls wrongly, or is away.

It speaks HTTP on loopback to whoever has its token, and TLS to the API server with what the
kubeconfig has. A connection is for one request.
"""

import asyncio
import json
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml
from kubernetes import client, config

from tests.embedded.faulty.faults import call_of

STALL_SECONDS = 5.0
# An HTTP status to answer with; `drop` closes before the call is passed on, `lost` after the
# cluster has carried it out, `stall` after STALL_SECONDS in which nothing is passed on.
FAULTS = ("429", "500", "503", "drop", "lost", "stall")
REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


class Call(NamedTuple):
    """A call as RBAC names it, and the how manieth of that verb and resource it is, from 1 on."""

    verb: str
    resource: str
    nth: int

    @property
    def pair(self) -> tuple[str, str]:
        """Its verb and resource."""
        return self.verb, self.resource


class Proxy:
    """What was asked, in order, and what is done about it; both hooks run in the proxy's thread.

    `fault` says how a call is broken, if it is. `answered` is told a call that the API server has
    answered, before the answer is passed on.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.calls: list[Call] = []
        self.broken: list[Call] = []
        self.fault: Callable[[Call], str | None] = lambda _: None
        self.answered: Callable[[Call], None] = lambda _: None
        self.token = secrets.token_hex(16)
        self._settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=self._settings)
        self._seen: Counter[tuple[str, str]] = Counter()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._absence: Future[None] | None = None

    def away(self, seconds: float) -> None:
        """Cut every connection, and refuse others for so long; returns at once."""
        self._absence = self._submit(self._go_away(seconds))

    def back(self) -> None:
        """Wait until the API server is there again, if it is away."""
        if self._absence is not None:
            self._absence.result()

    def forget(self) -> None:
        """Count from the start, and pass on every call."""
        self.calls, self.broken, self._seen = [], [], Counter()
        self.fault, self.answered = lambda _: None, lambda _: None

    def _submit(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _go_away(self, seconds: float) -> None:
        await self._refuse()
        await asyncio.sleep(seconds)
        await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = [line.partition(":")[::2] for line in lines]
        told = {name.lower(): value.strip() for name, value in headers}
        if not secrets.compare_digest(told.get("authorization", ""), f"Bearer {self.token}"):
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        method, target, _ = first.split(" ")
        call = self._count(method, target)
        fault = self.fault(call)
        if fault is not None:
            self.broken.append(call)
        if fault == "stall":
            await asyncio.sleep(STALL_SECONDS)
        if fault in {"drop", "stall"}:
            writer.transport.abort()
            return
        if fault is not None and fault.isdigit():
            await _read_body(reader, told)
            writer.write(_refusal(int(fault)))
            await writer.drain()
            return
        await self._pass_on(first, headers, reader, writer, call, lose=fault == "lost")

    def _count(self, method: str, target: str) -> Call:
        url = urlsplit(target)
        verb, resource = call_of(url.path, method, url.query)[:2]
        if "dryRun=" in url.query:  # which changes nothing
            verb = f"dry {verb}"
        self._seen[verb, resource] += 1
        call = Call(verb, resource, self._seen[verb, resource])
        self.calls.append(call)
        return call

    async def _pass_on(
        self,
        first: str,
        headers: list[tuple[str, str]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        call: Call,
        *,
        lose: bool,
    ) -> None:
        """Pass a request on, and its answer back, until either side ends."""
        url = urlsplit(self._settings.host)
        upgrade = any(name.lower() == "upgrade" for name, _ in headers)
        dropped = {"host", "authorization"} | (set() if upgrade else {"connection"})
        sent = [first, f"Host: {url.netloc}", *([] if upgrade else ["Connection: close"])]
        if token := self._settings.get_api_key_with_prefix("BearerToken"):
            sent.append(f"Authorization: {token}")
        sent += [f"{name}:{value}" for name, value in headers if name.lower() not in dropped]
        answer, asked = await asyncio.open_connection(url.hostname, url.port, ssl=self._tls())
        try:
            asked.write(("\r\n".join(sent) + "\r\n\r\n").encode())
            there = asyncio.create_task(_pump(reader, asked))
            beginning = await answer.read(65536)
            self.answered(call)
            if lose:
                writer.transport.abort()
                there.cancel()
                return
            writer.write(beginning)
            back = asyncio.create_task(_pump(answer, writer))
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            there.cancel()
            back.cancel()
        finally:
            asked.close()

    def _tls(self) -> ssl.SSLContext | None:
        if not self._settings.host.startswith("https"):
            return None
        context = ssl.create_default_context(cafile=self._settings.ssl_ca_cert)
        if self._settings.cert_file:
            context.load_cert_chain(self._settings.cert_file, self._settings.key_file)
        return context

    def write_kubeconfig(self, path: Path) -> None:
        """A kubeconfig that leads through the proxy."""
        write_kubeconfig(path, {"server": f"http://127.0.0.1:{self._port}"}, self.token)


async def _read_body(reader: asyncio.StreamReader, told: dict[str, str]) -> None:
    """So that the client reads its answer, and not that its request was cut."""
    await reader.readexactly(int(told.get("content-length", 0)))


def _refusal(status: int) -> bytes:
    reason = REASONS[status]
    what = {"kind": "Status", "status": "Failure", "reason": reason, "code": status}
    body = json.dumps(what | {"message": "a fault of the campaign's"})
    again = "Retry-After: 1\r\n" if status == 429 else ""
    return (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n{again}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await source.read(65536):
            sink.write(content)
            await sink.drain()


def write_kubeconfig(path: Path, cluster: dict[str, Any], token: str) -> None:
    """A kubeconfig with one context, named campaign."""
    name = "campaign"
    what = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(what))


@contextmanager
def proxied(kubeconfig: Path) -> Iterator[Proxy]:
    """A proxy to the cluster of a kubeconfig, for the block."""
    proxy = Proxy(kubeconfig)
    thread = threading.Thread(target=proxy._loop.run_forever)
    thread.start()
    try:
        proxy._submit(proxy._listen()).result()
        yield proxy
        proxy._submit(proxy._refuse()).result()
    finally:
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        thread.join()
        _close(proxy._loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """End what is still under way on a loop that does not run any more, and close it."""
    if left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left))
    loop.close()
